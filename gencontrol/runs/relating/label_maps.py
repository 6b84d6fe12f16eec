"""The classes of a mask as regions."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from gencontrol.errors import InputError
from gencontrol.kinds import checked
from gencontrol.regions.index_masks import class_numbers, from_index_mask
from gencontrol.regions.region import Region
from gencontrol.relations.relating import MOST_REGIONS


@checked
def read_label_map(path: Path, *, size: tuple[int, int], resize: bool = False) -> list[Region]:
    """Each class of a mask as a region, named after its number.

    Args:
        path: The mask.
        size: (height, width) of the picture.
        resize: Stretch a mask of another size.

    Raises:
        InputError: See `classes_of`; or a mask of another size.
    """
    how = {"size": size, "resize": resize}
    return [from_index_mask(path, number, label=f"class {number}", **how) for number in classes_of(path)]


@checked
def classes_of(path: Path) -> Sequence[int]:
    """The numbers of the classes in a mask, but for 0.

    Args:
        path: A grey picture, one with a palette, or a `.npy` file of integers.

    Raises:
        InputError: No such file, a mask of colours or without classes, or one with too many, as a photograph has.
    """
    try:
        numbers = class_numbers(path, colours="show one of its colours at a time, with `index_mask`")
    except InputError as error:
        said = str(error)
        raise InputError(said if path.name in said else f"{path}: {said}") from error
    found = [int(number) for number in np.unique(numbers) if number]
    if not 1 <= len(found) <= MOST_REGIONS:
        raise InputError(f"{path}: expected 1 to {MOST_REGIONS} classes beside 0, and it holds {len(found)}.")
    return found
