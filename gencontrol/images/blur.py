"""Gaussian blur of planes of any size, differentiable."""

import math

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional

# Weights beyond so many standard deviations are left out: 6e-5 of the whole on either side.
_REACH = 4.0
# A wider blur is made at a lower resolution, which then still has this standard deviation in pixels.
_COARSE_SIGMA = 12.0


def gaussian_blur(planes: Float[Tensor, "*b h w"], sigma: int | float) -> Float[Tensor, "*b h w"]:
    """Blur each plane; beyond its border an image is taken to go on as it ends.

    Args:
        planes: Any values.
        sigma: Standard deviation in pixels; 0 changes nothing. Above 24 pixels the blur is made on a smaller copy,
            within 1 % of the exact one.
    """
    assert sigma >= 0
    if sigma == 0:
        return planes
    *lead, height, width = planes.shape
    flat = planes.reshape(-1, 1, height, width)
    factor = int(sigma / _COARSE_SIGMA)
    if factor < 2:
        return _convolve(flat, float(sigma), float(sigma)).reshape(planes.shape)
    small = (max(1, height // factor), max(1, width // factor))
    coarse = functional.interpolate(flat, size=small, mode="bilinear", antialias=True)
    coarse = _convolve(coarse, sigma * small[0] / height, sigma * small[1] / width)
    return functional.interpolate(coarse, size=(height, width), mode="bilinear").reshape(*lead, height, width)


def _convolve(planes: Float[Tensor, "n 1 h w"], sigma_y: float, sigma_x: float) -> Float[Tensor, "n 1 h w"]:
    down, across = _kernel(sigma_y, planes), _kernel(sigma_x, planes)
    rows, columns = len(down) // 2, len(across) // 2
    planes = functional.conv2d(
        functional.pad(planes, (columns, columns, 0, 0), mode="replicate"), across[None, None, None]
    )
    return functional.conv2d(functional.pad(planes, (0, 0, rows, rows), mode="replicate"), down[None, None, :, None])


def _kernel(sigma: float, like: Tensor) -> Float[Tensor, " n"]:
    reach = math.ceil(_REACH * sigma)
    steps = torch.arange(-reach, reach + 1, dtype=torch.float64)
    weights = torch.exp(-0.5 * (steps / sigma) ** 2)
    return (weights / weights.sum()).to(like)
