"""Verdicts about what is said of pictures, summed up: by part of a data set, by way to judge, by relation."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from gencontrol.runs.evaluation.items import Done
from gencontrol.tasks.protocols.statements import ALONE, PARTS, Statement, published

ONE_TEXT, RULES, MODULE = "one text", "rules", "module"
WAYS = (ONE_TEXT, RULES, MODULE)
"""How a caption is judged: as the text tower takes it beside the whole picture; taken apart, with relations by rules on
masks; and with those of the trained module. What cannot be taken apart is judged as one text."""
TRUE = 0.5
"""Probability from which the only caption of a picture is said to be true."""


@dataclass(frozen=True, kw_only=True)
class Row:
    """One way to judge one part of a data set, measured; shares are in [0, 1]."""

    part: str
    """The part."""
    way: str
    """Of `WAYS`."""
    accuracy: float
    """Share of the statements that are judged rightly; a tie is wrong."""
    by_kind: float
    """The mean of the kinds' accuracies, such as relations'."""
    answered: float
    """Share that was judged so; for lack of words or regions others are judged as one text, and one caption alone is
    said to be false."""
    of_answered: float | None
    """Accuracy on those alone."""
    pairs: float | None
    """What'sUp's: share of the pairs of pictures both of which are judged rightly."""
    sets: float | None
    """What'sUp's: the same of all four pictures of two things."""


@dataclass(frozen=True, kw_only=True)
class Evaluated:
    """What came of a measurement."""

    rows: tuple[Row, ...]
    """By part, then by way."""
    statements: int
    """How many were judged."""
    understood: int
    """Of those, how many have captions that could be taken apart."""
    regions: str
    """Where regions are from."""
    architecture: str
    """Of the encoder's vision tower."""
    kinds: Mapping[str, Mapping[str, float]]
    """Accuracy by way and kind."""
    published: Mapping[str, float]
    """What is published of this part, in percent."""


def summed(measured: Sequence[Done], statements: Sequence[Statement], *, regions: str, architecture: str) -> Evaluated:
    """All statements as one table.

    Args:
        measured: Of each statement, see `judged`.
        statements: The same.
        regions: Where they are from.
        architecture: The encoder's.
    """
    parts = list(dict.fromkeys(one.part for one in statements))
    both = list(zip(statements, measured, strict=True))
    rows = [row for part in parts for row in _rows([pair for pair in both if pair[0].part == part])]
    ways = list(dict.fromkeys(row.way for row in rows))
    name = next(name for name, known in PARTS.items() if parts[0] in known)
    return Evaluated(
        rows=tuple(rows),
        statements=len(statements),
        understood=sum(bool(one["understood"]) for one in measured),
        regions=regions,
        architecture=architecture,
        kinds={way: _by_kind(both, way) for way in ways},
        published=published(name, parts),
    )


_Judged = Sequence[tuple[Statement, Done]]


def _rows(part: _Judged) -> list[Row]:
    # One caption alone is nearer to nothing than to something else.
    ways = [way for way in WAYS if way != ONE_TEXT or len(part[0][0].captions) > 1]
    return [_row(part, way) for way in ways]


def _row(part: _Judged, way: str) -> Row:
    verdicts = [verdict(statement, done, way) for statement, done in part]
    kinds = _by_kind(part, way)
    answered = [right for right, itself in verdicts if itself]
    statements = [statement for statement, _ in part]
    rights = [right for right, _ in verdicts]
    return Row(
        part=part[0][0].part,
        way=way,
        accuracy=sum(rights) / len(rights),
        by_kind=sum(kinds.values()) / len(kinds),
        answered=len(answered) / len(rights),
        of_answered=sum(answered) / len(answered) if answered else None,
        pairs=_together([one.group for one in statements], rights, least=2),
        sets=_together([one.group and one.group[:1] for one in statements], rights, least=4),
    )


def verdict(statement: Statement, done: Done, way: str) -> tuple[bool, bool]:
    """Whether a statement is judged rightly, and whether by that way itself.

    Args:
        statement: What is said.
        done: See `judged`.
        way: Of `WAYS`.
    """
    fits = done[way]
    itself = fits is not None and all(fit is not None for fit in fits)
    if len(statement.captions) == 1:
        said = itself and fits is not None and fits[0] >= TRUE
        return said == (statement.right != ALONE), itself
    fits = fits if itself else done[ONE_TEXT]
    if fits is None:
        return False, itself
    others = [fit for place, fit in enumerate(fits) if place != statement.right]
    return fits[statement.right] > max(others), itself


def _by_kind(part: _Judged, way: str) -> dict[str, float]:
    rights: dict[str, list[bool]] = {}
    for statement, done in part:
        if way != ONE_TEXT or len(statement.captions) > 1:
            rights.setdefault(statement.kind, []).append(verdict(statement, done, way)[0])
    return {kind: sum(found) / len(found) for kind, found in sorted(rights.items())}


def _together(groups: Sequence[Any], rights: Sequence[bool], *, least: int) -> float | None:
    """Share of the whole groups all of which are right; None where there is none."""
    members: dict[Any, list[bool]] = {}
    for group, right in zip(groups, rights, strict=True):
        if group is not None:
            members.setdefault(group, []).append(right)
    whole = [all(found) for found in members.values() if len(found) >= least]
    return sum(whole) / len(whole) if whole else None
