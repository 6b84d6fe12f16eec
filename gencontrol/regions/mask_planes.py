"""What a mask marks, as a plane of its own size: by brightness or by opacity, in whatever form it comes."""

import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import Float, Shaped, UInt8
from torch import Tensor

from gencontrol.errors import InputError, reason_of
from gencontrol.images.picture import Picture, byte_planes, unit_planes
from gencontrol.images.reading import ImageSource, check_file, read_image
from gencontrol.regions.coco_rle import decode_rle
from gencontrol.regions.region import RegionWarning
from gencontrol.text_files import json_value, read_bytes

MaskSource = ImageSource | Mapping[str, Any]
"""A picture of a mask, COCO's run lengths, or the value of gradio's ImageEditor."""

# JPEG leaves traces of colour in grey masks; more than this is a coloured mask. As much is no difference of opacity.
_TRACES = 12
_SLACK = _TRACES / 255
# An alpha channel says nothing if at most this share of it differs from the rest: rounded corners, a stray pixel.
_STRAY = 0.01
# Up to this share of it says less than a drawing in pure black and white: a torn edge, specks of an eraser.
_SPECKS = 0.1
# A drawing in black and white has greys at least so far apart.
_CONTRAST = 0.5
# It is pure if at least this share of it is within so many levels of its black or its white: a photograph is not.
_PURE, _NEAR = 0.9, 40


def mask_plane(source: MaskSource) -> tuple[Float[Tensor, "h w"], str]:
    """How much a mask marks each of its pixels, and what that was read from.

    Args:
        source: See `from_mask`.

    Returns:
        The plane, [0, 1], and "brightness", "alpha channel" or "sum of runs".

    Raises:
        InputError: See `from_mask`.
    """
    if isinstance(source, (str, Path)) and Path(source).suffix.lower() == ".json":
        source = _read_json(source)
    if not isinstance(source, Mapping):
        return _read_picture(read_image(source, is_mask=True))
    if "layers" in source:
        return _layers(source["layers"]), "alpha channel"
    if "counts" in source and "size" in source:
        return torch.from_numpy(decode_rle(source["size"], source["counts"]).astype(np.float32)), "sum of runs"
    inside = source.get("segmentation")
    if isinstance(inside, (Mapping, np.ndarray)):
        return mask_plane(inside)
    keys = f"the keys {', '.join(map(str, source))}" if source else "an empty mapping"
    what = "'segmentation' as polygons, which `from_polygon` takes" if inside else keys
    raise InputError(
        "Expected a mask as COCO's run lengths ('size' and 'counts'), or as a value of gradio's ImageEditor "
        f"('background', 'layers' and 'composite'), got {what}."
    )


def _read_json(path: str | Path) -> Mapping[str, Any]:
    check_file(path)
    content = read_bytes(Path(path), what="a mask in JSON")
    try:
        found = json_value(content)
    except ValueError as error:
        raise InputError(f"{path} cannot be read as JSON ({reason_of(error)}).") from error
    if not isinstance(found, Mapping):
        raise InputError(f"{path}: expected COCO's run lengths, an object with 'size' and 'counts'.")
    return found


def _layers(layers: Any) -> Float[Tensor, "h w"]:
    """What is drawn on any of an editor's layers."""
    if not isinstance(layers, Sequence) or isinstance(layers, str) or not layers:
        raise InputError("Nothing is drawn on the editor's layers: mark the part on one of them.")
    planes = []
    for layer in map(read_image, layers):
        if layer.alpha is None:
            raise InputError("A layer of the editor has no alpha channel, which says what is drawn: ask it for RGBA.")
        planes.append(layer.alpha)
    if len({plane.shape for plane in planes}) > 1:
        raise InputError("The editor's layers differ in size; expected layers of one picture.")
    return torch.stack(planes).amax(dim=0)


def _read_picture(picture: Picture) -> tuple[Float[Tensor, "h w"], str]:
    opacity, alpha = picture.stored_alpha, picture.alpha
    if opacity is None or alpha is None:
        return _brightness(picture.stored_rgb), "brightness"
    low, high = opacity.aminmax()
    if high > 0 and low == high:
        return _brightness(picture.stored_rgb), "brightness"
    opaque = byte_planes(opacity)
    drawn = _drawn(picture, opaque)
    if drawn is None:
        return alpha, "alpha channel"
    stray, is_pure = _stray(opaque), _is_pure(drawn)
    if stray <= _STRAY or (stray <= _SPECKS and is_pure):
        where = "nearly everywhere" if stray <= _STRAY else f"in {1 - stray:.0%} of it"
        text = (
            f"The mask's alpha channel is the same {where}, and beneath it is a drawing in black and white: the "
            "drawing was taken. Save the mask without alpha, or with black where nothing is marked."
        )
        warnings.warn(text, RegionWarning, stacklevel=4)
        return torch.where(opaque > _TRACES, unit_planes(picture.stored_rgb[1]), 0.0), "brightness"
    if is_pure:
        text = (
            "What is visible of the mask is a drawing in black and white, but its alpha channel varies, and was taken. "
            "If the drawing is meant, save the mask without alpha."
        )
        warnings.warn(text, RegionWarning, stacklevel=4)
    return alpha, "alpha channel"


def _drawn(picture: Picture, opaque: UInt8[Tensor, "h w"]) -> UInt8[Tensor, " n"] | None:
    """The greys of what is visible, if they are greys and far enough apart for a drawing."""
    visible = opaque > _TRACES
    if not visible.any() or _is_coloured(picture.stored_rgb):
        return None
    greys = byte_planes(picture.stored_rgb[1])[visible]
    low, high = greys.aminmax()
    return greys if high - low >= _CONTRAST * 255 else None


def _stray(opaque: UInt8[Tensor, "h w"]) -> float:
    """The share of the pixels whose opacity is not the usual one; all of them if that is none."""
    usual = int(opaque.flatten().bincount(minlength=256).argmax())
    if usual <= _TRACES:
        return 1.0
    other = (opaque < max(0, usual - _TRACES)) | (opaque > min(255, usual + _TRACES))
    return other.count_nonzero().item() / other.numel()


def _is_pure(greys: UInt8[Tensor, " n"]) -> bool:
    """Whether nearly all are close to the darkest or the brightest of them."""
    low, high = greys.aminmax()
    return ((greys - low < _NEAR) | (high - greys < _NEAR)).count_nonzero().item() >= _PURE * greys.numel()


def _brightness(rgb: Float[Tensor, "3 h w"] | UInt8[Tensor, "3 h w"]) -> Float[Tensor, "h w"]:
    if _is_coloured(rgb):
        raise InputError(
            "The mask has colours; expected grey, where white means: look here. To take one of its colours, use "
            "`from_index_mask`."
        )
    return unit_planes(rgb[1])


def _is_coloured(rgb: Float[Tensor, "3 h w"] | UInt8[Tensor, "3 h w"]) -> bool:
    # One grey plane that stands for three has no colours.
    return rgb.stride(0) != 0 and bool(unit_planes((rgb.amax(dim=0) - rgb.amin(dim=0)).max()) > _SLACK)


def split_stack(mask: Any, size: tuple[int, int]) -> Sequence[Shaped[np.ndarray, "h w"] | Shaped[Tensor, "h w"]] | None:
    """The maps of a stack (k, h, w) of masks of one image, such as SAM's; None if it is one mask.

    Three or four planes in a tensor are one picture of a mask if its colours are grey; else they are so many maps.

    Args:
        mask: Anything.
        size: Of the image, (height, width).
    """
    if not isinstance(mask, (Tensor, np.ndarray)) or mask.ndim != 3 or tuple(mask.shape[1:]) != tuple(size):
        return None
    planes = list(mask)
    grey = isinstance(mask, Tensor) and len(planes) in (3, 4) and all(bool((p == mask[0]).all()) for p in mask[1:3])
    return None if grey else planes
