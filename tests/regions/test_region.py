"""Regions refuse what cannot be looked at, each for its own reason."""

import numpy as np
import pytest
import torch

from gencontrol.errors import InputError
from gencontrol.regions import Region, stack_alphas, union_of


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


def test_stack_and_union() -> None:
    regions = [Region(alpha=torch.tensor([[1.0, 0.2]])), Region(alpha=torch.tensor([[0.5, 0.7]]), weight=9.0)]
    assert torch.equal(stack_alphas(regions), torch.tensor([[[1.0, 0.2]], [[0.5, 0.7]]]))
    assert torch.equal(union_of(regions), torch.tensor([[1.0, 0.7]]))


def test_regions_of_one_image_have_one_size() -> None:
    with pytest.raises(InputError, match=r"got 2 x 1, 1 x 2 \(width x height\)"):
        stack_alphas([Region(alpha=torch.ones(1, 2)), Region(alpha=torch.ones(2, 1))])
    with pytest.raises(InputError, match="at least one region"):
        union_of([])
