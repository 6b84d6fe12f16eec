"""The algebra of alpha maps, and edges that move by the pixels asked for."""

import math

import numpy as np
import pytest
import torch
from scipy import ndimage
from torch import Tensor

from gencontrol.errors import InputError
from gencontrol.regions import difference, feather, grow, intersection, invert, shrink, threshold, union

SHAPE = (2, 9, 11)


def soft(seed: int) -> Tensor:
    return torch.rand(SHAPE, generator=torch.Generator().manual_seed(seed))


def disc(radius: float, size: int = 41) -> Tensor:
    grid = torch.arange(size) - size // 2
    return ((grid[:, None] ** 2 + grid**2) <= radius**2).float()


def test_hard_maps_combine_as_sets() -> None:
    a, b = soft(0) > 0.5, soft(1) > 0.5
    assert torch.equal(union(a.float(), b.float()), (a | b).float())
    assert torch.equal(intersection(a.float(), b.float()), (a & b).float())
    assert torch.equal(difference(a.float(), b.float()), (a & ~b).float())
    assert torch.equal(invert(a.float()), (~a).float())


def test_soft_maps_keep_the_laws() -> None:
    a, b, c = soft(0), soft(1), soft(2)
    assert torch.equal(union(a, a), a) and torch.equal(intersection(a, a), a)
    assert not difference(a, a).any()
    torch.testing.assert_close(intersection(a, b) + difference(a, b), a)
    torch.testing.assert_close(invert(union(a, b)), intersection(invert(a), invert(b)))
    assert torch.equal(union(a, b, c), union(union(a, b), c))
    assert torch.equal(intersection(a, b, c), intersection(intersection(a, b), c))
    assert torch.equal(difference(a, b, c), difference(a, union(b, c)))
    assert torch.equal(difference(a), a)


@pytest.mark.parametrize("combine", [union, intersection, difference])
def test_maps_of_different_sizes(combine) -> None:
    with pytest.raises(InputError, match=r"one size, got 3 x 2 and 2 x 3 \(width x height\)"):
        combine(torch.ones(2, 3), torch.ones(3, 2))


@pytest.mark.parametrize("combine", [union, intersection, difference])
def test_batches_broadcast_or_are_refused(combine) -> None:
    one, several = soft(0), torch.stack([soft(1), soft(2)])
    expected = torch.stack([combine(one, soft(1)), combine(one, soft(2))])
    assert torch.equal(combine(one, several), expected)
    with pytest.raises(InputError, match=r"as many alpha maps each time, or one, got shapes \(2, .*\) and \(3, .*\)"):
        combine(several, torch.stack([one, one, one]))


def test_threshold() -> None:
    assert threshold(torch.tensor([[0.0, 0.49, 0.5, 1.0]])).tolist() == [[0, 0, 1, 1]]
    assert threshold(torch.tensor([[0.0, 0.49, 0.5, 1.0]]), 0.3).tolist() == [[0, 1, 1, 1]]
    with pytest.raises(InputError, match="threshold above 0 and at most 1, got 0"):
        threshold(soft(0), 0)


def test_feather_is_a_gaussian_of_half_the_radius() -> None:
    alpha = (soft(0) > 0.5).double()
    expected = ndimage.gaussian_filter(alpha.numpy(), (0, 1.5, 1.5), mode="nearest")
    torch.testing.assert_close(feather(alpha, 3), torch.from_numpy(expected), atol=1e-4, rtol=0)


def test_feather_ramps_over_its_radius_and_keeps_the_rest() -> None:
    edge = torch.zeros(40, 80)
    edge[:, 40:] = 1
    row = feather(edge, 6)[20]
    assert row[33] < 0.02 and row[46] > 0.98 and abs(row[39] + row[40] - 1) < 1e-5
    assert (row.diff() >= -1e-6).all()
    torch.testing.assert_close(feather(torch.ones(1, 5, 5), 4), torch.ones(1, 5, 5))
    assert torch.equal(feather(edge, 0), edge)


@pytest.mark.parametrize("radius", [0, 1, 1.5, 3, 7.2])
def test_grow_takes_the_largest_value_in_a_disc(radius: float) -> None:
    alpha = soft(3)
    reach = math.floor(radius)
    grid = np.arange(-reach, reach + 1)
    footprint = (grid[:, None] ** 2 + grid**2 <= radius**2)[None]
    expected = ndimage.grey_dilation(alpha.numpy(), footprint=footprint, mode="nearest")
    assert torch.equal(grow(alpha, radius), torch.from_numpy(expected))


def test_grow_and_shrink_move_a_disc_by_their_radius() -> None:
    assert grow(disc(8), 5).sum().item() == pytest.approx(disc(13).sum().item(), rel=0.05)
    assert shrink(disc(13), 5).sum().item() == pytest.approx(disc(8).sum().item(), rel=0.1)
    assert (grow(disc(8), 5) <= disc(13.01)).all()


def test_shrink_is_grow_of_the_outside_and_leaves_the_border() -> None:
    alpha = soft(4)
    torch.testing.assert_close(shrink(alpha, 2), invert(grow(invert(alpha), 2)))
    assert torch.equal(shrink(torch.ones(6, 7), 3), torch.ones(6, 7))
    assert torch.equal(grow(torch.zeros(6, 7), 30), torch.zeros(6, 7))


@pytest.mark.parametrize("change", [feather, grow, shrink])
@pytest.mark.parametrize("radius", [-1, math.nan, math.inf])
def test_radii_are_pixels(change, radius: float) -> None:
    with pytest.raises(InputError, match="radius of 0 or more pixels, got"):
        change(soft(0), radius)


@pytest.mark.parametrize("radius", [9, 30])
def test_a_disc_larger_than_the_map_takes_its_largest_value(radius: int) -> None:
    for place in ((0, 5), (8, 5)):  # from the top to the bottom, and back
        spot = torch.zeros(9, 11)
        spot[place] = 1
        assert grow(spot, radius)[8 - place[0], 5] == 1
    assert torch.equal(grow(soft(0), 30), soft(0).amax((-1, -2), keepdim=True).expand(SHAPE))
    assert threshold(torch.tensor([[0.99, 1.0]]), 1).tolist() == [[0, 1]]


def test_a_radius_of_any_size_fills_the_picture() -> None:
    """Squares of such numbers are more than a float holds."""
    alpha = torch.zeros(7, 9)
    alpha[0, 0] = 1
    assert grow(alpha, 1e300).min() == 1
    assert grow(alpha, 10**300).min() == 1
    assert grow(alpha, 9.9).min() == 0
