"""How a picture and its alpha map become the encoder's square: one geometry for both, so that they stay aligned."""

import typing
from dataclasses import dataclass, replace
from typing import Literal

from jaxtyping import Float, UInt8
from torch import Tensor
from torch.nn import functional

from gencontrol.errors import ConfigError
from gencontrol.images.bounds import bounded
from gencontrol.images.resampling import Interpolation, resize_planes
from gencontrol.kinds import check_fields, checked

Fit = Literal["pad", "squash", "crop", "published"]


@dataclass(frozen=True, kw_only=True)
class Geometry:
    """The encoder's view of a picture."""

    size: int = 224
    """Side of the square in pixels."""
    fit: Fit = "pad"
    """`pad` to a square with black (what Alpha-CLIP was trained on), `squash` to it, or centre `crop` (as CLIP).

    `published` does what the Alpha-CLIP authors' inference code does, for whoever must reproduce its numbers: it crops
    the picture and squashes the alpha map, so that on pictures that are not square the two slip."""
    antialias: bool = True
    """Low-pass before scaling down. False only for hosts that were trained without."""
    interpolation: Interpolation = "bicubic"
    """The resampling filter."""

    def __post_init__(self) -> None:
        check_fields(self)
        if self.size < 1:
            raise ConfigError(f"size: expected a positive number of pixels, got {self.size}.")
        for name, choices in (("fit", Fit), ("interpolation", Interpolation)):
            known = typing.get_args(choices)
            if getattr(self, name) not in known:
                raise ConfigError(f"{name}: expected one of {', '.join(known)}, got {getattr(self, name)!r}.")


def of_alpha(geometry: Geometry) -> Geometry:
    """The geometry that brings the encoder's alpha map to its square: the picture's, unless that is `published`.

    Source: https://github.com/SunzeY/AlphaCLIP, commit 0ef04bd, README.md, `mask_transform` (Apache 2.0).
    """
    if geometry.fit != "published":
        return geometry
    return replace(geometry, fit="squash", interpolation="bilinear", antialias=True)


@checked
def fit_planes(
    planes: Float[Tensor, "*b c h w"] | UInt8[Tensor, "*b c h w"], geometry: Geometry, *, fill: float = 0.0
) -> Float[Tensor, "*b c s s"]:
    """Bring planes to the encoder's square, each plane on its own (colour is never premultiplied with alpha).

    Args:
        planes: Colours or alpha maps in [0, 1], or bytes, 0 to 255. Bytes become floats strip by strip, so that a large
            photograph never takes four times its room.
        geometry: The square's side, and how to reach it.
        fill: What `pad` puts beside the picture: black colour, alpha 0.

    Returns:
        Planes in [0, 1] (the overshoot of the bicubic filter is clamped), in the dtype that came, of bytes float32.
        Differentiable in floats, values of exactly 0 and 1 included.
    """
    *lead, height, width = planes.shape
    flat = planes.reshape(-1, height, width)[:, None]
    # CPUs have no half-precision bicubic filter; float64 is kept for gradient checks.
    exact = flat.float() if flat.dtype.is_floating_point and flat.dtype.itemsize < 4 else flat
    fitted = bounded(_FITS[geometry.fit](exact, geometry, fill))
    fitted = fitted.to(planes.dtype) if planes.dtype.is_floating_point else fitted
    return fitted.reshape(*lead, geometry.size, geometry.size)


def _squash(planes: Tensor, geometry: Geometry, fill: float) -> Tensor:
    return _resize(planes, geometry, (geometry.size, geometry.size))


def _pad(planes: Tensor, geometry: Geometry, fill: float) -> Tensor:
    # Equal to padding to a square and resizing that. Filters are separable, so the long side can be resized before
    # the short one is padded: a panorama never becomes a square of its full width.
    height, width = planes.shape[-2:]
    side = max(height, width)
    if height == width:
        return _squash(planes, geometry, fill)
    before = (side - min(height, width)) // 2
    after = side - min(height, width) - before
    if height < width:
        planes = _resize(planes, geometry, (height, geometry.size))
        planes = functional.pad(planes, (0, 0, before, after), value=fill)
    else:
        planes = _resize(planes, geometry, (geometry.size, width))
        planes = functional.pad(planes, (before, after, 0, 0), value=fill)
    return _squash(planes, geometry, fill)


def _crop(planes: Tensor, geometry: Geometry, fill: float) -> Tensor:
    # The long side is cut to whole pixels and the offsets are rounded as transformers' CLIPImageProcessor does.
    height, width = planes.shape[-2:]
    short = min(height, width)
    target = (geometry.size * height // short, geometry.size * width // short)
    planes = _resize(planes, geometry, target)
    top, left = ((n - geometry.size) // 2 for n in target)
    return planes[..., top : top + geometry.size, left : left + geometry.size]


def _resize(planes: Tensor, geometry: Geometry, target: tuple[int, int]) -> Tensor:
    return resize_planes(planes, target, interpolation=geometry.interpolation, antialias=geometry.antialias)


def _crop_published(planes: Tensor, geometry: Geometry, fill: float) -> Tensor:
    # As torchvision's Resize and CenterCrop, which the authors' `preprocess` is made of, round the offsets: to even.
    height, width = planes.shape[-2:]
    short = min(height, width)
    target = (geometry.size * height // short, geometry.size * width // short)
    planes = _resize(planes, geometry, target)
    top, left = (round((n - geometry.size) / 2) for n in target)
    return planes[..., top : top + geometry.size, left : left + geometry.size]


_FITS = {"pad": _pad, "squash": _squash, "crop": _crop, "published": _crop_published}
