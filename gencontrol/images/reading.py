"""Where a picture is read: from files, PIL, numpy and torch, all in one way."""

import struct
import warnings
import zipfile
import zlib
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float, Shaped, UInt8
from PIL import ExifTags, Image, ImageOps, UnidentifiedImageError
from torch import Tensor

from gencontrol.errors import InputError, reason_of
from gencontrol.images.picture import Picture, PictureWarning, check_held, check_unit_range
from gencontrol.images.profiles import to_srgb
from gencontrol.kinds import checked
from gencontrol.text_files import check_no_address, check_regular

# What Pillow's decoders raise on damaged files, beside OSError.
_DECODING_ERRORS = (OSError, SyntaxError, ValueError, EOFError, IndexError, struct.error, zlib.error)
# Rows that are copied from Pillow at one time, so that a photograph is never there three times.
_ROWS = 256

# The largest value of 12 bits.
_DIM = 4095

# Of these Pillow reads the head alone; an EPS is a program, which it would have Ghostscript run.
_DRAWN_ELSEWHERE = frozenset({"BUFR", "EPS", "GRIB", "HDF5", "WMF"})
# A photograph, with a small copy or a depth map behind it.
_STILL = frozenset({"MPO"})

ImageSource = str | Path | Image.Image | np.ndarray | Tensor | Picture


@checked
def read_image(source: ImageSource, *, profiled: bool = True, is_mask: bool = False) -> Picture:
    """Read a picture from wherever it comes.

    Args:
        source: A file (EXIF rotation is applied, and an embedded colour profile; of an animation the first frame is
            read; `.npy` is an array) or a PIL image of any mode; an array (h, w), (h, w, 1), (h, w, 2: grey and
            alpha), (h, w, 3) or (h, w, 4); a tensor with the channels first, (h, w) or (1 | 2 | 3 | 4, h, w). Arrays
            and tensors are bool, 8- or 16-bit unsigned over their whole range, or float in [0, 1]. A tensor keeps its
            device and its gradient.
        profiled: Whether to heed an embedded colour profile; False takes colours as they are stored.
        is_mask: Values are levels or classes: it is not said if they are all but black, in the words of pictures.

    Returns:
        The picture, in sRGB. 16-bit grey keeps its precision; 16-bit colour comes through Pillow with 8 bits. Grey in
        32-bit integers (PIL's mode I) is over 0 to 255 if no value is above that, else over 0 to 65535.

    Raises:
        InputError: The file is missing, not an image, truncated or too large to be honest; or the values are NaN,
            infinite, outside the range, of an unknown type or shape.
    """
    if isinstance(source, Picture):
        return source
    if isinstance(source, (str, Path)):
        if is_array_file(source):
            return _from_array(read_array(source), name=str(source), is_mask=is_mask)
        return _from_pil(open_image(source), name=str(source), profiled=profiled, is_mask=is_mask)
    if isinstance(source, Image.Image):
        return _from_pil(open_image(source), name="the image", profiled=profiled, is_mask=is_mask)
    if isinstance(source, np.ndarray):
        return _from_array(source, name="the array", is_mask=is_mask)
    if isinstance(source, Tensor):
        return _from_tensor(source, is_mask=is_mask)
    raise InputError(f"Expected a path, a PIL image, an array or a tensor as image, got {type(source).__name__}.")


@checked
def open_image(source: str | Path | Image.Image) -> Image.Image:
    """Decode a file whole, in its own mode and colours, with the EXIF rotation applied.

    Raises:
        InputError: See `read_image`.
    """
    name = "the image" if isinstance(source, Image.Image) else str(source)
    try:
        if isinstance(source, Image.Image):
            source.load()
            turned = source.getexif().get(ExifTags.Base.Orientation, 1) != 1
            return ImageOps.exif_transpose(source) if turned else source
        check_file(source)
        with warnings.catch_warnings():
            # Pillow only warns between its limit and twice that, where a few kilobytes can ask for gigabytes.
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            with Image.open(source) as image:
                if image.format in _DRAWN_ELSEWHERE:
                    text = f"{name} is a file of the kind {image.format}, which another program would have to draw"
                    raise InputError(f"{text}: convert it to PNG.")
                several = getattr(image, "is_animated", False) and image.format not in _STILL
                image.load()
                ImageOps.exif_transpose(image, in_place=True)
        if several:
            text = f"{name} has several frames or pages, of which the first is read."
            warnings.warn(text, PictureWarning, stacklevel=2)
        return image
    except InputError:
        raise
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise InputError(f"{name} is too large, or a decompression bomb: {error} Scale it down first.") from error
    except UnidentifiedImageError:
        raise InputError(f"{name} is not an image in a format that Pillow reads; convert it to PNG.") from None
    except PermissionError:
        raise InputError(f"{name} cannot be read: permission denied.") from None
    except _DECODING_ERRORS as error:
        raise InputError(f"{name} is truncated or damaged ({reason_of(error)}); get a whole copy of it.") from error


def check_file(path: str | Path) -> None:
    """Refuse what is not a file, before anything waits for it.

    Raises:
        InputError: Nothing there, a folder, a pipe or a device, an address, or a name that cannot be one.
    """
    check_no_address(path, what="a picture's file")
    check_regular(Path(path), what="an image file", piped=False)


def is_deep(path: str | Path) -> bool:
    """Whether a picture that can be read holds more than 8 bits a channel, of which colour keeps the upper 8 here."""
    with Image.open(path) as image:
        # To Pillow 16-bit colour has the mode of 8 bits; how it is packed, which is known until it is read, says more.
        return image.mode[:1] in ("I", "F") or any(";16" in str(tile[3]) for tile in image.tile)


def is_array_file(source: object) -> bool:
    """Whether a source is a path of numpy's own formats: `.npy`, or `.npz`, which `read_array` has its words for."""
    return isinstance(source, (str, Path)) and Path(source).suffix.lower() in (".npy", ".npz")


def read_array(path: str | Path) -> Shaped[np.ndarray, "..."]:
    """The array in a `.npy` file.

    Raises:
        InputError: See `check_file`; or no such array, an archive of several, or one of Python objects, which is not
            loaded.
    """
    check_file(path)
    try:
        # Opened here: of a damaged archive, numpy leaves the file open.
        with Path(path).open("rb") as file:
            array = np.load(file, allow_pickle=False)
    except MemoryError as error:
        raise InputError(f"{path} says that it holds more numbers than there is memory for: {error}") from error
    except (OSError, ValueError, EOFError, zipfile.BadZipFile) as error:
        reason = reason_of(error)
        raise InputError(f"{path} cannot be read as an array of numbers in the .npy format: {reason}") from error
    if isinstance(array, np.ndarray):
        return array
    # By its bytes, not by its name.
    array.close()
    raise InputError(
        f"{path} is an archive of arrays (.npz), of which any could be meant: take one array out with numpy.save, into "
        "a .npy file, or give a picture."
    )


def _notice_dim(levels: np.ndarray, *, name: str) -> None:
    """Say that a picture is all but black because it fills few of its 16 bits: cameras of 8 or 12 store so."""
    if levels.size and 0 < levels.max() <= _DIM:
        text = (
            f"{name} is all but black: its brightest value is {levels.max():.0f} of 65535, as of 8 or 12 bits stored "
            "as 16. If it is not meant to be, scale its values up."
        )
        warnings.warn(text, PictureWarning, stacklevel=4)


def _from_pil(image: Image.Image, *, name: str, profiled: bool, is_mask: bool) -> Picture:
    if image.mode.startswith("I"):
        # 16-bit files open as I;16; as I, 32-bit ones, whatever their values stand for.
        levels = np.asarray(image).astype(np.float32)
        full = _full_level(image, levels)
        if full == 65535 and not is_mask:
            _notice_dim(levels, name=name)
        return _from_planes(torch.from_numpy(levels / full)[None], name=name)
    if image.mode == "F":
        return _from_planes(torch.from_numpy(np.array(image, dtype=np.float32))[None], name=name)
    image = _plain(image)
    return _from_levels(_copy_levels(to_srgb(image) if profiled else image), name=name)


def _full_level(image: Image.Image, levels: np.ndarray) -> int:
    return 255 if image.mode == "I" and levels.size and levels.max() <= 255 else 65535


def _plain(image: Image.Image) -> Image.Image:
    """In a mode with one byte a channel, grey where it is grey."""
    if image.mode in ("1", "L", "La", "LA"):
        # Pillow makes premultiplied grey straight only as grey.
        mode = "LA" if image.has_transparency_data else "L"
    elif image.mode == "CMYK" and "icc_profile" in image.info:
        mode = "CMYK"
    else:
        mode = "RGBA" if image.has_transparency_data else "RGB"
    return image if image.mode == mode else image.convert(mode)


def _copy_levels(image: Image.Image) -> UInt8[Tensor, "c h w"]:
    image = image.convert("RGB") if image.mode == "CMYK" else image
    levels = np.empty((len(image.getbands()), image.height, image.width), dtype=np.uint8)
    for top in range(0, image.height, _ROWS):
        rows = image.crop((0, top, image.width, min(top + _ROWS, image.height)))
        levels[:, top : top + rows.height] = np.asarray(rows).reshape(rows.height, rows.width, -1).transpose(2, 0, 1)
    return torch.from_numpy(levels)


def _from_array(array: np.ndarray, *, name: str, is_mask: bool) -> Picture:
    if isinstance(array, np.ma.MaskedArray):
        # What is masked out would be read as if it were not.
        raise InputError("Expected a plain array, got a masked one: `.filled(0)` makes it one.")
    if array.dtype == object:
        raise InputError("The array holds Python objects, not numbers: `np.stack` or `.astype(float)` makes it one.")
    if array.ndim not in (2, 3) or (array.ndim == 3 and array.shape[2] not in (1, 2, 3, 4)):
        raise InputError(
            f"Expected an array (h, w) or (h, w, 1 to 4), got shape {array.shape}; "
            "arrays have their channels last, tensors first, and one picture each."
        )
    if not array.size:
        raise InputError(f"{name} has no pixels: its shape is {array.shape}.")
    planes = array[None] if array.ndim == 2 else array.transpose(2, 0, 1)
    if planes.dtype == np.uint8:
        return _from_levels(torch.from_numpy(planes.copy()), name=name)
    return _from_planes(_unit(planes, name=name, is_mask=is_mask), name=name)


def _from_tensor(tensor: Tensor, *, is_mask: bool) -> Picture:
    check_held(tensor, name="the tensor")
    if tensor.ndim not in (2, 3) or (tensor.ndim == 3 and tensor.shape[0] not in (1, 2, 3, 4)):
        raise InputError(
            f"Expected a tensor (h, w) or (1 to 4, h, w), got shape {tuple(tensor.shape)}; "
            "tensors have their channels first, arrays last, and one picture each."
        )
    planes = tensor[None] if tensor.ndim == 2 else tensor
    if planes.dtype == torch.uint8:
        return _from_levels(planes, name="the tensor")
    if not planes.dtype.is_floating_point:
        planes = _unit(planes.cpu().numpy(), name="the tensor", is_mask=is_mask).to(planes.device)
    return _from_planes(planes.float(), name="the tensor")


def _unit(array: np.ndarray, *, name: str, is_mask: bool) -> Tensor:
    if array.dtype == np.bool_ or np.issubdtype(array.dtype, np.floating):
        # What float32 does not hold is infinite, which is refused as such.
        with np.errstate(over="ignore"):
            return torch.from_numpy(array.astype(np.float32))
    if array.dtype == np.uint16 and not is_mask:
        _notice_dim(array, name=name)
    if array.dtype in (np.uint8, np.uint16):
        return torch.from_numpy(array.astype(np.float32) / np.iinfo(array.dtype).max)
    raise InputError(
        f"{name}: expected bool, uint8, uint16 or float values in [0, 1], got {array.dtype}; convert first, or if "
        "these are classes, show one of them as a mask (`--index-mask FILE=CLASS`, from_index_mask)."
    )


def _from_levels(planes: UInt8[Tensor, "c h w"], *, name: str) -> Picture:
    if not planes.numel():
        raise InputError(f"{name} has no pixels: its shape is {tuple(planes.shape)}.")
    return _split(planes)


def _from_planes(planes: Float[Tensor, "c h w"], *, name: str) -> Picture:
    return _split(check_unit_range(planes, name=name))


def _split(planes: Float[Tensor, "c h w"] | UInt8[Tensor, "c h w"]) -> Picture:
    has_alpha = planes.shape[0] in (2, 4)
    colours = planes[:-1] if has_alpha else planes
    return Picture(rgb=colours.expand(3, -1, -1), alpha=planes[-1] if has_alpha else None)
