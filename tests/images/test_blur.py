"""The blur against scipy's, exact for small widths and close for large ones, at both kinds of edge; differentiable."""

import pytest
import torch
from scipy import ndimage
from torch import Tensor

from gencontrol.images.blur import Edges, gaussian_blur


def random_planes(*shape: int) -> Tensor:
    return torch.rand(shape, generator=torch.Generator().manual_seed(1), dtype=torch.float64)


@pytest.mark.parametrize(("sigma", "tolerance"), [(0.5, 1e-4), (3, 1e-4), (23.9, 1e-4), (25, 0.01), (80, 0.01)])
def test_blur_is_scipys(sigma: float, tolerance: float) -> None:
    planes = torch.zeros(2, 150, 213, dtype=torch.float64)
    planes[0, 40:90, 60:150] = 1
    planes[1, :, 100:] = 1
    expected = ndimage.gaussian_filter(planes.numpy(), (0, sigma, sigma), mode="nearest")
    torch.testing.assert_close(gaussian_blur(planes, sigma), torch.from_numpy(expected), atol=tolerance, rtol=0)


def test_a_wide_blur_of_a_narrow_picture_is_as_wide_along_both_sides() -> None:
    # Nine rows become one on the smaller copy, which is another scale than that of the columns.
    planes = torch.zeros(1, 9, 400, dtype=torch.float64)
    planes[:, :, 200:] = 1
    expected = ndimage.gaussian_filter(planes.numpy(), (0, 60, 60), mode="nearest")
    torch.testing.assert_close(gaussian_blur(planes, 60), torch.from_numpy(expected), atol=0.01, rtol=0)


@pytest.mark.parametrize("sigma", [2, 9.0, 40])
def test_wrapped_blur_is_scipys_at_any_width(sigma: int | float) -> None:
    planes = random_planes(2, 16, 21)
    expected = ndimage.gaussian_filter(planes.numpy(), (0, sigma, sigma), mode="wrap", truncate=8)
    torch.testing.assert_close(
        gaussian_blur(planes, sigma, edges="wrap"), torch.from_numpy(expected), atol=1e-6, rtol=0
    )


@pytest.mark.parametrize(("edges", "mode"), [("extend", "nearest"), ("wrap", "wrap")])
def test_each_picture_by_its_own_width(edges: Edges, mode: str) -> None:
    pictures = random_planes(3, 2, 16, 18)
    blurred = gaussian_blur(pictures, torch.tensor([0.0, 2.0, 1.6], dtype=torch.float64), edges=edges)
    torch.testing.assert_close(blurred[0], pictures[0])
    for picture, sigma, found in zip(pictures[1:], (2.0, 1.6), blurred[1:], strict=True):
        expected = ndimage.gaussian_filter(picture.numpy(), (0, sigma, sigma), mode=mode, truncate=8)
        torch.testing.assert_close(found, torch.from_numpy(expected), atol=2e-4, rtol=0)
        torch.testing.assert_close(found, gaussian_blur(picture, sigma, edges=edges))


def test_zero_changes_nothing() -> None:
    planes = torch.rand(4, 5)
    assert gaussian_blur(planes, 0) is planes
    assert gaussian_blur(planes, 0, edges="wrap") is planes


def test_what_is_out_of_reach_stays_exactly_as_it_was() -> None:
    planes = torch.zeros(1, 40)
    planes[0, 0] = 1
    blurred = gaussian_blur(planes, 2.0)
    assert blurred[0, 8] > 0
    assert not blurred[0, 9:].any()


@pytest.mark.parametrize("edges", ["extend", "wrap"])
@pytest.mark.parametrize("sigma", [1.5, 30])
def test_gradient(sigma: float, edges: Edges) -> None:
    planes = torch.rand(1, 6, 7, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(lambda p: gaussian_blur(p, sigma, edges=edges), (planes,))


@pytest.mark.parametrize("edges", ["extend", "wrap"])
def test_gradient_with_a_width_for_each(edges: Edges) -> None:
    planes, sigma = torch.rand(2, 1, 5, 6, dtype=torch.float64, requires_grad=True), torch.tensor([0.5, 1.5]).double()
    assert torch.autograd.gradcheck(lambda p: gaussian_blur(p, sigma, edges=edges), (planes,))


@pytest.mark.parametrize("size", [(1, 1), (1, 30), (8, 12)])
def test_a_blur_without_end_takes_no_memory_without_end(size: tuple[int, int]) -> None:
    planes = torch.zeros(1, *size)
    planes[..., -1] = 1.0
    blurred = gaussian_blur(planes, 1e300)
    assert torch.equal(blurred, gaussian_blur(planes, 100 * max(size)))
    assert not torch.equal(blurred, gaussian_blur(planes, 0.5 * max(size))) or size == (1, 1)
    assert 0 < blurred.min() <= blurred.max() <= 1
