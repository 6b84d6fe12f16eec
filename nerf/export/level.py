"""The density at which a field has its surface: where rays that are stopped first meet it."""

import math

import torch
from jaxtyping import Float
from torch import Tensor

# Densities per world unit that are tried: from haze to what is opaque within a cell, a fifth apart.
LEVELS = tuple(0.5 * 1.2**index for index in range(28))
# World units that a surface may be off at most in the comparison: a hole is as wrong whether it is two deep or one.
_FARTHEST = 0.5
# Optical depth of a row that is stopped: 95 % opaque.
_STOPPED = 3.0


def surface_density(density: Float[Tensor, "z y x"], *, spacing: float) -> float:
    """The density whose surface lies where the field stops light.

    Along every row of the lattice that is stopped, from both of its ends, light is half stopped somewhere. A level that
    is too low is met before that, one that is too high behind it, or, where a wall is thinner, on the far side: a hole.
    The level with the least distance between the two over all those rows is taken. Rows that graze something are left
    out: they are stopped by a long way through what is thin.

    Args:
        density: Per world unit, at the nodes.
        spacing: World units between nodes.

    Returns:
        One of `LEVELS`, or half of the largest density where all rows are seen through.
    """
    wrong = torch.zeros(len(LEVELS), dtype=torch.float64)
    stops = False
    for axis in range(3):
        for rows in (density.movedim(axis, -1), density.movedim(axis, -1).flip(-1)):
            # Trapezoids: up to a node half of its own share counts.
            optical = (rows.cumsum(dim=-1) - rows / 2) * spacing
            stopped = optical[..., -1] >= _STOPPED
            stops = stops or bool(stopped.any())
            halved = _first(optical[stopped] >= math.log(2))
            for index, level in enumerate(LEVELS):
                off = (_first(rows[stopped] > level) - halved).abs() * spacing
                wrong[index] += off.clamp(max=_FARTHEST).sum(dtype=torch.float64)
    return LEVELS[int(wrong.argmin())] if stops else density.max().item() / 2


def _first(true: Tensor) -> Float[Tensor, " n"]:
    """Index of the first true value of each row, their number where there is none."""
    none = ~true.any(dim=-1)
    return torch.where(none, true.shape[-1], true.to(torch.uint8).argmax(dim=-1)).float()
