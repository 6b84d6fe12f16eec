"""Clamping keeps the gradient of what lies at the bounds, and of nothing beyond."""

import pytest
import torch

from gencontrol.images.bounds import bounded

INF = float("inf")


def gradient(values: torch.Tensor, *bounds: float) -> list[float]:
    values = values.clone().requires_grad_()
    (found,) = torch.autograd.grad(bounded(values, *bounds).sum(), values)
    return found.tolist()


def test_values_are_those_of_clamp() -> None:
    values = torch.tensor([-INF, -3.0, -1e-7, 0.0, 0.25, 1.0, 1 + 1e-6, 2.0, INF], dtype=torch.float64)
    for bounds in ((0.0, 1.0), (-2.0, 0.5), (-INF, 1.0), (0.0, INF)):
        assert torch.equal(bounded(values.clone().requires_grad_(), *bounds).detach(), values.clamp(*bounds))
        with torch.no_grad():
            assert torch.equal(bounded(values, *bounds), values.clamp(*bounds))
    assert bool(bounded(torch.tensor(float("nan"), requires_grad=True)).isnan())


def test_the_gradient_passes_at_the_bounds_and_not_beyond() -> None:
    values = torch.tensor([-0.001, 0.0, 0.3, 1.0, 1.001])
    assert gradient(values) == [0.0, 1.0, 1.0, 1.0, 0.0]
    assert gradient(values, -INF, 1.0) == [1.0, 1.0, 1.0, 1.0, 0.0]
    assert gradient(values, 0.3, INF) == [0.0, 0.0, 1.0, 1.0, 1.0]
    assert gradient(torch.tensor([-INF, INF])) == [0.0, 0.0]


@pytest.mark.parametrize(("dtype", "off"), [(torch.float32, 5e-6), (torch.float64, 1e-14)])
def test_what_rounding_carries_over_a_bound_counts_as_at_it(dtype: torch.dtype, off: float) -> None:
    assert gradient(torch.tensor([-off, 1 + off], dtype=dtype)) == [1.0, 1.0]
    assert gradient(torch.tensor([-4 * off, 1 + 4 * off], dtype=dtype)) == [0.0, 0.0]
    # A number format of few digits has its next value far above: that is no rounding.
    assert gradient(torch.tensor([1.0, 1.0078], dtype=torch.bfloat16)) == [1.0, 0.0]


def test_second_derivatives() -> None:
    inside = torch.tensor([0.2, 0.7], dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(bounded, inside) and torch.autograd.gradgradcheck(bounded, inside)
