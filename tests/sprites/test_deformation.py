"""Changes of shape."""

import torch

from gencontrol.sprites.deformation import bent, draw_deformation


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def test_without_strength_nothing_changes() -> None:
    still = draw_deformation((3, 2), 0.0, seeded())
    assert torch.equal(still.linear, torch.eye(2).expand(3, 2, 2, 2)) and not still.bend.any()


def test_areas_stay_and_proportions_change_within_bounds() -> None:
    drawn = draw_deformation((400, 2), 1.0, seeded())
    assert torch.allclose(torch.linalg.det(drawn.linear), torch.ones(400, 2), atol=1e-5)
    ratio = drawn.linear[..., 1, 1] / drawn.linear[..., 0, 0]
    assert 1.35 < ratio.max() <= 1.5 and 1 / 1.5 <= ratio.min() < 1 / 1.35
    assert drawn.linear[..., 0, 1].abs().max() <= 0.35
    assert 0.155 < drawn.bend.abs().max() <= 1 / 6


def test_a_bend_moves_places_as_its_knots_do() -> None:
    axis = torch.linspace(-1, 1, 7)
    y, x = torch.meshgrid(axis, axis, indexing="ij")
    grid = torch.stack([x, y], -1)[None]
    bend = torch.zeros(1, 2, 4, 4)
    bend[0, 0] = 0.1
    bend[0, 1, 3, 3] = 0.2  # the lower right knot moves down
    moved = bent(grid, bend) - grid
    assert torch.allclose(moved[..., 0], torch.full((1, 7, 7), 0.1), atol=1e-6)
    assert moved[0, -1, -1, 1].isclose(torch.tensor(0.2)) and not moved[0, :4, :4, 1].any()
    beyond = bent(torch.tensor([[[[3.0, 3.0]]]]), bend)
    assert torch.allclose(beyond, torch.tensor([[[[3.1, 3.2]]]]))
