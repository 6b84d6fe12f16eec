"""What a data set says of one picture: its caption, its class, or its parts with their boxes and outlines."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gencontrol.errors import InputError
from gencontrol.numbers import is_finite

EXPRESSIONS = ("ref_exps", "noun_chunks")
"""GRIT's fields of parts, the first of which that holds anything is taken: as Alpha-CLIP's authors did."""


@dataclass(frozen=True, kw_only=True)
class Part:
    """A part that the data set itself points at."""

    phrase: str
    """What it is."""
    box: tuple[float | int, float | int, float | int, float | int]
    """x0, y0, x1, y1; x1 and y1 are outside."""
    is_share: bool = False
    """Whether the box is in shares of the picture's width and height, instead of pixels."""
    score: float | int | None = None
    """How sure whoever found it was."""
    outline: Any = None
    """COCO's `segmentation`: polygons, or run lengths; None where there is a box alone."""


@dataclass(frozen=True, kw_only=True)
class Row:
    """One picture of a data set."""

    name: str
    """What files of results call it."""
    picture: Path | bytes | None = None
    """Its file, or what an archive holds of it; None where there is none."""
    caption: str = ""
    """What the whole picture shows."""
    label: str = ""
    """The class that its folder is of."""
    parts: tuple[Part, ...] = ()
    """What the data set points at."""
    size: tuple[int, int] | None = None
    """(height, width) of the picture that the parts were drawn on, where the data set says it."""
    fault: str = ""
    """Why it cannot be used, where the data set itself is broken here."""


def row_of(values: Any, *, name: str, picture: Path | bytes | None) -> Row:
    """A row of a mapping as JSON, an archive or a table holds it.

    Args:
        values: `caption`, and the parts as `boxes` (`phrase`, `box` in pixels, perhaps `score`) or in GRIT's fields;
            others are not looked at.
        name: See `Row`.
        picture: See `Row`.

    Returns:
        With its fault where the values are none such.
    """
    try:
        if not isinstance(values, Mapping):
            raise InputError(f"expected an object with a caption, got {str(values)[:60]}")
        caption = values.get("caption") or ""
        if not isinstance(caption, str):
            raise InputError(f"caption: expected text, got {str(caption)[:60]}")
        parts = (*_own_parts(values.get("boxes")), *_grit_parts(values, caption))
    except InputError as error:
        return Row(name=name, picture=picture, fault=str(error))
    return Row(name=name, picture=picture, caption=caption.strip(), parts=parts)


def _own_parts(boxes: Any) -> list[Part]:
    found = []
    for number, one in enumerate(_listed(boxes, "boxes")):
        if not isinstance(one, Mapping) or not isinstance(one.get("phrase"), str) or not one["phrase"].strip():
            raise InputError(f"boxes[{number}]: expected an object with phrase and box, got {str(one)[:60]}")
        score = one.get("score")
        if score is not None and not _is_number(score):
            raise InputError(f"boxes[{number}]: score: expected a number, got {str(score)[:60]}")
        found.append(Part(phrase=one["phrase"].strip(), box=_box(one.get("box"), f"boxes[{number}]"), score=score))
    return found


def _grit_parts(values: Mapping[str, Any], caption: str) -> list[Part]:
    """Of [start, end, x0, y0, x1, y1, score]: characters of the caption, and shares of the picture's sides."""
    field = next((name for name in EXPRESSIONS if values.get(name) is not None and len(_of(values, name))), None)
    found = []
    for number, one in enumerate([] if field is None else _of(values, field)):
        numbers = [float(value) for value in one] if _are_numbers(one, 7) else None
        if numbers is None:
            raise InputError(f"{field}[{number}]: expected start, end, x0, y0, x1, y1, score, got {str(one)[:60]}")
        phrase = caption[int(numbers[0]) : int(numbers[1])].strip()
        if numbers[0] < 0 or not phrase:
            raise InputError(f"{field}[{number}]: characters {one[0]:g} to {one[1]:g} of the caption are no phrase")
        x0, y0, x1, y1 = numbers[2:6]
        found.append(Part(phrase=phrase, box=(x0, y0, x1, y1), is_share=True, score=numbers[6]))
    return found


def _of(values: Mapping[str, Any], name: str) -> Sequence[Any]:
    return _listed(values[name], name)


def _listed(value: Any, name: str) -> Sequence[Any]:
    if value is None:
        return ()
    # Tables give arrays.
    value = value.tolist() if hasattr(value, "tolist") else value
    if not isinstance(value, list | tuple):
        raise InputError(f"{name}: expected a list, got {str(value)[:60]}")
    return value


def _box(value: Any, where: str) -> tuple[float, float, float, float]:
    if not _are_numbers(value, 4):
        raise InputError(f"{where}: box: expected x0, y0, x1, y1, got {str(value)[:60]}")
    x0, y0, x1, y1 = map(float, value)
    return x0, y0, x1, y1


def _are_numbers(value: Any, count: int) -> bool:
    return isinstance(value, list | tuple) and len(value) == count and all(_is_number(one) for one in value)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and is_finite(value)
