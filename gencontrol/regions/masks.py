"""Where a mask is read: grey masks, opaque ones, and a picture's own alpha channel. Sizes are (height, width)."""

import warnings

from jaxtyping import Float
from torch import Tensor

from gencontrol.errors import InputError
from gencontrol.images.bounds import bounded
from gencontrol.images.picture import Picture
from gencontrol.images.reading import ImageSource, read_image
from gencontrol.images.resampling import resize_planes
from gencontrol.regions.notices import warn_lost_context
from gencontrol.regions.ops import threshold as make_hard
from gencontrol.regions.region import Region, RegionWarning
from gencontrol.regions.shapes import Number

# JPEG leaves traces of colour in grey masks; more than this is a coloured mask.
_GREY_SLACK = 12 / 255
# A mask that is nowhere brighter than this holds class numbers rather than an alpha map.
_FAINT = 0.1


def from_mask(
    source: ImageSource,
    *,
    size: tuple[int, int],
    threshold: Number | None = None,
    resize: bool = False,
    weight: float = 1.0,
    label: str = "",
) -> Region:
    """A grey mask (white = look here, grey = partly), or an RGBA one that is opaque where to look.

    Args:
        source: Anything that `read_image` takes. If its alpha varies, the alpha is the mask; else its brightness.
        size: Of the image, (height, width).
        threshold: Make the mask hard: 1 where it is at least this value in (0, 1], 0 elsewhere.
        resize: Stretch a mask of another size to the image's, with a `RegionWarning`, instead of refusing it.
        weight: See `Region`.
        label: See `Region`.

    Raises:
        InputError: An unreadable, empty, coloured or 0-and-1-of-255 mask, one with NaN, one of another size, or a
            threshold outside (0, 1].
    """
    plane = fit_to_image(_mask_plane(read_image(source)), size, resize=resize)
    high = plane.max().item()
    if 0 < high <= 1.5 / 255:
        raise InputError(
            "The mask's largest value is 1 of 255, which is all but black. If it holds 0 and 1, save it as 0 and 255 "
            "(or pass a bool array); if it holds class numbers, use `from_index_mask`."
        )
    if threshold is not None:
        plane = make_hard(plane, threshold)
        if not bool(plane.any()):
            raise InputError(f"The mask is empty: its largest value {high:.3g} is below the threshold {threshold:g}.")
    elif 0 < high < _FAINT:
        text = f"The mask is faint: its largest value is {high:.3g} of 1. Pass a threshold, or class numbers by index."
        warnings.warn(text, RegionWarning, stacklevel=2)
    return Region(alpha=plane, weight=weight, label=label)


def from_image_alpha(picture: ImageSource, *, weight: float = 1.0, label: str = "") -> Region:
    """The image's own alpha channel: look where it is opaque.

    Warns with a `RegionWarning` if the transparent part has no colour left, and so no context to keep.

    Raises:
        InputError: The image has no alpha channel, is fully transparent, or cannot be read.
    """
    picture = read_image(picture)
    if picture.alpha is None:
        raise InputError(
            "The image has no alpha channel to look through; give a mask, a box or a point, or an RGBA image "
            "(PNG; JPEG has no alpha)."
        )
    warn_lost_context(picture)
    return Region(alpha=picture.alpha, weight=weight, label=label)


def fit_to_image(plane: Float[Tensor, "h w"], size: tuple[int, int], *, resize: bool) -> Float[Tensor, "h2 w2"]:
    """A mask at the image's size: as it is, or stretched with a `RegionWarning`.

    Args:
        plane: The mask, [0, 1].
        size: Of the image, (height, width).
        resize: Whether a mask of another size may be stretched.

    Raises:
        InputError: It has another size, and may not.
    """
    if tuple(plane.shape) == tuple(size):
        return plane
    (height, width), (to_height, to_width) = plane.shape, size
    text = f"The mask is {width} x {height} but the image is {to_width} x {to_height} (width x height)"
    if not resize:
        swapped = (width, height) == (to_height, to_width)
        cause = "are width and height swapped, or a photo's rotation lost?" if swapped else "was one of them resized?"
        mend = "Give a mask of the image's size, or have it stretched with `resize`."
        raise InputError(f"{text}; {cause} {mend}")
    warnings.warn(f"{text}; it was stretched.", RegionWarning, stacklevel=3)
    return bounded(resize_planes(plane[None, None], size)[0, 0])


def _mask_plane(picture: Picture) -> Float[Tensor, "h w"]:
    if picture.alpha is not None and picture.alpha.min() < picture.alpha.max():
        return picture.alpha
    low, high = picture.rgb.amin(dim=0), picture.rgb.amax(dim=0)
    if (high - low).max() > _GREY_SLACK:
        raise InputError(
            "The mask has colours; expected grey, where white means: look here. To take one of its colours, use "
            "`from_index_mask`."
        )
    return picture.rgb[1]
