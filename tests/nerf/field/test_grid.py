"""The lattice: interpolation, resampling, activations, occupancy."""

import math

import pytest
import torch

from gencontrol.nerf.field import grid


def lattice(resolution: int = 5, *, channels: int = 2) -> torch.Tensor:
    return torch.rand(channels, *(resolution,) * 3, generator=torch.Generator().manual_seed(0), dtype=torch.float64)


def test_sampling_at_nodes_returns_them_in_the_order_of_nodes() -> None:
    values = lattice()
    assert torch.allclose(grid.sample(values, grid.nodes(5).double()).T.reshape_as(values), values)


def test_sampling_is_trilinear_in_x_y_z_order() -> None:
    # The function 1 + 2x + 3y + 5z + xyz is trilinear, so its samples are exact.
    def function(p: torch.Tensor) -> torch.Tensor:
        x, y, z = p.unbind(-1)
        return 1 + 2 * x + 3 * y + 5 * z + x * y * z

    values = function(grid.nodes(4).double()).reshape(1, 4, 4, 4)
    points = torch.rand(50, 3, generator=torch.Generator().manual_seed(1), dtype=torch.float64) * 2 - 1
    # xyz is trilinear over the whole cube, not only within a cell.
    assert torch.allclose(grid.sample(values, points)[:, 0], function(points))


def test_resizing_to_a_finer_lattice_keeps_the_field() -> None:
    values = lattice(3)
    points = torch.rand(50, 3, generator=torch.Generator().manual_seed(1), dtype=torch.float64) * 2 - 1
    assert torch.allclose(grid.sample(grid.resize(values, 5), points), grid.sample(values, points))


def test_raw_colours_invert_the_activation() -> None:
    rgb = torch.tensor([[0.1, 0.5, 0.9]])
    assert torch.allclose(grid.colour(grid.raw_colour(rgb)), rgb)
    black_and_white = grid.colour(grid.raw_colour(torch.tensor([[0.0, 1.0, 0.5]])))
    assert black_and_white.flatten().tolist() == pytest.approx([0.005, 0.995, 0.5], abs=1e-5)


def test_empty_space_is_all_but_transparent_along_the_longest_path() -> None:
    sigma = grid.density(torch.tensor(grid.EMPTY)).item()
    assert 1 - math.exp(-sigma * 2 * math.sqrt(3)) < 0.004


def test_the_ball_has_its_surface_at_the_radius() -> None:
    raw = grid.ball(41, grid.Ball(radius=0.5, sharpness=8.0, peak=2.0))
    along_x = grid.sample(raw, torch.tensor([[0.5, 0.0, 0.0], [0.0, 0.0, 0.0], [1.0, 1.0, 1.0]]))[:, 0]
    assert along_x.tolist() == pytest.approx([0.0, 2.0, 8 * (0.5 - 3**0.5)], abs=0.05)
    assert torch.allclose(raw, raw.flip(1), atol=1e-5)
    default = grid.ball_density(torch.tensor([[0.6, 0.0, 0.0], [0.0, 0.55, 0.0], [0.0, 0.0, 3.0]]), grid.Ball())
    assert default.tolist() == pytest.approx([-2.5, -2.5, grid.EMPTY])  # -2 and -1 are above the peak
    assert grid.ball_density(torch.tensor([[0.0, 0.0, 0.7]]), grid.Ball()).tolist() == pytest.approx([-4.0])
    thin = grid.Ball(radius=0.2, sharpness=10.0, peak=5.0)
    probes = torch.tensor([[0.3, 0.0, 0.0], [0.0, 0.1, 0.0]])
    assert grid.ball_density(probes, thin).tolist() == pytest.approx([-1.0, 1.0], abs=1e-5)


def test_a_refined_lattice_has_the_nodes_of_the_coarse_one() -> None:
    assert [grid.refined(*pair) for pair in ((40, 24), (40, 40), (40, 48), (3, 6), (0, 7))] == [40, 40, 79, 9, 7]
    assert [grid.refined(*pair) for pair in ((2, 4), (2, 3), (3, 9), (1, 4))] == [5, 3, 9, 4]
    coarse = torch.randn(1, 3, 3, 3, generator=torch.Generator().manual_seed(0))
    fine = grid.resize(coarse, grid.refined(3, 6))
    assert torch.allclose(fine[:, ::4, ::4, ::4], coarse, atol=1e-6)


@pytest.mark.parametrize(("symmetry", "images"), [("none", 1), ("mirror", 4), ("quarter", 8)])
def test_a_symmetric_lattice_is_the_mean_of_its_images(symmetry: grid.Symmetry, images: int) -> None:
    raw = torch.zeros(1, 5, 5, 5)
    raw[0, 1, 3, 4] = 8.0  # z, y, x
    found = grid.symmetric(raw, symmetry)
    assert (found > 0).sum() == images and found.sum() == 8
    assert (found[0, 1][found[0, 1] > 0] == 8 / images).all()
    assert torch.equal(grid.symmetric(found, symmetry), found)


@pytest.mark.parametrize("symmetry", ["none", "mirror", "quarter"])
def test_a_symmetric_field_has_the_same_value_at_a_points_representative(symmetry: grid.Symmetry) -> None:
    generator = torch.Generator().manual_seed(0)
    field = grid.symmetric(torch.randn(2, 5, 5, 5, generator=generator), symmetry)
    points = torch.rand(50, 3, generator=generator) * 2 - 1
    folded = grid.canonical_points(points, symmetry)
    assert torch.allclose(grid.sample(field, folded), grid.sample(field, points), atol=1e-5)
    if symmetry != "none":
        assert (folded[:, :2] >= 0).all() and not torch.equal(folded, points)
    if symmetry == "quarter":
        assert (folded[:, 0] >= folded[:, 1]).all()


def test_occupied_cells_are_those_with_a_dense_node_and_their_neighbours() -> None:
    raw = torch.full((5, 5, 5), grid.EMPTY)
    raw[2, 1, 3] = 5.0  # z, y, x
    cells = grid.occupied(raw, threshold=1.0, grow=0)
    assert cells.shape == (4, 4, 4)
    assert cells.sum() == 8
    assert cells[1:3, 0:2, 2:4].all()
    assert grid.occupied(raw, threshold=1.0, grow=1).sum() == 4 * 3 * 3  # clipped at two of the borders
    assert torch.equal(grid.occupied(raw, threshold=1.0), grid.occupied(raw, threshold=1.0, grow=1))
    middle = torch.full((9, 9, 9), grid.EMPTY)
    middle[4, 4, 4] = 5.0
    assert grid.occupied(middle, threshold=1.0, grow=2).sum() == 6**3


def test_points_find_their_cell() -> None:
    cells = torch.zeros(4, 4, 4, dtype=torch.bool)
    cells[2, 1, 3] = True  # z in [0, 0.5], y in [-0.5, 0], x in [0.5, 1]
    points = torch.tensor([[0.6, -0.1, 0.2], [0.4, -0.1, 0.2], [0.6, 0.1, 0.2], [0.6, -0.1, -0.1], [1.5, -0.1, 0.2]])
    assert grid.is_occupied(cells, points).tolist() == [True, False, False, False, True]


def test_skipping_never_hides_what_is_dense() -> None:
    raw = torch.randn(9, 9, 9, generator=torch.Generator().manual_seed(0)) * 4 - 4
    points = torch.rand(4000, 3, generator=torch.Generator().manual_seed(1)) * 2 - 1
    dense = grid.density(grid.sample(raw[None], points)[:, 0]) > 1.0
    assert grid.is_occupied(grid.occupied(raw, threshold=1.0, grow=0), points)[dense].all()


def test_points_find_their_cell_where_sides_differ_and_outside_the_nearest() -> None:
    cells = torch.zeros(2, 3, 4, dtype=torch.bool)
    cells[0, 2, 1] = True  # z below 0, y above a third, x from -0.5 to 0
    points = torch.tensor([[-0.25, 0.5, -0.5], [-0.25, 0.5, 0.5], [-0.25, 0.2, -0.5], [0.25, 0.5, -0.5]])
    assert grid.is_occupied(cells, points).tolist() == [True, False, False, False]
    outside = torch.tensor([[-0.25, 1.0, -1.0], [-0.25, 3.0, -3.0], [-0.75, 3.0, -3.0]])
    assert grid.is_occupied(cells, outside).tolist() == [True, True, False]


def test_outside_the_lattice_its_border_goes_on() -> None:
    beyond, border = torch.tensor([[1.5, 0.2, -3.0]]), torch.tensor([[1.0, 0.2, -1.0]])
    assert torch.equal(grid.sample(lattice(), beyond.double()), grid.sample(lattice(), border.double()))


def test_density_is_twenty_times_a_softplus_and_haze_a_twentieth_opaque_over_a_tenth() -> None:
    assert grid.density(torch.tensor([0.0, 1.0])).tolist() == pytest.approx([20 * math.log(2), 20 * math.log1p(math.e)])
    assert 1 - math.exp(-grid.HAZE * 0.1) == pytest.approx(0.05, abs=0.002) and grid.EMPTY == -10


def test_haze_goes_and_what_is_next_to_something_stays() -> None:
    lattice = torch.full((4, 7, 7, 7), -4.0)  # 0.37 a unit
    lattice[0, 3, 3, 3] = 0.0
    lattice[0, 0, 0, 0] = -12.0
    found = grid.without_haze(lattice)
    kept = found[0] > grid.EMPTY
    assert int(kept.sum()) == 27 and kept[2:5, 2:5, 2:5].all()
    assert torch.equal(found[0][kept], lattice[0][kept]) and torch.equal(found[1:], lattice[1:])
    assert found[0, 0, 0, 0] == -12 and found[0, 6, 6, 6] == grid.EMPTY
    assert torch.equal(grid.without_haze(lattice, below=0.3)[0, 1:], lattice[0, 1:])
