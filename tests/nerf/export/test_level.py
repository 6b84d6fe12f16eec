"""The density at which a field has its surface."""

import torch

from gencontrol.nerf.export.level import LEVELS, surface_density
from gencontrol.nerf.field import grid

NODES, SPACING = 48, 2 / 47


def ball(radius: float, inside: torch.Tensor) -> torch.Tensor:
    """A ball with a density at each distance within its surface, world units; haze outside."""
    depth = (radius - grid.nodes(NODES).norm(dim=1)).reshape(NODES, NODES, NODES)
    return torch.where(depth > 0, inside.new_tensor(0.01) + inside[(depth / SPACING).long().clamp(0)], 0.01)


def test_a_solid_balls_level_keeps_its_size() -> None:
    distance = grid.nodes(NODES).norm(dim=1).reshape(NODES, NODES, NODES)
    density = 20 * torch.nn.functional.softplus(4 * (0.6 - distance) / SPACING)
    level = surface_density(density, spacing=SPACING)
    volume = (density > level).sum().item() * SPACING**3
    assert 0.92 < volume / (4 / 3 * torch.pi * 0.6**3) < 1.08


def test_a_thin_wall_has_no_holes_where_a_higher_level_has() -> None:
    # A wall that is four nodes thick and uneven, around nothing, as fits leave it.
    generator = torch.Generator().manual_seed(0)
    distance = grid.nodes(NODES).norm(dim=1).reshape(NODES, NODES, NODES)
    uneven = 10 + 14 * torch.rand(distance.shape, generator=generator)
    density = torch.where((distance < 0.7) & (distance > 0.7 - 4 * SPACING), uneven, 0.02)
    level = surface_density(density, spacing=SPACING)
    assert level in LEVELS and level < 15
    first = (density > level).any(dim=0)
    assert first[(distance[NODES // 2] < 0.6)].all()


def test_the_level_follows_the_density() -> None:
    distance = grid.nodes(NODES).norm(dim=1).reshape(NODES, NODES, NODES)
    soft = (10 * (0.8 - distance) / SPACING * 0.1).clamp(min=0)
    low, high = (surface_density(density, spacing=SPACING) for density in (soft, 4 * soft))
    assert low < high


def test_what_is_seen_through_is_cut_at_half_of_its_density() -> None:
    density = torch.zeros(8, 8, 8)
    density[4, 4, 4] = 3.0
    assert surface_density(density, spacing=2 / 7) == 1.5
