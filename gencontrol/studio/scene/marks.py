"""What is drawn on a picture in the page: marks, in the picture's own pixels, become alpha maps.

The page sends plain values, which may come from anybody: they are read once, here, and bounded.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Literal, cast

import torch
from jaxtyping import Float
from torch import Tensor

from gencontrol.errors import InputError
from gencontrol.numbers import HEAVIEST, check_number, is_finite
from gencontrol.regions.drawn import POINT_RADIUS, from_box, from_points
from gencontrol.regions.shapes import Number, Point, path_alpha
from gencontrol.text_files import json_value

Tool = Literal["brush", "eraser", "box", "point"]

MOST_REGIONS = 32
MOST_MARKS = 2000
MOST_POINTS = 200_000
"""Of all strokes together: an hour of drawing."""
LONGEST_SCENE = 16 * 2**20
"""Characters, which hold that many points."""
LONGEST_NAME = 60
WIDEST_BRUSH = 10_000
"""Pixels; wider than any picture."""
MOST_PAINTED = 4_000_000_000
"""Pixels that the marks of a region pass over, a pixel once for each segment: some ten seconds of painting."""
_TOOLS: Mapping[str, tuple[int, int]] = {
    "brush": (1, MOST_POINTS),
    "eraser": (1, MOST_POINTS),
    "box": (2, 2),
    "point": (1, 1),
}
"""Tool -> the least and the largest number of points of a mark."""


@dataclass(frozen=True, kw_only=True)
class Mark:
    """One thing that was drawn."""

    tool: Tool
    """What with."""
    points: tuple[Point, ...]
    """Of a stroke, the line; of a box, two corners; of a point, itself."""
    radius: Number | None = None
    """Of brush, eraser and point, in pixels; None is a point's usual one."""


@dataclass(frozen=True, kw_only=True)
class Drawn:
    """A region as the page has it."""

    name: str
    """What the visitor calls it."""
    marks: tuple[Mark, ...] = ()
    """In the order in which they were drawn."""
    mask: str | None = None
    """What lies beneath the marks: a mask that the session holds, by its name there."""
    weight: float = 1.0
    """See `gencontrol.regions.Region`."""
    level: float = 1.0
    """The same."""
    negative: bool = False
    """Whether to keep away from it."""


def read_drawn(text: str) -> tuple[Drawn, ...]:
    """The regions that the page sends as JSON; those on which nothing is drawn are left out.

    Raises:
        InputError: Not what the page sends, or more than anybody draws.
    """
    if len(text) > LONGEST_SCENE:
        raise InputError("More is drawn than can be sent: begin a new region, or give a mask.")
    try:
        entries = json_value(text or "[]")
    except ValueError:
        entries = None
    if not isinstance(entries, list) or len(entries) > MOST_REGIONS:
        raise InputError(f"Expected a list of at most {MOST_REGIONS} regions as JSON, got {_shown(text)}.")
    regions = tuple(_region(entry) for entry in entries)
    if sum(len(mark.points) for region in regions for mark in region.marks) > MOST_POINTS:
        raise InputError("More is drawn than can be taken: clear a region, or give a mask.")
    return tuple(region for region in regions if region.marks or region.mask)


def read_marks(entries: Any, *, what: str) -> tuple[Mark, ...]:
    """Marks that the page sends, as JSON has them.

    Args:
        entries: A list of them.
        what: What they are drawn on, for messages.

    Raises:
        InputError: Not what the page sends, or more than anybody draws.
    """
    if not isinstance(entries, list) or len(entries) > MOST_MARKS:
        raise InputError(f"{what}: expected at most {MOST_MARKS} marks, got {_shown(entries)}.")
    return tuple(_mark(entry) for entry in entries)


def _region(entry: Any) -> Drawn:
    if not isinstance(entry, dict):
        raise InputError(f"Expected a region as an object, got {_shown(entry)}.")
    name, mask, marks = entry.get("name", ""), entry.get("mask"), entry.get("marks", [])
    kinds = isinstance(name, str) and isinstance(mask, str | None) and isinstance(marks, list)
    if not kinds or len(marks) > MOST_MARKS:
        raise InputError(f"Expected a region with `name`, `mask` and at most {MOST_MARKS} marks, got {_shown(entry)}.")
    weight, level = entry.get("weight", 1.0), entry.get("level", 1.0)
    named = f"Region {name!r}" if name else "The region"
    for number, what, most in ((weight, "weight", HEAVIEST), (level, "level", 1.0)):
        check_number(number, name=f"{named}: {what}", at_least=0, at_most=most, error=InputError)
    if not weight:
        raise InputError(f"{named}: expected a weight above 0; leave the region out instead.")
    return Drawn(
        name=name[:LONGEST_NAME],
        marks=tuple(_mark(mark) for mark in marks),
        mask=mask,
        weight=float(weight),
        level=float(level),
        negative=entry.get("negative") is True,
    )


def _mark(entry: Any) -> Mark:
    tool = entry.get("tool") if isinstance(entry, dict) else None
    points = entry.get("points") if isinstance(entry, dict) else None
    if not isinstance(tool, str) or tool not in _TOOLS or not isinstance(points, list):
        raise InputError(f"Expected a mark with `tool` ({', '.join(_TOOLS)}) and `points`, got {_shown(entry)}.")
    least, most = _TOOLS[tool]
    if not least <= len(points) <= most or not all(_is_point(point) for point in points):
        raise InputError(f"A mark of the {tool}: expected points [x, y] in pixels, got {_shown(points)}.")
    radius = entry.get("radius")
    if radius is not None and not (_is_number(radius) and 0 < radius <= WIDEST_BRUSH):
        raise InputError(f"A mark of the {tool}: expected a radius in pixels, got {_shown(radius)}.")
    if radius is None and tool in ("brush", "eraser"):
        raise InputError(f"A mark of the {tool} has no radius.")
    return Mark(tool=cast(Tool, tool), points=tuple((float(x), float(y)) for x, y in points), radius=radius)


def _is_point(point: Any) -> bool:
    # Further away lies no pixel of a picture that can be read.
    return isinstance(point, list) and len(point) == 2 and all(_is_number(n) and abs(n) <= 1e6 for n in point)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and is_finite(value)


def _shown(value: Any) -> str:
    text = str(value)
    return text if len(text) <= 60 else f"{text[:60]}..."


def paint(
    marks: Sequence[Mark], size: tuple[int, int], *, beneath: Float[Tensor, "h w"] | None = None
) -> Float[Tensor, "h w"]:
    """The alpha map of marks, one upon the other.

    Args:
        marks: In the order in which they were drawn.
        size: Of the picture, (height, width).
        beneath: What they are drawn on; None is nothing.

    Returns:
        [0, 1]; empty where an eraser has taken everything away.

    Raises:
        InputError: A mark outside of the picture, or more than can be painted.
    """
    if sum(_passed_over(mark, size) for mark in marks) > MOST_PAINTED:
        raise InputError("More is drawn on the picture than can be painted: take a box, a mask, or fewer strokes.")
    alpha = torch.zeros(size) if beneath is None else beneath.clone()
    for mark in marks:
        drawn = _alpha_of(mark, size)
        alpha = torch.minimum(alpha, 1 - drawn) if mark.tool == "eraser" else torch.maximum(alpha, drawn)
    return alpha


def _alpha_of(mark: Mark, size: tuple[int, int]) -> Float[Tensor, "h w"]:
    if mark.tool == "box":
        (x0, y0), (x1, y1) = mark.points
        return from_box((min(x0, x1), min(y0, y1), max(x0, x1), max(y0, y1)), size=size).alpha
    if mark.tool == "point":
        radius = mark.radius or max(1.0, POINT_RADIUS * min(size))
        return from_points(mark.points, size=size, radius=radius).alpha
    assert mark.radius is not None
    return path_alpha(mark.points, size, radius=mark.radius)


def _passed_over(mark: Mark, size: tuple[int, int]) -> Number:
    """The pixels of the windows in which a mark's segments are painted."""
    height, width = size
    radius = mark.radius or 0.0
    ends = list(pairwise(mark.points)) or [(mark.points[0], mark.points[0])]
    windows = ((abs(x1 - x0) + 2 * radius, abs(y1 - y0) + 2 * radius) for (x0, y0), (x1, y1) in ends)
    return sum(min(across, width) * min(down, height) for across, down in windows)
