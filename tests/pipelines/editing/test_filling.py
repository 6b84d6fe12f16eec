"""A filling is harmonic: constant and linear grounds go on exactly, and nothing leaves the border's range."""

import pytest
import torch
from torch.testing import assert_close

from gencontrol.errors import InputError
from gencontrol.pipelines.editing.filling import filled


def test_grounds_go_on() -> None:
    hole = torch.zeros(12, 16, dtype=torch.bool)
    hole[3:9, 4:12] = True
    y, x = torch.meshgrid(torch.arange(12) / 12, torch.arange(16) / 16, indexing="ij")
    ground = torch.stack([torch.full((12, 16), 0.3), x, 0.5 * x + 0.5 * y])
    spoilt = torch.where(hole, 0.9, ground)
    assert_close(filled(spoilt, hole), ground, atol=1e-5, rtol=0)


def test_each_pixel_is_the_mean_of_its_neighbours() -> None:
    generator = torch.Generator().manual_seed(0)
    rgb, hole = torch.rand(3, 9, 9, generator=generator), torch.zeros(9, 9, dtype=torch.bool)
    hole[2:7, 3:6] = True
    result = filled(rgb, hole)
    inner = result[:, 2:7, 3:6]
    neighbours = (result[:, 1:6, 3:6] + result[:, 3:8, 3:6] + result[:, 2:7, 2:5] + result[:, 2:7, 4:7]) / 4
    assert_close(inner, neighbours, atol=1e-5, rtol=0)
    assert torch.equal(result[:, ~hole], rgb[:, ~hole])


def test_a_hole_at_the_edge_has_fewer_neighbours() -> None:
    rgb, hole = torch.zeros(3, 1, 4), torch.tensor([[True, True, False, False]])
    rgb[:, 0, 2] = 0.8
    assert_close(filled(rgb, hole)[:, 0, :2], torch.full((3, 2), 0.8))
    corner = torch.zeros(5, 5, dtype=torch.bool)
    corner[:2, 3:] = True
    assert_close(filled(torch.full((3, 5, 5), 0.4), corner), torch.full((3, 5, 5), 0.4))


def test_nothing_to_fill_or_nothing_to_fill_from() -> None:
    rgb = torch.rand(3, 4, 4)
    assert torch.equal(filled(rgb, torch.zeros(4, 4, dtype=torch.bool)), rgb)
    with pytest.raises(InputError, match="leaves nothing of its surroundings"):
        filled(rgb, torch.ones(4, 4, dtype=torch.bool))
