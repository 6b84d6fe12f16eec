"""How right an engine's pairs are: what it finds, how well it cuts it out, and what it calls it."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torchvision.ops import box_iou

from benchmarks.engine.scenes import Thing, lines_of, read_mask
from gencontrol.engine.candidates import DISAGREES, OTHER_PHRASE
from gencontrol.engine.finishing import KEPT, REJECTED
from gencontrol.engine.wording import without_article
from gencontrol.training.stages.proposing.segmenter import mask_overlaps

RIGHT = 0.5
"""Intersection over union of a box and a thing's from which the box is the thing's."""


@dataclass(frozen=True, kw_only=True)
class Quality:
    """Shares of pairs and of things, [0, 1]; None where there is nothing to count."""

    pairs: int
    """Those that stayed."""
    recall: float | None
    """Of the things that captions name: a box that came to the filter overlaps it by half and is called so."""
    precision_before: float | None
    """Of the boxes that came to the filter: such a thing is in it."""
    precision: float | None
    """The same of the pairs that stayed."""
    mask_iou: float | None
    """Of the pairs that stayed and are right: the mask's intersection over union with the exact one."""


def quality_of(folder: Path, scenes: Path, truth: Mapping[str, Sequence[Thing]]) -> Quality:
    """Compare a set of pairs with what is where.

    Args:
        folder: The set's.
        scenes: Where the exact masks lie.
        truth: See `read_truth`.
    """
    kept = list(lines_of(folder / KEPT))
    dropped = [line for line in lines_of(folder / REJECTED) if line["rejected_because"] in (DISAGREES, OTHER_PHRASE)]
    named = [(line, named_in(line, truth)) for line in kept]
    before = [named_in(line, truth) for line in dropped] + [thing for _, thing in named]
    found = {thing.mask for thing in before if thing is not None}
    ious = [_mask_iou(folder / line["mask"], scenes / thing.mask) for line, thing in named if thing is not None]
    things = sum(map(len, truth.values()))
    return Quality(
        pairs=len(kept),
        recall=len(found) / things if things else None,
        precision_before=_share(thing is not None for thing in before),
        precision=_share(thing is not None for _, thing in named),
        mask_iou=sum(ious) / len(ious) if ious else None,
    )


def named_in(line: Mapping[str, Any], truth: Mapping[str, Sequence[Thing]]) -> Thing | None:
    """The thing that a candidate's phrase names and its box is around, if there is one."""
    own = torch.tensor([line["box"]])
    for thing in truth[line["picture"]]:
        same = without_article(thing.phrase) == without_article(line["phrase"])
        if same and float(box_iou(own, torch.tensor([thing.box]))) >= RIGHT:
            return thing
    return None


def _mask_iou(mine: Path, exact: Path) -> float:
    return float(mask_overlaps(read_mask(mine), read_mask(exact)))


def _share(hits: Iterable[bool]) -> float | None:
    found = list(hits)
    return sum(found) / len(found) if found else None
