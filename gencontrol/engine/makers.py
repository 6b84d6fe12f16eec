"""From one picture to candidates for pairs: by the phrases of its caption, or by its class."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Protocol, runtime_checkable

import torch

from gencontrol.engine.agreement import Agreement
from gencontrol.engine.boxes import given, grounded, sifted
from gencontrol.engine.candidates import (
    DISAGREES,
    EMPTY_MASK,
    OTHER_PART,
    REASONS,
    SAME_MASK,
    UNKNOWN_WORDS,
    Candidate,
    gone,
    left,
)
from gencontrol.engine.masks import box_grid, distinct, in_parts, masked
from gencontrol.engine.rows import Row
from gencontrol.engine.rules import Rules
from gencontrol.engine.wording import Wording
from gencontrol.images.picture import Picture
from gencontrol.proposals.grounder import Grounder
from gencontrol.proposals.segmenter import Segmenter


@runtime_checkable
class Maker(Protocol):
    """Makes candidates of a picture."""

    def make(self, row: Row, picture: Picture, place: tuple[int, int]) -> Iterator[Candidate]:
        """All candidates, those that were dropped included, a few at one time since each holds a mask.

        Args:
            row: What the data set says of the picture.
            picture: The picture.
            place: Numbers of its shard, and of the picture in it.
        """
        ...


@dataclass(frozen=True, kw_only=True)
class GroundingMaker:
    """Caption -> phrases -> boxes -> masks -> what agrees -> texts."""

    grounder: Grounder | None
    """Finds the caption's phrases; None takes what the data set itself points at."""
    segmenter: Segmenter
    """Makes masks of boxes that have none."""
    agreement: Agreement | None
    """Says how well part and phrase agree; None does not ask."""
    wording: Wording
    """Writes the texts."""
    rules: Rules
    """What stays."""
    own_masks: bool = True
    """Whether masks that the data set or the grounder has are taken; else the segmenter makes all."""

    def make(self, row: Row, picture: Picture, place: tuple[int, int]) -> Iterator[Candidate]:
        """See `Maker`."""
        found = sifted(self._found(row, picture), picture.size, self.rules)
        found = found if self.own_masks else [replace(one, mask=None) for one in found]
        phrases = list(dict.fromkeys(one.phrase for one in found if one.phrase))
        for part in in_parts(found, picture.size):
            part = masked(self.segmenter, picture, part, self.rules)
            if self.agreement is not None:
                part = self.agreement.judged(picture, part, self.rules, others=phrases)
            yield from self.wording.worded(picture, part, place)

    def _found(self, row: Row, picture: Picture) -> list[Candidate]:
        if self.grounder is None:
            return given(row, picture.size, self.rules)
        return grounded(self.grounder, picture, row.caption, self.rules)


@dataclass(frozen=True, kw_only=True)
class ClassMaker:
    """Class -> masks all over the picture -> the part that agrees best -> texts; after the Alpha-CLIP paper (section
    3.1), which takes SAM's automatic masks of ImageNet's pictures, cuts each thing out and puts it into the middle."""

    segmenter: Segmenter
    """Makes masks of a grid of boxes."""
    agreement: Agreement
    """Says how well each part and the class agree."""
    templates: tuple[str, ...]
    """Sentences that a class's name is put into for that, whose embeddings are averaged."""
    wording: Wording
    """Writes the texts."""
    rules: Rules
    """What stays."""

    def make(self, row: Row, picture: Picture, place: tuple[int, int]) -> Iterator[Candidate]:
        """See `Maker`."""
        own = self.agreement.text(row.label, self.templates)
        if isinstance(own, str):
            yield Candidate(phrase=row.label).rejected(UNKNOWN_WORDS, own)
            return
        found: list[Candidate] = []
        dropped: Counter[str] = Counter()
        grid = [Candidate(phrase=row.label, box=(x0, y0, x1, y1)) for x0, y0, x1, y1 in box_grid(picture.size).tolist()]
        for part in in_parts(grid, picture.size):
            made = masked(self.segmenter, picture, part, self.rules)
            dropped.update(one.rejected_because for one in gone(made))
            stay = left(made)
            agreed = self.agreement.parts(picture, stay) @ own if stay else torch.zeros(0)
            judged = [replace(one, agreement=float(value)) for one, value in zip(stay, agreed, strict=True)]
            found, others = self._best([*found, *judged])
            dropped += others
        yield from self.wording.worded(picture, self._chosen(found, row.label), place)
        yield from _told(dropped, row.label)

    def _best(self, found: Sequence[Candidate]) -> tuple[list[Candidate], Counter[str]]:
        """The best few that are not nearly the same, so that masks never pile up; one more than stay. And why the
        others do not."""
        ranked = sorted(found, key=lambda one: -(one.agreement or 0.0))
        masks = [one.mask for one in ranked if one.mask is not None]
        places = distinct(torch.stack(masks), self.rules.overlap) if masks else []
        few = places[: self.rules.each + 1]
        dropped = Counter({SAME_MASK: len(ranked) - len(places), OTHER_PART: len(places) - len(few)})
        return [ranked[place] for place in few], +dropped

    def _chosen(self, found: Sequence[Candidate], label: str) -> list[Candidate]:
        if not found:
            return [Candidate(phrase=label).rejected(EMPTY_MASK, "no mask of a grid of boxes stays")]
        told = [_boxed(one) for one in found]
        return [
            one.rejected(OTHER_PART)
            if place >= self.rules.each
            else one.rejected(DISAGREES)
            if self.rules.agreement is not None and (one.agreement or 0.0) < self.rules.agreement
            else one
            for place, one in enumerate(told)
        ]


def _told(dropped: Counter[str], label: str) -> Iterator[Candidate]:
    """A line for each reason, with how many of the grid's masks it was: one for each mask would be dozens a picture."""
    for reason in REASONS:
        if count := dropped[reason]:
            yield Candidate(phrase=label).rejected(reason, f"{count} mask{'s' if count > 1 else ''} of the grid")


def _boxed(one: Candidate) -> Candidate:
    """With the box of its mask, in the place of the one of the grid."""
    assert one.mask is not None
    columns, rows = one.mask.any(dim=0).nonzero(), one.mask.any(dim=1).nonzero()
    x0, y0, x1, y1 = int(columns[0]), int(rows[0]), int(columns[-1]) + 1, int(rows[-1]) + 1
    return replace(one, box=(float(x0), float(y0), float(x1), float(y1)))
