"""Arithmetic on alpha maps. All are pure, keep [0, 1], and take (..., h, w) of one size; batches broadcast.

Union and intersection are maximum and minimum, so that a map with itself gives itself, soft edges too; difference is
a - b cut at 0, so that a map less itself is empty and intersection + difference gives the map back.
"""

import math
from functools import reduce

import torch
from jaxtyping import Float
from scipy import ndimage
from torch import Tensor

from gencontrol.errors import InputError
from gencontrol.images.blur import gaussian_blur
from gencontrol.images.bounds import bounded
from gencontrol.kinds import checked
from gencontrol.numbers import is_finite, number_text


@checked
def union(first: Float[Tensor, "*k h w"], *others: Float[Tensor, "..."]) -> Float[Tensor, "... h w"]:
    """Where any of the maps looks: the largest value.

    Raises:
        InputError: Maps of different sizes, or batches that do not broadcast.
    """
    _check_sizes(first, *others)
    return reduce(torch.maximum, others, first)


@checked
def intersection(first: Float[Tensor, "*k h w"], *others: Float[Tensor, "..."]) -> Float[Tensor, "... h w"]:
    """Where all of the maps look: the smallest value.

    Raises:
        InputError: Maps of different sizes, or batches that do not broadcast.
    """
    _check_sizes(first, *others)
    return reduce(torch.minimum, others, first)


@checked
def difference(first: Float[Tensor, "*k h w"], *others: Float[Tensor, "..."]) -> Float[Tensor, "... h w"]:
    """Where the first map looks and none of the others does.

    Raises:
        InputError: Maps of different sizes, or batches that do not broadcast.
    """
    _check_sizes(first, *others)
    return first if not others else bounded(first - union(*others))


@checked
def invert(alpha: Float[Tensor, "*k h w"]) -> Float[Tensor, "*k h w"]:
    """Look everywhere but here."""
    return 1 - alpha


@checked
def threshold(alpha: Float[Tensor, "*k h w"], level: int | float = 0.5) -> Float[Tensor, "*k h w"]:
    """1 where the map is at least `level`, 0 elsewhere.

    Raises:
        InputError: A level outside (0, 1].
    """
    check_threshold(level)
    return (alpha >= level).to(alpha.dtype)


@checked
def feather(alpha: Float[Tensor, "*k h w"], radius: int | float) -> Float[Tensor, "*k h w"]:
    """Soften edges: a hard edge becomes a ramp that reaches about `radius` pixels to either side.

    A Gaussian of half that standard deviation; beyond its border the image is taken to go on as it ends.

    Raises:
        InputError: A radius that is negative or not finite.
    """
    _check_radius(radius)
    return bounded(gaussian_blur(alpha, radius / 2))


@checked
def grow(alpha: Float[Tensor, "*k h w"], radius: int | float) -> Float[Tensor, "*k h w"]:
    """Move edges outwards by `radius` pixels: each pixel takes the largest value in a disc around it.

    Not differentiable.

    Raises:
        InputError: A radius that is negative or not finite.
    """
    _check_radius(radius)
    # Beyond the picture's own diagonal nothing changes, and squares of larger numbers overflow.
    radius = min(radius, sum(alpha.shape[-2:]))
    values = alpha.detach().cpu().numpy()
    grown = values.copy()
    for shift in range(min(math.floor(radius), values.shape[-2] - 1) + 1):
        # One row of the disc: its half-width at this height.
        half = math.floor(math.sqrt(radius**2 - shift**2))
        rows = ndimage.maximum_filter1d(values, 2 * half + 1, axis=-1, mode="nearest")
        stop = values.shape[-2] - shift
        for target, source in ((slice(0, stop), slice(shift, None)), (slice(shift, None), slice(0, stop))):
            grown[..., target, :] = grown[..., target, :].clip(min=rows[..., source, :])
    return torch.from_numpy(grown).to(alpha)


@checked
def shrink(alpha: Float[Tensor, "*k h w"], radius: int | float) -> Float[Tensor, "*k h w"]:
    """Move edges inwards by `radius` pixels; the image's border is no edge. Not differentiable.

    Raises:
        InputError: A radius that is negative or not finite.
    """
    return 1 - grow(1 - alpha, radius)


def check_threshold(level: int | float) -> None:
    """Refuse a level outside (0, 1].

    Raises:
        InputError: Says so.
    """
    if not 0 < level <= 1:
        raise InputError(f"Expected a threshold above 0 and at most 1, got {number_text(level)}.")


def _check_sizes(*alphas: Tensor) -> None:
    flat = next((alpha for alpha in alphas if alpha.ndim < 2), None)
    if flat is not None:
        raise InputError(f"Expected alpha maps (..., h, w), got shape {tuple(flat.shape)}.")
    sizes = {tuple(alpha.shape[-2:]) for alpha in alphas}
    if len(sizes) > 1:
        found = " and ".join(f"{w} x {h}" for h, w in sorted(sizes))
        raise InputError(f"Expected alpha maps of one size, got {found} (width x height).")
    try:
        torch.broadcast_shapes(*(alpha.shape for alpha in alphas))
    except RuntimeError as error:
        found = " and ".join(str(tuple(alpha.shape)) for alpha in alphas)
        raise InputError(f"Expected as many alpha maps each time, or one, got shapes {found}.") from error


def _check_radius(radius: int | float) -> None:
    if not (is_finite(radius) and radius >= 0):
        raise InputError(f"Expected a radius of 0 or more pixels, got {number_text(radius)}.")
