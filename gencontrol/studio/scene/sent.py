"""Files that visitors send: read by the reader that reads everywhere, and refused in its words."""

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Lock

import numpy as np
import torch
from jaxtyping import Float
from PIL import Image
from torch import Tensor

from gencontrol.errors import InputError
from gencontrol.files import atomic_file
from gencontrol.images.picture import Picture, PictureWarning, byte_planes
from gencontrol.images.reading import read_image
from gencontrol.images.writing import to_pil
from gencontrol.regions.masks import from_mask
from gencontrol.regions.region import Region, RegionWarning
from gencontrol.runs.files.matching import SUFFIXES
from gencontrol.runs.files.records import LEVELS
from gencontrol.runs.notices import RunWarning

SHOWN = 1600
"""Longest side of what the page shows, in pixels; what is drawn on it is in pixels of the picture itself."""
_OURS = (PictureWarning, RegionWarning, RunWarning)
# Warnings are a process's: two pages that catch theirs at once would take each other's.
_CATCHING = Lock()


@contextmanager
def caught() -> Iterator[list[str]]:
    """What the library warns of within the block, each thing once; one block at a time."""
    said: list[str] = []
    with _CATCHING, warnings.catch_warnings(record=True) as found:
        warnings.simplefilter("ignore")
        for ours in _OURS:
            warnings.simplefilter("always", ours)
        try:
            yield said
        finally:
            said += dict.fromkeys(str(warning.message) for warning in found)


def check_sent(path: Path) -> None:
    """Refuse what is not read as a picture: arrays and lists of runs are for programs.

    Raises:
        InputError: Names what is.
    """
    if path.suffix.lower() not in SUFFIXES:
        raise InputError(f"{path.name}: expected a picture whose name ends in {', '.join(sorted(SUFFIXES))}.")


def show(path: Path, shown: Path) -> tuple[tuple[int, int], bool]:
    """Read a picture that was sent, and write what the page shows of it.

    Args:
        path: The picture.
        shown: The PNG to write.

    Returns:
        Its size, (height, width), and whether it has an alpha channel.

    Raises:
        InputError: See `read_image`; the file goes by its name alone.
    """
    check_sent(path)
    with by_name(path):
        picture = read_image(path)
    small = to_pil(Picture(rgb=picture.stored_rgb))
    small.thumbnail((SHOWN, SHOWN), Image.Resampling.LANCZOS)
    with atomic_file(shown) as temporary:
        small.save(temporary, format="PNG")
    return picture.size, picture.stored_alpha is not None


@contextmanager
def by_name(path: Path) -> Iterator[None]:
    """Errors within the block name a file without the folders that it lies in, which are nobody's business."""
    try:
        yield
    except InputError as error:
        raise InputError(str(error).replace(str(path), path.name)) from error


def read_mask(path: Path, size: tuple[int, int], *, resize: bool) -> Float[Tensor, "h w"]:
    """A mask that was sent, as an alpha map.

    Args:
        path: The mask.
        size: Of the picture, (height, width).
        resize: Whether to stretch one of another size.

    Raises:
        InputError: See `from_mask`.
    """
    check_sent(path)
    with by_name(path):
        return from_mask(path, size=size, resize=resize).alpha


def write_alpha(alpha: Float[Tensor, "h w"], path: Path) -> None:
    """Write an alpha map as a grey PNG of 16 bits, which is what records hold.

    Raises:
        InputError: Nothing is marked.
    """
    region = Region(alpha=alpha, label=path.stem)
    levels = (region.alpha * LEVELS).round().to(torch.int32).numpy().astype(np.uint16)
    with atomic_file(path) as temporary:
        Image.fromarray(levels).save(temporary, format="PNG")


def show_mask(alpha: Float[Tensor, "h w"], path: Path) -> None:
    """Write what the page shows of a mask: white, opaque where it marks."""
    grey = Image.fromarray(byte_planes(alpha[None])[0].numpy())
    grey.thumbnail((SHOWN, SHOWN), Image.Resampling.BILINEAR)
    with atomic_file(path) as temporary:
        Image.merge("LA", (Image.new("L", grey.size, 255), grey)).save(temporary, format="PNG")
