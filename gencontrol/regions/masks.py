"""Where a mask is read: grey masks, opaque ones, and a picture's own alpha channel. Sizes are (height, width)."""

import warnings

from jaxtyping import Bool, Float
from torch import Tensor

from gencontrol.errors import InputError
from gencontrol.images.bounds import bounded
from gencontrol.images.reading import ImageSource, read_image
from gencontrol.images.resampling import resize_planes
from gencontrol.kinds import checked
from gencontrol.regions.mask_planes import MaskSource, mask_plane
from gencontrol.regions.notices import warn_lost_context
from gencontrol.regions.ops import check_threshold
from gencontrol.regions.ops import threshold as make_hard
from gencontrol.regions.region import Region, RegionWarning
from gencontrol.regions.shapes import Number

# A mask that is nowhere brighter than this holds class numbers rather than an alpha map; where it is, it marks.
_FAINT = 0.1
# A mask that marks at least this share of its pixels leaves nothing out.
_EVERYTHING = 0.999


@checked
def from_mask(
    source: MaskSource,
    *,
    size: tuple[int, int] | None,
    threshold: Number | None = None,
    resize: bool = False,
    weight: float = 1.0,
    label: str = "",
) -> Region:
    """A grey mask (white = look here, grey = partly), or an RGBA one that is opaque where to look.

    Warns with a `RegionWarning` of a mask that is faint, or that marks everything.

    Args:
        source: Anything that `read_image` takes, `.npy` files among them; COCO's run lengths (a dictionary or a `.json`
            file with `size` and `counts`, compressed or not); or the value of gradio's ImageEditor, whose layers mark
            where they are drawn on. If a picture's alpha varies, the alpha is the mask, else its brightness; an alpha
            that varies hardly anywhere gives way to a drawing in black and white, with a `RegionWarning`. What is
            wholly transparent marks nothing.
        size: Of the image, (height, width); None takes the mask's own.
        threshold: Make the mask hard: 1 where it is at least this value in (0, 1], 0 elsewhere.
        resize: Stretch a mask of another size to the image's, with a `RegionWarning`, instead of refusing it.
        weight: See `Region`.
        label: See `Region`.

    Raises:
        InputError: An unreadable, empty, coloured or 0-and-1-of-255 mask, one with NaN, one of another size, or a
            threshold outside (0, 1].
    """
    plane, origin = mask_plane(source)
    fitted = plane if size is None else fit_to_image(plane, size, resize=resize)
    high = plane.max().item()
    if 0 < high < 1 / 255 and _is_whole(plane, 65535):
        raise InputError(
            f"The mask's largest value is {high * 65535:.3g} of 65535, which is all but black: it looks like 8 bits "
            "stored as 16. Save it with 8 bits, or times 257; if it holds class numbers, use `from_index_mask`."
        )
    if 0 < high <= 1.5 / 255:
        raise InputError(
            f"The mask's largest value is {high * 255:.3g} of 255, which is all but black. If it holds 0 and 1, save "
            "it as 0 and 255 (or pass a bool array); if it holds class numbers, use `from_index_mask`."
        )
    if threshold is not None:
        check_threshold(threshold)
    _warn_of_levels(plane, origin, threshold)
    if threshold is not None:
        fitted = make_hard(fitted, threshold)
        if not bool(fitted.any()):
            raise InputError(f"The mask is empty: its largest value {high:.3g} is below the threshold {threshold:g}.")
    return Region(alpha=fitted, weight=weight, label=label)


def _is_whole(plane: Float[Tensor, "h w"], levels: int) -> bool:
    """Whether all values are whole numbers out of so many."""
    scaled = plane.detach() * levels
    return bool(((scaled - scaled.round()).abs() < 1e-2).all())


def _warn_of_levels(plane: Float[Tensor, "h w"], origin: str, threshold: Number | None) -> None:
    """Warn of a mask that is hardly bright anywhere, or that leaves nothing out."""
    low, high = (value.item() for value in plane.aminmax())
    if threshold is None and 0 < high < _FAINT:
        text = f"The mask is faint: its largest value is {high:.3g} of 1. Pass a threshold, or class numbers by index."
        warnings.warn(text, RegionWarning, stacklevel=3)
    levels = f"{high:.3g}" if low == high else f"{low:.3g} to {high:.3g}"
    warn_of_everything(
        plane > _FAINT if threshold is None else plane >= threshold,
        f"its {origin} is {levels} of 1, and black (or transparent) is what is left out. If two greys are meant as no "
        "and yes, pass a `threshold` between them",
    )


def warn_of_everything(marked: Bool[Tensor, "h w"], reason: str, *, what: str = "mask") -> None:
    """Warn of a mask, or of something else that points, that leaves nothing out.

    Args:
        marked: Where it marks.
        reason: What that comes of, for the message.
        what: What it is called.
    """
    if marked.count_nonzero().item() >= _EVERYTHING * marked.numel():
        warnings.warn(f"The {what} marks the whole picture: {reason}.", RegionWarning, stacklevel=4)


@checked
def from_image_alpha(picture: ImageSource, *, weight: float = 1.0, label: str = "") -> Region:
    """The image's own alpha channel: look where it is opaque.

    Warns with a `RegionWarning` if the transparent part has no colour left, and so no context to keep, or if there is
    no such part.

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
    warn_of_everything(picture.alpha > _FAINT, "no part of it is wholly transparent", what="alpha channel")
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
