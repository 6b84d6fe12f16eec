"""A dense loss for detectors that say something at every patch: who answers for a box, and how wrong the answer is."""

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor
from torchvision.ops import box_iou, generalized_box_iou_loss, sigmoid_focal_loss

MIDDLE = 0.25
"""Share of a box's side, to both sides of its middle, within which patches answer for it."""


def patch_middles(rows: int, columns: int) -> Float[Tensor, "p 2"]:
    """x and y of every patch's middle, as shares of the picture; row by row."""
    y, x = torch.meshgrid((torch.arange(rows) + 0.5) / rows, (torch.arange(columns) + 0.5) / columns, indexing="ij")
    return torch.stack([x, y], dim=-1).reshape(-1, 2)


def to_corners(boxes: Float[Tensor, "*n 4"]) -> Float[Tensor, "*n 4"]:
    """x0, y0, x1, y1 of boxes that are centre x and y, width and height."""
    middle, half = boxes[..., :2], boxes[..., 2:] / 2
    return torch.cat([middle - half, middle + half], dim=-1)


def to_middles(boxes: Float[Tensor, "*n 4"]) -> Float[Tensor, "*n 4"]:
    """Centre x and y, width and height of boxes that are x0, y0, x1, y1."""
    return torch.cat([(boxes[..., :2] + boxes[..., 2:]) / 2, boxes[..., 2:] - boxes[..., :2]], dim=-1)


def answering(
    middles: Float[Tensor, "p 2"], boxes: Float[Tensor, "b k 4"], there: Bool[Tensor, "b k"]
) -> Bool[Tensor, "b p k"]:
    """Which patch answers for which box: those around its middle, of several boxes for the one whose middle is nearest
    in its own measure; and always the nearest patch.

    Args:
        middles: Of the patches, as shares of the picture.
        boxes: Centre x and y, width and height, as shares of the picture.
        there: Which of them are boxes at all.
    """
    away = (middles[None, :, None] - boxes[:, None, :, :2]).abs()
    relative = (away / boxes[:, None, :, 2:].clamp(min=1e-6)).amax(-1).masked_fill(~there[:, None], torch.inf)
    inside = (relative < MIDDLE) & (relative == relative.amin(-1, keepdim=True))
    nearest = away.square().sum(-1).argmin(1)
    return inside.scatter(1, nearest[:, None], True) & there[:, None]


def dense_losses(
    logits: Float[Tensor, "b p q"],
    found: Float[Tensor, "b p 4"],
    *,
    boxes: Float[Tensor, "b k 4"],
    true_of: Bool[Tensor, "b k q"],
    middles: Float[Tensor, "p 2"],
) -> dict[str, Tensor]:
    """How wrong the names and the boxes are, as scalars to be weighted.

    Args:
        logits: Of every patch and phrase.
        found: Of every patch, as shares of the picture: centre x and y, width and height.
        boxes: Where things are, in the same notation.
        true_of: Which phrases are true of each of them; a row without any is no thing.
        middles: Of the patches.
    """
    answers = answering(middles, boxes, true_of.any(-1))
    wanted = (answers[..., None] & true_of[:, None]).any(2)
    row, patch, box = answers.nonzero(as_tuple=True)
    count = max(len(row), 1)
    names = sigmoid_focal_loss(logits.float(), wanted.float(), reduction="sum") / count
    mine, theirs = found[row, patch].float(), boxes[row, box]
    sides = (mine - theirs).abs().sum() / count
    return {
        "names": names,
        "sides": sides,
        "overlap": generalized_box_iou_loss(to_corners(mine), to_corners(theirs), reduction="sum") / count,
    }


def best_boxes(logits: Float[Tensor, "b p q"], found: Float[Tensor, "b p 4"]) -> Float[Tensor, "b q 4"]:
    """Of each phrase the box of the patch that is surest of it."""
    surest: Int[Tensor, "b q"] = logits.argmax(1)
    return found.gather(1, surest[..., None].expand(-1, -1, 4))


def overlaps(one: Float[Tensor, "n 4"], other: Float[Tensor, "n 4"]) -> Float[Tensor, " n"]:
    """Intersection over union of each box with its counterpart; both as centre x and y, width and height."""
    return torch.diagonal(box_iou(to_corners(one), to_corners(other)))
