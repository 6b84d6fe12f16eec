"""Surface normals of a field, where rays are stopped."""

from collections.abc import Callable

import torch
from jaxtyping import Float
from torch import Tensor


def slope(
    value: Callable[[Tensor], Float[Tensor, " n"]], points: Float[Tensor, "n 3"], *, step: float
) -> Float[Tensor, "n 3"]:
    """How a value grows along each axis, by central differences.

    Args:
        value: Points (n, 3) -> a number each.
        points: Where, world.
        step: Distance to either side, world units; about a spacing of the lattice that the value lies on.
    """
    offsets = torch.eye(3, device=points.device, dtype=points.dtype) * step
    return torch.stack([(value(points + o) - value(points - o)) / (2 * step) for o in offsets], dim=1)
