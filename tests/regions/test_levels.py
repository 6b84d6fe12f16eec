"""Levels are shares: only their ratios count, one region is all there is, and overlaps take the higher."""

import math

import pytest
import torch
from torch.testing import assert_close

from gencontrol.errors import InputError
from gencontrol.regions import Region, from_box, level_map, level_shares, union_of
from gencontrol.regions.levels import check_levels, has_levels

SIZE = (6, 8)


def box(x0: int, x1: int, level: float = 1.0, weight: float = 1.0) -> Region:
    return Region(alpha=from_box((x0, 0, x1, 6), size=SIZE).alpha, level=level, weight=weight)


def test_shares_are_levels_beside_their_sum() -> None:
    shares = level_shares([box(0, 2, 0.2), box(2, 4, 0.6), box(4, 6, 0.0)])
    assert_close(shares, torch.tensor([0.25, 0.75, 0.0], dtype=torch.float64))
    assert level_shares([box(0, 2, 0.01)]).tolist() == [1.0]


def test_only_ratios_count() -> None:
    strong, faint = ([box(0, 4, c), box(4, 8, c / 4)] for c in (1.0, 0.1))
    assert_close(level_map(strong), level_map(faint))
    assert_close(level_map(faint)[0], torch.tensor([1.0] * 4 + [0.25] * 4))


def test_the_higher_level_holds_where_regions_overlap() -> None:
    for order in ((0, 1), (1, 0)):
        regions = [(box(0, 5, 0.5), box(3, 8, 1.0))[i] for i in order]
        assert_close(level_map(regions)[2], torch.tensor([0.5] * 3 + [1.0] * 5))


def test_equal_levels_are_a_union() -> None:
    regions = [box(0, 3, 0.3), box(5, 8, 0.3)]
    assert not has_levels(regions) and has_levels([box(0, 3, 0.3), box(5, 8, 0.4)])
    assert torch.equal(level_map(regions), union_of(regions))


@pytest.mark.parametrize("level", [-0.01, 1.01, math.nan, math.inf])
def test_levels_lie_between_0_and_1(level: float) -> None:
    with pytest.raises(InputError, match=r"The region: level: expected 0 or more and at most 1, got "):
        box(0, 2, level)


def test_no_level_above_0_is_an_error() -> None:
    for use in (level_map, level_shares, check_levels):
        with pytest.raises(InputError, match="Every region has level 0, so there is nothing to look at"):
            use([box(0, 2, 0.0), box(2, 4, 0.0)])
    check_levels([])
    check_levels([box(0, 2, 0.0), box(2, 4, 1.0)])


def test_levels_and_weights_do_not_mix() -> None:
    with pytest.raises(InputError, match=r"differ in level and in weight: .* Give one of the two\."):
        check_levels([box(0, 2, 0.5, weight=2.0), box(2, 4)])
    check_levels([box(0, 2, 0.5, weight=2.0), box(2, 4, 0.5)])
    check_levels([box(0, 2, 0.5, weight=2.0), box(2, 4, 0.7, weight=2.0)])
