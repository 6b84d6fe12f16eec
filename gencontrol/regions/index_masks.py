"""Where a mask of classes is read: one whose pixels hold colours, palette indices or integers."""

import numpy as np
import torch
from jaxtyping import Bool, Int, Shaped
from torch import Tensor

from gencontrol.errors import InputError
from gencontrol.images.colour import colour_levels, hex_code
from gencontrol.images.picture import Picture
from gencontrol.images.reading import ImageSource, open_image, read_image
from gencontrol.regions.masks import fit_to_image
from gencontrol.regions.region import Region

# How many of a mask's classes an error message lists.
_LISTED = 8


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
    alpha = fit_to_image(label_mask(mask, colour_or_index).float(), size, resize=resize)
    return Region(alpha=alpha, weight=weight, label=label)


def label_mask(mask: ImageSource, label: int | np.integer | str | tuple[int, int, int]) -> Bool[Tensor, "h w"]:
    """Where a mask holds the class `label`.

    Args:
        mask: An image, or an array or tensor (h, w) of integers.
        label: "#rrggbb", a colour's name, (r, g, b) in 0 to 255, or a class number.

    Raises:
        InputError: No such class (the message lists the most frequent ones), or not a colour.
    """
    if isinstance(label, (int, np.integer)):
        classes, number = _numbers(mask), int(label)
        return _found(classes == number, number, classes.reshape(-1, 1))
    wanted = colour_levels(label)
    levels = (read_image(mask).rgb * 255).round().to(torch.int64)
    same = (levels == levels.new_tensor(wanted)[:, None, None]).all(dim=0)
    return _found(same, hex_code(wanted), levels.flatten(1).T)


def _numbers(mask: ImageSource) -> Int[Tensor, "h w"]:
    if isinstance(mask, Picture):
        raise InputError("A picture's values were scaled to [0, 1]; give the file, or an array of integers.")
    if isinstance(mask, Tensor | np.ndarray):
        values = mask.cpu().numpy() if isinstance(mask, Tensor) else mask
        return _whole_numbers(values)
    image = open_image(mask)
    if image.mode not in ("1", "L", "P") and not image.mode.startswith("I"):
        raise InputError(f"A class number needs a palette or grey mask; this one is {image.mode}: give a colour.")
    return _whole_numbers(np.asarray(image.convert("L") if image.mode == "1" else image))


def _whole_numbers(values: Shaped[np.ndarray, "..."]) -> Int[Tensor, "h w"]:
    if values.ndim == 3 and 1 in (values.shape[0], values.shape[-1]):
        values = values.squeeze(0 if values.shape[0] == 1 else -1)
    if values.ndim != 2 or not np.issubdtype(values.dtype, np.integer):
        raise InputError(f"Expected class numbers as integers (h, w), got {values.dtype} of shape {values.shape}.")
    return torch.from_numpy(values.astype(np.int64))


def _found(same: Bool[Tensor, "h w"], label: int | str, present: Int[Tensor, "n c"]) -> Bool[Tensor, "h w"]:
    if not bool(same.any()):
        raise InputError(f"The mask has no pixel of class {label}; it holds {_most_frequent(present)}.")
    return same


def _most_frequent(rows: Int[Tensor, "n c"]) -> str:
    values, counts = torch.unique(rows, dim=0, return_counts=True)
    order = counts.argsort(descending=True)
    names = [_name(row) for row in values[order[:_LISTED]].tolist()]
    rest = len(order) - len(names)
    return ", ".join(names) + (f" and {rest} more" if rest else "")


def _name(row: list[int]) -> str:
    return str(row[0]) if len(row) == 1 else hex_code(row)
