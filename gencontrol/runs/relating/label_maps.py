"""The classes of a mask as regions."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from gencontrol.errors import InputError
from gencontrol.images.reading import open_image
from gencontrol.kinds import checked
from gencontrol.regions.index_masks import from_index_mask
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

    Raises:
        InputError: No such file, a mask without classes, or one with too many, as a photograph has.
    """
    image = open_image(path)
    if image.mode not in ("1", "L", "P") and not image.mode.startswith("I"):
        raise InputError(f"{path}: expected a mask of class numbers, grey or with a palette; this one is {image.mode}.")
    found = [int(number) for number in np.unique(np.asarray(image)) if number]
    if not 1 <= len(found) <= MOST_REGIONS:
        raise InputError(f"{path}: expected 1 to {MOST_REGIONS} classes beside 0, and it holds {len(found)}.")
    return found
