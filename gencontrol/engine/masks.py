"""From boxes to masks, and which of them stay."""

from collections.abc import Iterator, Sequence
from dataclasses import replace

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from gencontrol.engine.candidates import EMPTY_MASK, LARGE_MASK, SMALL_MASK, Candidate, left
from gencontrol.engine.rules import Rules
from gencontrol.images.picture import Picture
from gencontrol.proposals.segmenter import Segmenter

AT_ONCE = 16
"""Masks that are there at one time."""
_ROOM = 2**26
"""Their pixels: of a large photograph, fewer are there at one time."""


def in_parts(candidates: Sequence[Candidate], size: tuple[int, int]) -> Iterator[list[Candidate]]:
    """The candidates, as many together as there is room for with their masks.

    Args:
        candidates: Any number.
        size: (height, width) of their picture.
    """
    count = max(1, min(AT_ONCE, _ROOM // (size[0] * size[1])))
    for start in range(0, len(candidates), count):
        yield list(candidates[start : start + count])


def masked(segmenter: Segmenter, picture: Picture, candidates: Sequence[Candidate], rules: Rules) -> list[Candidate]:
    """The candidates with masks, those that have one keep it; dropped where there is nothing in it, too little or too
    much.

    Args:
        segmenter: Makes masks of boxes.
        picture: Of the boxes.
        candidates: With boxes, those that were dropped excepted.
        rules: How small and how large a mask may be.
    """
    bare = [one for one in left(candidates) if one.mask is None]
    made: dict[int, Candidate] = {}
    if bare:
        found = segmenter.segment(picture, torch.tensor([one.box for one in bare]))
        scores = [None] * len(bare) if found.scores is None else found.scores.tolist()
        rows = zip(bare, found.masks, scores, strict=True)
        made = {id(one): replace(one, mask=mask, mask_score=score) for one, mask, score in rows}
    return [_checked(made.get(id(one), one), rules) for one in candidates]


def _checked(one: Candidate, rules: Rules) -> Candidate:
    if one.rejected_because or one.mask is None:
        return one
    area = int(one.mask.count_nonzero()) / one.mask.numel()
    one = replace(one, area=area)
    if area == 0:
        return one.rejected(EMPTY_MASK)
    if area < rules.least_area:
        return one.rejected(SMALL_MASK)
    return one.rejected(LARGE_MASK) if area > rules.most_area else one


def box_grid(size: tuple[int, int], shares: Sequence[float] = (0.9, 0.6, 0.35)) -> Float[Tensor, "k 4"]:
    """Boxes all over a picture, of some sizes: where a segmenter looks for things that nobody has named.

    Args:
        size: (height, width).
        shares: Of the picture's sides; each size's boxes overlap by half at least.

    Returns:
        x0, y0, x1, y1 in pixels.
    """
    height, width = size
    boxes = []
    for share in shares:
        steps = max(1, -int(-2 * (1 - share) // share))
        places = [(1 - share) * step / steps for step in range(steps + 1)]
        boxes += [(x * width, y * height, (x + share) * width, (y + share) * height) for y in places for x in places]
    return torch.tensor(boxes)


def distinct(masks: Bool[Tensor, "k h w"], overlap: float | int) -> list[int]:
    """The places of masks that are not nearly one of those before them.

    Args:
        masks: The best first.
        overlap: Intersection over union above which two are one.
    """
    kept: list[int] = []
    for place, mask in enumerate(masks):
        others = masks[kept]
        both = (others & mask).sum((1, 2))
        either = (others | mask).sum((1, 2)).clamp(min=1)
        if not kept or float((both / either).max()) <= overlap:
            kept.append(place)
    return kept
