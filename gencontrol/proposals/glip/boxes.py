"""From what GLIP's head says of each place to boxes: anchors, scores of phrases, and the best without doubles.

All boxes in this file are the authors': of the scaled picture, in pixels, whose last column and row are *inside*.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor
from torchvision.ops import batched_nms

from gencontrol.proposals.glip.config import STRIDES
from gencontrol.proposals.glip.model import GlipOutput

# The authors' values at test time: a place's likelihood, places kept of a level, overlap of doubles.
LEAST_LIKELY, MOST_OF_LEVEL, OVERLAP = 0.05, 1000, 0.6

_ANCHOR = 8
"""Strides in an anchor's side."""
_CENTRE, _SIZE = 10.0, 5.0
"""By how much the head's shifts and scales are larger than what they mean."""
_WIDEST = math.log(1000 / 16)
"""Of the logarithm of a scale."""


@dataclass(frozen=True, kw_only=True)
class Detections:
    """Boxes of one picture, the best first."""

    boxes: Float[Tensor, "k 4"]
    """x0, y0, x1, y1 in pixels of the scaled picture, the last ones inside."""
    scores: Float[Tensor, " k"]
    """Square root of likelihood times centerness; [0, 1]."""
    phrases: Int[Tensor, " k"]
    """Index of the phrase."""


def anchor_centres(size: tuple[int, int], stride: int) -> Float[Tensor, "p 2"]:
    """(x, y) of each place of a level, in rows; float64."""
    height, width = size
    y, x = torch.meshgrid(
        torch.arange(height, dtype=torch.float64), torch.arange(width, dtype=torch.float64), indexing="ij"
    )
    return torch.stack([x, y], dim=-1).flatten(0, 1) * stride + (stride - 1) / 2


def decode(deltas: Float[Tensor, "p 4"], centres: Float[Tensor, "p 2"], stride: int) -> Float[Tensor, "p 4"]:
    """Boxes from anchors, which are squares of eight strides, and from what the head says beside them.

    Args:
        deltas: Shift in x and y, scale of width and height.
        centres: See `anchor_centres`.
        stride: The level's.
    """
    side = _ANCHOR * stride
    middle = deltas[:, :2] / _CENTRE * side + centres
    size = (deltas[:, 2:] / _SIZE).clamp(max=_WIDEST).exp() * side
    return torch.cat([middle - (size - 1) / 2, middle + (size - 1) / 2], dim=1)


def phrase_likelihoods(logits: Float[Tensor, "p n"], tokens: Sequence[Sequence[int]]) -> Float[Tensor, "p k"]:
    """The mean of its tokens' sigmoids, for each phrase.

    Args:
        logits: Of each place and token.
        tokens: The places of each phrase's tokens in the caption.
    """
    likely = logits.sigmoid()
    return torch.stack([likely[:, list(places)].mean(dim=1) for places in tokens], dim=1)


def detect(
    output: GlipOutput,
    picture: int,
    tokens: Sequence[Sequence[int]],
    size: tuple[int, int],
    *,
    most: int = 100,
    overlap: float = OVERLAP,
) -> Detections:
    """The boxes of one picture of a batch.

    Args:
        output: The head's.
        picture: Its place in the batch.
        tokens: The places of each phrase's tokens in the caption.
        size: (height, width) of the scaled picture, before padding.
        most: Boxes kept over all phrases.
        overlap: Of two boxes of one phrase whose intersection over union is above this, the better one stays.
    """
    found = [_of_level(output, picture, level, tokens) for level in range(len(STRIDES))]
    boxes, scores, phrases = (torch.cat(parts) for parts in zip(*found, strict=True))
    height, width = size
    boxes = boxes.clamp(min=0).minimum(boxes.new_tensor([width - 1, height - 1] * 2))
    # The authors count the last column and row in.
    outer = boxes + boxes.new_tensor([0, 0, 1, 1])
    kept = batched_nms(outer, scores, phrases, overlap)[:most]
    return Detections(boxes=boxes[kept], scores=scores[kept], phrases=phrases[kept])


def _of_level(
    output: GlipOutput, picture: int, level: int, tokens: Sequence[Sequence[int]]
) -> tuple[Float[Tensor, "k 4"], Float[Tensor, " k"], Int[Tensor, " k"]]:
    """Boxes, scores and phrases of a level's likeliest pairs of place and phrase."""
    # Half precision is too coarse for pixels, and has no suppression of doubles on a CPU.
    logits, centerness, deltas = (
        values[level][picture].to(torch.promote_types(values[level].dtype, torch.float32))
        for values in (output.logits, output.centerness, output.deltas)
    )
    likely = phrase_likelihoods(logits, tokens)
    places, phrases = (likely > LEAST_LIKELY).nonzero(as_tuple=True)
    scores = likely[places, phrases] * centerness.sigmoid()[places]
    best = scores.topk(min(MOST_OF_LEVEL, len(scores))).indices
    places, phrases = places[best], phrases[best]
    centres = anchor_centres(output.sizes[level], STRIDES[level]).to(deltas)[places]
    return decode(deltas[places], centres, STRIDES[level]), scores[best].sqrt(), phrases
