"""The blur against scipy's, exact for small widths and close for large ones, and differentiable."""

import pytest
import torch
from scipy import ndimage

from gencontrol.images.blur import gaussian_blur


@pytest.mark.parametrize(("sigma", "tolerance"), [(0.5, 1e-4), (3, 1e-4), (23.9, 1e-4), (25, 0.01), (80, 0.01)])
def test_blur_is_scipys(sigma: float, tolerance: float) -> None:
    planes = torch.zeros(2, 150, 213, dtype=torch.float64)
    planes[0, 40:90, 60:150] = 1
    planes[1, :, 100:] = 1
    expected = ndimage.gaussian_filter(planes.numpy(), (0, sigma, sigma), mode="nearest")
    torch.testing.assert_close(gaussian_blur(planes, sigma), torch.from_numpy(expected), atol=tolerance, rtol=0)


def test_zero_changes_nothing() -> None:
    planes = torch.rand(4, 5)
    assert gaussian_blur(planes, 0) is planes


@pytest.mark.parametrize("sigma", [1.5, 30])
def test_gradient(sigma: float) -> None:
    planes = torch.rand(1, 6, 7, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(lambda p: gaussian_blur(p, sigma), (planes,))
