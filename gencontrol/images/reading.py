"""Where a picture is read: from files, PIL, numpy and torch, all in one way."""

import struct
import warnings
import zlib
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float
from PIL import Image, ImageOps, UnidentifiedImageError
from torch import Tensor

from gencontrol.errors import InputError
from gencontrol.images.picture import Picture, check_unit_range

# What Pillow's decoders raise on damaged files, beside OSError.
_DECODING_ERRORS = (OSError, SyntaxError, ValueError, EOFError, IndexError, struct.error, zlib.error)

ImageSource = str | Path | Image.Image | np.ndarray | Tensor | Picture


def read_image(source: ImageSource) -> Picture:
    """Read a picture from wherever it comes.

    Args:
        source: A file (EXIF rotation is applied; of an animation the first frame is read) or a PIL image of any mode;
            an array (h, w), (h, w, 1), (h, w, 2: grey and alpha), (h, w, 3) or (h, w, 4); a tensor with the channels
            first, (h, w) or (1 | 2 | 3 | 4, h, w). Arrays and tensors are bool, 8- or 16-bit unsigned over their
            whole range, or float in [0, 1]. A tensor keeps its device and its gradient.

    Returns:
        The picture in float32. 16-bit grey keeps its precision; 16-bit colour comes through Pillow with 8 bits.

    Raises:
        InputError: The file is missing, not an image, truncated or too large to be honest; or the values are NaN,
            infinite, outside the range, of an unknown type or shape.
    """
    if isinstance(source, Picture):
        return source
    if isinstance(source, (str, Path)):
        return _from_pil(open_image(source), name=str(source))
    if isinstance(source, Image.Image):
        return _from_pil(open_image(source), name="the image")
    if isinstance(source, np.ndarray):
        return _from_array(source)
    if isinstance(source, Tensor):
        return _from_tensor(source)
    raise InputError(f"Expected a path, a PIL image, an array or a tensor as image, got {type(source).__name__}.")


def open_image(source: str | Path | Image.Image) -> Image.Image:
    """Decode a file whole, in its own mode, with the EXIF rotation applied.

    Raises:
        InputError: See `read_image`.
    """
    name = "the image" if isinstance(source, Image.Image) else str(source)
    try:
        if isinstance(source, Image.Image):
            return ImageOps.exif_transpose(source)
        with warnings.catch_warnings():
            # Pillow only warns between its limit and twice that, where a few kilobytes can ask for gigabytes.
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            with Image.open(source) as image:
                image.load()
                return ImageOps.exif_transpose(image)
    except FileNotFoundError:
        raise InputError(f"No image file at {name}.") from None
    except IsADirectoryError:
        raise InputError(f"{name} is a folder; expected an image file.") from None
    except PermissionError:
        raise InputError(f"{name} cannot be read: permission denied.") from None
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise InputError(f"{name} is too large, or a decompression bomb: {error} Scale it down first.") from error
    except UnidentifiedImageError:
        raise InputError(f"{name} is not an image in a format that Pillow reads; convert it to PNG or JPEG.") from None
    except _DECODING_ERRORS as error:
        raise InputError(f"{name} is truncated or damaged ({error}); get a whole copy of it.") from error


def _from_pil(image: Image.Image, *, name: str) -> Picture:
    if image.mode.startswith("I"):
        # 16-bit files open as I;16 or, from older writers, as I.
        return _from_planes(torch.from_numpy(np.asarray(image, dtype=np.float32) / 65535)[None], name=name)
    if image.mode == "F":
        return _from_planes(torch.from_numpy(np.array(image, dtype=np.float32))[None], name=name)
    mode = "RGBA" if image.has_transparency_data else "RGB"
    levels = np.asarray(_convert(image, mode), dtype=np.float32) / 255
    return _from_planes(torch.from_numpy(levels).permute(2, 0, 1).contiguous(), name=name)


def _convert(image: Image.Image, mode: str) -> Image.Image:
    # Pillow makes premultiplied grey straight only as grey.
    return (image.convert("LA") if image.mode == "La" else image).convert(mode)


def _from_array(array: np.ndarray) -> Picture:
    if array.ndim not in (2, 3) or (array.ndim == 3 and array.shape[2] not in (1, 2, 3, 4)):
        raise InputError(
            f"Expected an array (h, w) or (h, w, 1 to 4), got shape {array.shape}; "
            "arrays have their channels last, tensors first, and one picture each."
        )
    planes = array[None] if array.ndim == 2 else array.transpose(2, 0, 1)
    return _from_planes(_unit(planes), name="the array")


def _from_tensor(tensor: Tensor) -> Picture:
    if tensor.ndim not in (2, 3) or (tensor.ndim == 3 and tensor.shape[0] not in (1, 2, 3, 4)):
        raise InputError(
            f"Expected a tensor (h, w) or (1 to 4, h, w), got shape {tuple(tensor.shape)}; "
            "tensors have their channels first, arrays last, and one picture each."
        )
    planes = tensor[None] if tensor.ndim == 2 else tensor
    if not planes.dtype.is_floating_point:
        planes = _unit(planes.cpu().numpy()).to(planes.device)
    return _from_planes(planes.float(), name="the tensor")


def _unit(array: np.ndarray) -> Tensor:
    if array.dtype == np.bool_ or np.issubdtype(array.dtype, np.floating):
        return torch.from_numpy(array.astype(np.float32))
    if array.dtype in (np.uint8, np.uint16):
        return torch.from_numpy(array.astype(np.float32) / np.iinfo(array.dtype).max)
    raise InputError(f"Expected bool, uint8, uint16 or float values in [0, 1], got {array.dtype}; convert first.")


def _from_planes(planes: Float[Tensor, "c h w"], *, name: str) -> Picture:
    planes = check_unit_range(planes, name=name)
    has_alpha = planes.shape[0] in (2, 4)
    colours = planes[:-1] if has_alpha else planes
    return Picture(rgb=colours.expand(3, -1, -1), alpha=planes[-1] if has_alpha else None)
