"""Where a mask of classes is read: one whose pixels hold colours, palette indices or integers."""

import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Bool, Integer, Shaped
from torch import Tensor

from gencontrol.errors import InputError
from gencontrol.images.colour import colour_levels, hex_code
from gencontrol.images.picture import Picture, byte_planes
from gencontrol.images.reading import ImageSource, is_array_file, open_image, read_array, read_image
from gencontrol.kinds import checked
from gencontrol.regions.masks import fit_to_image, warn_of_everything
from gencontrol.regions.region import Region

# How many of a mask's classes an error message lists.
_LISTED = 8
# What is meant as one, whole or not.
_NUMBER = re.compile(r"[+-]?\d*\.?\d+(e[+-]?\d+)?\.?", re.IGNORECASE)


@checked
def from_index_mask(
    mask: ImageSource,
    colour_or_index: int | np.integer | str | tuple[int, int, int],
    *,
    size: tuple[int, int],
    resize: bool = False,
    weight: float = 1.0,
    label: str = "",
) -> Region:
    """One class of a mask whose pixels hold colours or class numbers (as of DAVIS, ADE20K or a paint program).

    Args:
        mask: An image, or an array or tensor (h, w) of integers.
        colour_or_index: "#rrggbb", a colour's name, (r, g, b) in 0 to 255, or a class number: the palette's index in
            a palette image, else the grey value as stored.
        size: Of the image, (height, width).
        resize: Stretch the class's area to the image's size, with a `RegionWarning`, instead of refusing it.
        weight: See `Region`.
        label: See `Region`.

    Raises:
        InputError: The mask holds no such class (the message lists those it holds), or has another size.
    """
    marked = label_mask(mask, colour_or_index)
    alpha = fit_to_image(marked.float(), size, resize=resize)
    warn_of_everything(marked, f"it is of class {colour_or_index} all over")
    return Region(alpha=alpha, weight=weight, label=label)


@checked
def from_level_mask(
    mask: ImageSource,
    levels: Mapping[int | str | tuple[int, int, int], float],
    *,
    size: tuple[int, int],
    resize: bool = False,
) -> tuple[Region, ...]:
    """A region at a level for each class of a mask whose pixels hold classes; see `gencontrol.regions.levels`.

    Args:
        mask: See `from_index_mask`.
        levels: Class -> how much to look at it, [0, 1]; classes that are not named are context.
        size: Of the image, (height, width).
        resize: See `from_index_mask`.

    Returns:
        Regions that are called by their classes.

    Raises:
        InputError: No class, one that the mask does not hold, or a level outside [0, 1]; see `from_index_mask`.
    """
    if not levels:
        raise InputError("levels: expected at least one class with its level, such as {3: 1.0, '#ff0000': 0.3}.")
    found = (
        (from_index_mask(mask, name, size=size, resize=resize, label=f"class {name}"), level)
        for name, level in levels.items()
    )
    return tuple(replace(region, level=level) for region, level in found)


def label_mask(mask: ImageSource, label: int | np.integer | str | tuple[int, int, int]) -> Bool[Tensor, "h w"]:
    """Where a mask holds the class `label`.

    Args:
        mask: An image, or an array or tensor (h, w) of integers.
        label: "#rrggbb", a colour's name, (r, g, b) in 0 to 255, or a class number.

    Raises:
        InputError: No such class (the message lists the most frequent ones), or not a colour.
    """
    if isinstance(label, (int, np.integer)):
        classes, number = class_numbers(mask), int(label)
        return _found(torch.from_numpy(classes == number), number, lambda: classes.reshape(-1, 1))
    if isinstance(label, str) and _NUMBER.fullmatch(label.strip()):
        raise InputError(f"{label!r} is no class: expected a whole number, '#rrggbb' or a colour's name.")
    wanted = colour_levels(label)
    picture = read_image(mask, profiled=False, is_mask=True)
    levels = byte_planes(picture.stored_rgb)
    same = (levels == levels.new_tensor(wanted)[:, None, None]).all(dim=0)
    if picture.stored_alpha is not None:
        # A colour that nobody sees marks nothing.
        same &= picture.stored_alpha > 0
    return _found(same, hex_code(wanted), lambda: levels.flatten(1).T.cpu().numpy())


def class_numbers(mask: ImageSource, *, colours: str = "give a colour") -> Integer[np.ndarray, "h w"]:
    """The class of every pixel, as it is stored.

    Args:
        mask: See `label_mask`.
        colours: What is to be done about a mask of colours, for the message.

    Raises:
        InputError: No such numbers.
    """
    if isinstance(mask, Picture):
        raise InputError("A picture's values were scaled to [0, 1]; give the file, or an array of integers.")
    if is_array_file(mask):
        assert isinstance(mask, (str, Path))
        mask = read_array(mask)
    if isinstance(mask, Tensor | np.ndarray):
        values = mask.cpu().numpy() if isinstance(mask, Tensor) else mask
        return _whole_numbers(values)
    image = open_image(mask)
    if image.mode not in ("1", "L", "P") and not image.mode.startswith("I"):
        mend = "save it in whole numbers" if image.mode == "F" else colours
        raise InputError(f"A class number needs a palette or grey mask; this one is {image.mode}: {mend}.")
    return _whole_numbers(np.asarray(image.convert("L") if image.mode == "1" else image))


def _whole_numbers(values: Shaped[np.ndarray, "..."]) -> Integer[np.ndarray, "h w"]:
    if values.ndim == 3 and 1 in (values.shape[0], values.shape[-1]):
        values = values.squeeze(0 if values.shape[0] == 1 else -1)
    if values.ndim != 2 or not np.issubdtype(values.dtype, np.integer):
        raise InputError(f"Expected class numbers as integers (h, w), got {values.dtype} of shape {values.shape}.")
    return values


def _found(
    same: Bool[Tensor, "h w"], label: int | str, present: Callable[[], Integer[np.ndarray, "n c"]]
) -> Bool[Tensor, "h w"]:
    if not bool(same.any()):
        raise InputError(f"The mask has no pixel of class {label}; it holds {_most_frequent(present())}.")
    return same


def _most_frequent(rows: Integer[np.ndarray, "n c"]) -> str:
    values, counts = torch.unique(torch.from_numpy(rows.astype(np.int64)), dim=0, return_counts=True)
    order = counts.argsort(descending=True)
    names = [_name(row) for row in values[order[:_LISTED]].tolist()]
    rest = len(order) - len(names)
    return ", ".join(names) + (f" and {rest} more" if rest else "")


def _name(row: list[int]) -> str:
    return str(row[0]) if len(row) == 1 else hex_code(row)
