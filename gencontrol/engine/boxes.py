"""From captions to boxes: what a grounder finds, or a data set points at, and which of it stays."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import torch
from torchvision.ops import box_iou

from gencontrol.engine.candidates import (
    BROKEN_ROW,
    LARGE_BOX,
    MORE_OF_PHRASE,
    MORE_OF_PICTURE,
    NO_CAPTION,
    NO_PHRASE,
    NOT_FOUND,
    NOTHING_GIVEN,
    OTHER_SIZE,
    OVERLAP,
    REFUSED,
    SMALL_BOX,
    UNSURE,
    Candidate,
)
from gencontrol.engine.rows import Part, Row
from gencontrol.engine.rules import Rules
from gencontrol.errors import InputError
from gencontrol.images.picture import Picture
from gencontrol.proposals.grammar import distinct_phrases
from gencontrol.proposals.grounder import Grounder, Grounding
from gencontrol.tasks.protocols.outlines import outline_alpha

_NARROWEST = 0.5
"""Pixels: in less there is no middle of a pixel."""


def grounded(grounder: Grounder, picture: Picture, caption: str, rules: Rules) -> list[Candidate]:
    """What a grounder finds of the things that a caption names; one dropped candidate for each that it does not find.

    Args:
        grounder: Finds phrases.
        picture: Where.
        caption: In English.
        rules: The least score, and how many boxes.
    """
    if not caption:
        return [Candidate(rejected_because=NO_CAPTION)]
    phrases = distinct_phrases(caption)
    if not phrases:
        return [Candidate(phrase=caption, rejected_because=NO_PHRASE)]
    how = {"threshold": None if rules.score is None else float(rules.score), "most": rules.most}
    try:
        return _of(grounder.ground(picture, phrases, **how), phrases)
    except InputError:
        # One of them is too long, or has no word that it knows: the others are looked for by themselves.
        return _ranked([one for phrase in phrases for one in _alone(grounder, picture, phrase, how)], rules)


def _alone(grounder: Grounder, picture: Picture, phrase: str, how: Mapping[str, Any]) -> list[Candidate]:
    try:
        return _of(grounder.ground(picture, [phrase], **how), [phrase])
    except InputError as error:
        return [Candidate(phrase=phrase).rejected(REFUSED, str(error))]


def _ranked(found: Sequence[Candidate], rules: Rules) -> list[Candidate]:
    """As if they had been looked for together: the best first, and no more of them."""
    boxed = sorted((one for one in found if one.box is not None), key=lambda one: -(one.score or 0.0))
    beyond = [one.rejected(MORE_OF_PICTURE) for one in boxed[rules.most :]]
    return [*(one for one in found if one.box is None), *boxed[: rules.most], *beyond]


def _of(grounding: Grounding, phrases: Sequence[str]) -> list[Candidate]:
    rows = zip(grounding.boxes.tolist(), grounding.scores.tolist(), grounding.phrases, strict=True)
    found = [
        Candidate(
            phrase=phrase,
            box=(x0, y0, x1, y1),
            score=score,
            mask=None if grounding.masks is None else grounding.masks[number],
        )
        for number, ((x0, y0, x1, y1), score, phrase) in enumerate(rows)
    ]
    return [*found, *(Candidate(phrase=p).rejected(NOT_FOUND) for p in phrases if p not in grounding.phrases)]


def given(row: Row, size: tuple[int, int], rules: Rules) -> list[Candidate]:
    """What a data set itself points at, the best scores first; those without a score behind.

    Args:
        row: The picture's.
        size: Its (height, width).
        rules: The least score, and how many parts.
    """
    if not row.parts:
        return [Candidate(phrase=row.caption, rejected_because=NOTHING_GIVEN)]
    height, width = size
    if row.size is not None and row.size != size:
        # Boxes and outlines are in its pixels: on a scaled or turned copy they lie beside the things.
        text = f"{width} x {height}, and the data set's is {row.size[1]} x {row.size[0]} (width x height)"
        return [Candidate(phrase=row.caption).rejected(OTHER_SIZE, text)]
    found = []
    parts = sorted(row.parts, key=lambda part: math.inf if part.score is None else -part.score)
    for number, part in enumerate(parts):
        across = (width, height) * 2 if part.is_share else (1, 1, 1, 1)
        x0, y0, x1, y1 = (float(side * one) for side, one in zip(part.box, across, strict=True))
        one = Candidate(
            phrase=part.phrase,
            box=(max(x0, 0.0), max(y0, 0.0), min(x1, float(width)), min(y1, float(height))),
            score=None if part.score is None else float(part.score),
        )
        if part.score is not None and rules.score is not None and part.score < rules.score:
            one = one.rejected(UNSURE)
        elif number >= rules.most:
            one = one.rejected(MORE_OF_PICTURE)
        found.append(one if one.rejected_because or not part.outline else _outlined(one, part, size))
    return found


def _outlined(one: Candidate, part: Part, size: tuple[int, int]) -> Candidate:
    assert one.box is not None
    try:
        return replace(one, mask=outline_alpha(part.outline, one.box, size) >= 0.5)
    except InputError as error:
        return one.rejected(BROKEN_ROW, str(error))


def sifted(candidates: Sequence[Candidate], size: tuple[int, int], rules: Rules) -> list[Candidate]:
    """The candidates, dropped where their box is too small or too large, too many of one phrase, or one box twice.

    Args:
        candidates: The best first.
        size: (height, width) of the picture.
        rules: How small, how large, how many, and how much two boxes may overlap.
    """
    pixels = size[0] * size[1]
    done: list[Candidate] = []
    stay: list[Candidate] = []
    for one in candidates:
        if one.rejected_because or one.box is None:
            done.append(one)
            continue
        x0, y0, x1, y1 = one.box
        sides = x1 - x0, y1 - y0
        share = max(sides[0], 0.0) * max(sides[1], 0.0) / pixels
        reason = ""
        if min(sides) < _NARROWEST or share < rules.least_area:
            reason = SMALL_BOX
        elif share > rules.most_area:
            reason = LARGE_BOX
        elif sum(other.phrase.casefold() == one.phrase.casefold() for other in stay) >= rules.each:
            reason = MORE_OF_PHRASE
        elif stay and _overlap(one, stay) > rules.overlap:
            reason = OVERLAP
        if not reason:
            stay.append(one)
        done.append(one.rejected(reason) if reason else one)
    return done


def _overlap(one: Candidate, others: Sequence[Candidate]) -> float:
    mine, theirs = (torch.tensor([b.box for b in some], dtype=torch.float64) for some in ([one], others))
    return float(box_iou(mine, theirs).max())
