"""Slopes by differences."""

import torch

from gencontrol.nerf.rays.normals import slope


def test_the_slope_of_a_quadratic_is_exact() -> None:
    points = torch.rand(9, 3, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    found = slope(lambda p: p[:, 0] ** 2 + 3 * p[:, 1] - 2 * p[:, 2] * p[:, 0], points, step=0.25)
    x, z = points[:, 0], points[:, 2]
    assert torch.allclose(found, torch.stack([2 * x - 2 * z, torch.full_like(x, 3.0), -2 * x], dim=1))
