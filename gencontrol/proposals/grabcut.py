"""GrabCut: a thing's mask from its box by colours and edges, without any weights (Rother et al., SIGGRAPH 2004).

Two mixtures of Gaussians say how well a pixel's colour fits the thing and what is around it; a minimum cut finds the
mask that agrees with them and follows edges; the mixtures are fitted again to what the cut says, and so on.
"""

from collections.abc import Sequence

import numpy as np
import torch
from jaxtyping import Bool, Float, Int, Shaped
from PIL import Image
from scipy.sparse import csr_matrix
from scipy.sparse.csgraph import breadth_first_order, maximum_flow
from torch import Tensor

from gencontrol.images.picture import Picture
from gencontrol.images.reading import ImageSource, read_image
from gencontrol.images.writing import to_pil
from gencontrol.proposals.segmenter import Segmentation, check_boxes

SIDE, MARGIN, ROUNDS = 160, 0.25, 4
"""Pixels of the longer side of what is looked at; how much of the box's longer side it reaches beyond; cuts."""

# The paper's: Gaussians in a mixture, and how much an edge weighs beside the colours.
_GAUSSIANS, _EDGES = 5, 50.0
# Of a Gaussian, so that a flat colour has one that is not a point; colours are from 0 to 255.
_NARROWEST = 4.0
_STEPS_OF_MEANS = 8
# Of a box: a smaller mask is none.
_LEAST = 0.02
# Steps of capacities, which are whole numbers to scipy's maximum flow.
_STEPS = 100.0
# To the right, down, and both ways aslant.
_NEIGHBOURS = ((0, 1), (1, 0), (1, 1), (1, -1))


class GrabCutSegmenter:
    """GrabCut behind the protocol of segmenters. The same picture and box give the same mask."""

    def segment(self, image: ImageSource, boxes: Float[Tensor, "k 4"]) -> Segmentation:
        """See `gencontrol.proposals.Segmenter`; a thing that fills its picture has no surroundings, and is its box."""
        picture = read_image(image)
        shown = to_pil(Picture(rgb=picture.stored_rgb))
        found = [_segment(shown, box) for box in check_boxes(boxes, picture.size).tolist()]
        masks = np.stack(found) if found else np.zeros((0, *picture.size), dtype=np.bool_)
        return Segmentation(masks=torch.from_numpy(masks), scores=None)


def _segment(shown: Image.Image, box: Sequence[float]) -> Bool[np.ndarray, "h w"]:
    """The mask of one box, of the picture's size."""
    x0, y0, x1, y1 = box
    reach = MARGIN * max(x1 - x0, y1 - y0) + 1
    left, top = max(int(x0 - reach), 0), max(int(y0 - reach), 0)
    right, bottom = min(int(x1 + reach) + 1, shown.width), min(int(y1 + reach) + 1, shown.height)
    scale = min(SIDE / max(right - left, bottom - top), 1.0)
    size = (max(round((right - left) * scale), 1), max(round((bottom - top) * scale), 1))
    window = np.asarray(shown.crop((left, top, right, bottom)).resize(size, Image.Resampling.BOX), dtype=np.float64)
    x, y = (np.arange(side) + 0.5 for side in size)
    across = right - left, bottom - top
    columns = (x * across[0] / size[0] + left >= x0) & (x * across[0] / size[0] + left < x1)
    rows = (y * across[1] / size[1] + top >= y0) & (y * across[1] / size[1] + top < y1)
    small = grab_cut(window, rows[:, None] & columns[None])
    mask = np.zeros((shown.height, shown.width), dtype=np.bool_)
    levels = Image.fromarray(small.astype(np.uint8) * 255).resize(across, Image.Resampling.BILINEAR)
    mask[top:bottom, left:right] = np.asarray(levels) >= 128
    return mask & _inside(box, shown.size)


def _inside(box: Sequence[float], size: tuple[int, int]) -> Bool[np.ndarray, "h w"]:
    x0, y0, x1, y1 = box
    x, y = (np.arange(side) + 0.5 for side in size)
    return ((y >= y0) & (y < y1))[:, None] & ((x >= x0) & (x < x1))[None]


def grab_cut(
    colours: Float[np.ndarray, "h w 3"], inside: Bool[np.ndarray, "h w"], *, rounds: int = ROUNDS
) -> Bool[np.ndarray, "h w"]:
    """The mask of what is inside, given that what is outside is not it.

    Args:
        colours: From 0 to 255.
        inside: Where the thing may be.
        rounds: How often the colours are learned and the cut is made.

    Returns:
        True on the thing; all that is inside where nothing is outside, or where the cut leaves next to nothing of it.
    """
    mask = inside
    edges = _edge_weights(colours)
    for _ in range(rounds):
        if not mask.any() or mask.all():
            break
        likely = [-_log_likelihood(colours, colours[part]) for part in (mask, ~mask)]
        new = _minimum_cut(likely[0], np.where(inside, likely[1], -np.inf), edges)
        if np.array_equal(new, mask):
            break
        mask = new
    return mask if mask.sum() > _LEAST * inside.sum() else inside


def _log_likelihood(colours: Float[np.ndarray, "h w 3"], of: Float[np.ndarray, "n 3"]) -> Float[np.ndarray, "h w"]:
    """Log density of each colour in the mixture that fits some pixels."""
    labels, densities = _clusters(of), []
    for label in np.unique(labels):
        mine = of[labels == label]
        centred = mine - mine.mean(axis=0)
        spread = centred.T @ centred / len(mine) + _NARROWEST * np.eye(3)
        away = colours - mine.mean(axis=0)
        distance = np.einsum("hwi,ij,hwj->hw", away, np.linalg.inv(spread), away)
        densities.append(np.log(len(mine) / len(of)) - 0.5 * (distance + np.linalg.slogdet(spread)[1]))
    return np.logaddexp.reduce(densities, axis=0)


def _clusters(colours: Float[np.ndarray, "n 3"]) -> Int[np.ndarray, " n"]:
    """Which of a few clusters each colour is in: k-means, from equal parts along the direction in which they vary."""
    centred = colours - colours.mean(axis=0)
    along = centred @ np.linalg.eigh(centred.T @ centred)[1][:, -1]
    middles = np.stack(
        [colours[part].mean(axis=0) for part in np.array_split(np.argsort(along), _GAUSSIANS) if len(part)]
    )
    labels = np.zeros(len(colours), dtype=np.int64)
    for _ in range(_STEPS_OF_MEANS):
        labels = ((colours[:, None] - middles) ** 2).sum(axis=-1).argmin(axis=1)
        middles = np.stack(
            [colours[labels == n].mean(axis=0) if (labels == n).any() else m for n, m in enumerate(middles)]
        )
    return labels


def _edge_weights(colours: Float[np.ndarray, "h w 3"]) -> list[Float[np.ndarray, "_ _"]]:
    """For each direction, how much it costs to part two neighbours: little across an edge."""
    steps = [((a - b) ** 2).sum(axis=-1) for a, b in (_pairs(colours, d) for d in _NEIGHBOURS)]
    mean = sum(float(step.sum()) for step in steps) / max(sum(step.size for step in steps), 1)
    lengths = [float(np.hypot(*direction)) for direction in _NEIGHBOURS]
    return [_EDGES / length * np.exp(-step / (2 * mean or 1.0)) for step, length in zip(steps, lengths, strict=True)]


def _pairs(values: Shaped[np.ndarray, "h w ..."], direction: tuple[int, int]):
    """Each value and its neighbour in a direction, where there is one."""
    down, right = direction
    if right < 0:
        return values[: len(values) - down, -right:], values[down:, :right]
    return values[: len(values) - down, : values.shape[1] - right], values[down:, right:]


def _minimum_cut(
    as_thing: Float[np.ndarray, "h w"], as_rest: Float[np.ndarray, "h w"], edges: Sequence[np.ndarray]
) -> Bool[np.ndarray, "h w"]:
    """The mask whose costs, of its pixels and of the edges that it cuts, are least.

    Args:
        as_thing: What it costs that a pixel is the thing.
        as_rest: What it costs that it is not; -inf where it cannot be the thing.
        edges: See `_edge_weights`.
    """
    height, width = as_thing.shape
    nodes = np.arange(height * width).reshape(height, width)
    source, sink = height * width, height * width + 1
    # Only the difference counts; one that no cut can pay fixes a pixel.
    never = 1 + 8 * _EDGES
    gain = np.clip(np.where(np.isneginf(as_rest), -never, as_rest - as_thing), -never, never)
    starts, ends, costs = [], [], []
    for direction, weights in zip(_NEIGHBOURS, edges, strict=True):
        a, b = (part.ravel() for part in _pairs(nodes, direction))
        starts += [a, b]
        ends += [b, a]
        costs += [weights.ravel()] * 2
    starts += [np.full(nodes.size, source), nodes.ravel()]
    ends += [nodes.ravel(), np.full(nodes.size, sink)]
    costs += [np.maximum(gain, 0).ravel(), np.maximum(-gain, 0).ravel()]
    values = np.round(_STEPS * np.concatenate(costs)).astype(np.int32)
    places = np.concatenate(starts), np.concatenate(ends)
    graph = csr_matrix((values, places), shape=(sink + 1, sink + 1))
    left = graph - maximum_flow(graph, source, sink).flow
    left.eliminate_zeros()
    reached = breadth_first_order(left, source, return_predecessors=False)
    mask = np.zeros(sink + 1, dtype=np.bool_)
    mask[reached] = True
    return mask[: nodes.size].reshape(height, width)
