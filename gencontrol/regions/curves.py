"""A curve by which a level means its share of attention on an encoder that was not trained on levels.

Such an encoder takes half an alpha for a switch, and a mixture of embeddings in the levels' shares does not end where
the levels say. Both rise with the level, so that a curve can undo it: what to give so that what is meant comes.
"""

import json
from bisect import bisect_right
from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any, Literal

import torch
from jaxtyping import Float
from torch import Tensor

from gencontrol.configuration import from_mapping, to_mapping
from gencontrol.errors import ConfigError, InputError
from gencontrol.files import atomic_file
from gencontrol.kinds import check_fields, checked
from gencontrol.text_files import json_value, read_text

Way = Literal["one-pass", "passes"]
"""How levels reach an encoder: one look at a map of them, or a look at each region, mixed by them."""
WAYS: tuple[Way, ...] = ("one-pass", "passes")
MOST_POINTS = 1001
"""More than any sweep measures."""


@dataclass(frozen=True, kw_only=True)
class LevelsCurve:
    """What an encoder is given for each level beside the highest, which is 1; straight between its points."""

    way: Way
    """For which of the two ways it was fitted."""
    levels: tuple[float, ...]
    """What is meant; rising from 0 to 1."""
    values: tuple[float, ...]
    """What is given; from 0 to 1, never falling."""
    tower: tuple[float, ...] = ()
    """By what the tower is known that it was fitted to; none fits any."""
    measured: Mapping[str, float] = field(default_factory=dict)
    """What came of the fit, for people."""

    def __post_init__(self) -> None:
        check_fields(self)
        if self.way not in WAYS:
            raise ConfigError(f"way: expected one of {', '.join(WAYS)}, got {self.way!r}.")
        if not 2 <= len(self.levels) <= MOST_POINTS or len(self.levels) != len(self.values):
            counts = f"{len(self.levels)} and {len(self.values)}"
            raise ConfigError(f"levels, values: expected as many of each, 2 to {MOST_POINTS}, got {counts}.")
        if not all(a < b for a, b in pairwise(self.levels)) or not all(a <= b for a, b in pairwise(self.values)):
            raise ConfigError("levels, values: expected levels that rise, and values that never fall.")
        if any((points[0], points[-1]) != (0.0, 1.0) for points in (self.levels, self.values)):
            raise ConfigError("levels, values: expected both to begin at 0 and to end at 1.")

    def value(self, level: float) -> float:
        """What is given for a level in [0, 1]."""
        at = min(bisect_right(self.levels, level), len(self.levels) - 1)
        (x0, x1), (y0, y1) = self.levels[at - 1 : at + 1], self.values[at - 1 : at + 1]
        return y0 + (y1 - y0) * (level - x0) / (x1 - x0)


def identity(way: Way) -> LevelsCurve:
    """The curve that changes nothing."""
    return LevelsCurve(way=way, levels=(0.0, 1.0), values=(0.0, 1.0))


def curved(levels: Float[Tensor, "..."], curve: LevelsCurve) -> Float[Tensor, "..."]:
    """What is given for levels in [0, 1]; differentiable."""
    x, y = (torch.tensor(points, dtype=levels.dtype, device=levels.device) for points in (curve.levels, curve.values))
    at = torch.bucketize(levels.detach().contiguous(), x, right=True).clamp(1, len(x) - 1)
    return y[at - 1] + (y[at] - y[at - 1]) * (levels - x[at - 1]) / (x[at] - x[at - 1])


def curved_maps(maps: Float[Tensor, "k h w"], curve: LevelsCurve) -> Float[Tensor, "k h w"]:
    """Each map with its levels beside its highest curved: a faint map by itself is the only thing looked at."""
    return curved(maps / maps.amax(dim=(1, 2), keepdim=True), curve)


def write_curve(path: Path, curve: LevelsCurve, *, exclusive: bool = False) -> None:
    """Write a curve as JSON, whole or not at all.

    Raises:
        OutputError: See `atomic_file`, which says too what `exclusive` does.
    """
    with atomic_file(path, exclusive=exclusive) as temporary:
        temporary.write_text(json.dumps(to_mapping(curve), indent=1) + "\n", encoding="utf-8")


@checked
def read_curve(path: str | Path) -> LevelsCurve:
    """Read what `write_curve` wrote.

    Raises:
        InputError: No such file, or another kind of file.
    """
    text = read_text(Path(path), what="a curve of levels")
    try:
        values: Any = json_value(text)
    except ValueError:
        raise InputError(f"{path} is not JSON: expected a curve that `gencontrol calibrate` wrote.") from None
    return as_curve(values, where=str(path))


def as_curve(values: Any, *, where: str) -> LevelsCurve:
    """A curve from plain values, such as an encoder's configuration holds.

    Args:
        values: What `to_mapping` makes of a curve.
        where: How messages call the source.

    Raises:
        InputError: Something else.
    """
    if not isinstance(values, Mapping):
        raise InputError(f"{where}: expected a curve that `gencontrol calibrate` wrote, got {type(values).__name__}.")
    try:
        return from_mapping(LevelsCurve, values, where=where)
    except ConfigError as error:
        raise InputError(f"{error} Expected a curve that `gencontrol calibrate` wrote.") from None
