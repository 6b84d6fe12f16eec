"""Regions refuse what cannot be looked at, each for its own reason."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch

from gencontrol.errors import InputError
from gencontrol.images.picture import Picture
from gencontrol.regions import (
    Region,
    from_box,
    from_image_alpha,
    from_index_mask,
    from_mask,
    from_points,
    from_polygon,
    from_stroke,
    stack_alphas,
    union_of,
    whole,
)

SIZE = (6, 8)


def test_a_region_clamps_rounding_and_knows_its_size() -> None:
    region = Region(alpha=torch.tensor([[0.0, 1.0002, 0.5]]), weight=2.0, label="cat")
    assert region.alpha.tolist() == [[0.0, 1.0, 0.5]]
    assert region.size == (1, 3)


@pytest.mark.parametrize(
    ("alpha", "message"),
    [
        (torch.zeros(2, 2), "Region 'cat' is empty: no pixel is marked"),
        (torch.full((2, 2), torch.nan), "holds NaN or infinite values"),
        (torch.full((2, 2), 255.0), "got 255 to 255; divide by 255"),
        (torch.full((2, 2), -1.0), "got -1 to -1; scale"),
        (torch.zeros(0, 3), "has no pixels"),
    ],
)
def test_alpha_maps_that_cannot_be_used(alpha: torch.Tensor, message: str) -> None:
    with pytest.raises(InputError, match=message):
        Region(alpha=alpha, label="cat")


@pytest.mark.parametrize("weight", [0.0, -1.0, np.nan, np.inf])
def test_weights_are_positive(weight: float) -> None:
    with pytest.raises(InputError, match="expected a weight above 0"):
        Region(alpha=torch.ones(2, 2), weight=weight)


@pytest.mark.parametrize("weight", [1e39, 1e6 + 1])
def test_a_weight_beside_which_others_are_nothing_is_refused(weight: float) -> None:
    with pytest.raises(InputError, match=r"Region 'cat': weight: expected above 0 and at most 1,000,000, got 1"):
        Region(alpha=torch.ones(2, 2), weight=weight, label="cat")
    assert Region(alpha=torch.ones(2, 2), weight=1e6).weight == 1e6


def test_what_a_region_is_mixed_by_is_known(unchecked: Callable[..., Any]) -> None:
    with pytest.raises(InputError, match=r"The region: mixed_by: expected one of level, weight, got the text 'levels'"):
        unchecked(Region, **vars(Region(alpha=torch.ones(2, 2))) | {"mixed_by": "levels"})


def test_stack_and_union() -> None:
    regions = [Region(alpha=torch.tensor([[1.0, 0.2]])), Region(alpha=torch.tensor([[0.5, 0.7]]), weight=9.0)]
    assert torch.equal(stack_alphas(regions), torch.tensor([[[1.0, 0.2]], [[0.5, 0.7]]]))
    assert torch.equal(union_of(regions), torch.tensor([[1.0, 0.7]]))


def test_regions_of_one_image_have_one_size() -> None:
    with pytest.raises(InputError, match=r"got 2 x 1, 1 x 2 \(width x height\)"):
        stack_alphas([Region(alpha=torch.ones(1, 2)), Region(alpha=torch.ones(2, 1))])
    with pytest.raises(InputError, match="at least one region"):
        union_of([])


def test_every_way_to_point_passes_weight_and_label_on() -> None:
    half = torch.zeros(SIZE)
    half[:, :4] = 1
    regions = [
        from_mask(half, size=SIZE, weight=3.0, label="x"),
        from_image_alpha(Picture(rgb=torch.rand(3, *SIZE), alpha=half), weight=3.0, label="x"),
        from_box((0, 0, 1, 1), size=SIZE, weight=3.0, label="x"),
        from_points([(1, 1)], size=SIZE, weight=3.0, label="x"),
        from_stroke([(1, 1)], size=SIZE, width=2, weight=3.0, label="x"),
        from_polygon([(1, 1), (7, 2), (3, 5)], size=SIZE, weight=3.0, label="x"),
        from_index_mask((half * 255).int(), 255, size=SIZE, weight=3.0, label="x"),
        whole(SIZE, weight=3.0, label="x"),
    ]
    assert {(region.weight, region.label, region.size) for region in regions} == {(3.0, "x", SIZE)}


def test_regions_weigh_one_and_have_no_label_unless_said() -> None:
    half = torch.zeros(SIZE)
    half[:, :4] = 1
    regions = [
        Region(alpha=half),
        from_mask(half, size=SIZE),
        from_image_alpha(Picture(rgb=torch.rand(3, *SIZE), alpha=half)),
        from_box((0, 0, 4, 6), size=SIZE),
        from_points([(1, 1)], size=SIZE),
        from_stroke([(1, 1)], size=SIZE, width=2),
        from_polygon([(1, 1), (7, 2), (3, 5)], size=SIZE),
        from_index_mask((half * 255).int(), 255, size=SIZE),
        whole(SIZE),
    ]
    assert {(region.weight, region.label) for region in regions} == {(1.0, "")}
