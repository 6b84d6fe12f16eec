"""Regions that data sets give by name: COCO's instances, and Visual Genome's objects.

Sources of the formats: https://cocodataset.org, and https://homes.cs.washington.edu/~ranjay/visualgenome.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gencontrol.errors import InputError
from gencontrol.tasks.protocols.refcoco import Box, read_json_file

COCO = ("instances_train2017.json", "instances_val2017.json")
"""Files of COCO's instances, of which all that are there are read."""
GENOME = "objects.json"
"""Visual Genome's."""
_FOLDERS = (".", "annotations", "data", "data/annotations")


@dataclass(frozen=True, kw_only=True)
class Given:
    """A region with its name."""

    name: str
    """Such as "dining table"."""
    box: Box
    """In pixels of the whole picture."""
    outline: Any
    """COCO's `segmentation`, see `outline_alpha`; None where there is no more than the box."""


@dataclass(frozen=True, kw_only=True)
class GivenRegions:
    """What is given of many pictures."""

    names: frozenset[str]
    """All that anything may be called: what has another name was never looked for."""
    pictures: Mapping[str, tuple[Given, ...]]
    """By the name of the picture's file, without suffix."""
    files: tuple[str, ...]
    """What they were read from."""

    def of(self, picture: Path) -> tuple[Given, ...]:
        """The regions of one picture."""
        return self.pictures.get(picture.stem, ())


def find_regions(root: Path) -> GivenRegions | None:
    """All that lies in a data set's folder, or in its `annotations`; None where nothing does.

    Raises:
        InputError: A file that means something else.
    """
    paths = [root / folder / name for folder in _FOLDERS for name in (*COCO, GENOME)]
    there = [path for path in paths if path.is_file()]
    if not there:
        return None
    names: set[str] = set()
    pictures: dict[str, tuple[Given, ...]] = {}
    for path in there:
        values = read_json_file(path, what="a file of annotations")
        try:
            known, found = _of_genome(values) if path.name == GENOME else _of_coco(values)
        except (KeyError, TypeError, ValueError, AttributeError, IndexError) as error:
            raise InputError(f"{path} holds no regions with names: {type(error).__name__} {error}.") from error
        names |= known
        pictures |= found
    return GivenRegions(names=frozenset(names), pictures=pictures, files=tuple(path.name for path in there))


def _of_coco(values: Mapping[str, Any]) -> tuple[set[str], dict[str, tuple[Given, ...]]]:
    names = {one["id"]: str(one["name"]).casefold() for one in values["categories"]}
    stems = {one["id"]: Path(str(one["file_name"])).stem for one in values["images"]}
    found: dict[str, list[Given]] = {stem: [] for stem in stems.values()}
    for one in values["annotations"]:
        # A crowd is no thing.
        if not one.get("iscrowd"):
            given = Given(name=names[one["category_id"]], box=_corners(one["bbox"]), outline=one.get("segmentation"))
            found[stems[one["image_id"]]].append(given)
    return {*names.values()}, {stem: tuple(given) for stem, given in found.items()}


def _of_genome(values: Sequence[Mapping[str, Any]]) -> tuple[set[str], dict[str, tuple[Given, ...]]]:
    found: dict[str, tuple[Given, ...]] = {}
    for picture in values:
        given = [
            Given(name=str(one["names"][0]).casefold(), box=_corners([one[side] for side in "xywh"]), outline=None)
            for one in picture["objects"]
        ]
        found[str(picture["image_id"])] = tuple(given)
    return {one.name for given in found.values() for one in given}, found


def _corners(box: Sequence[Any]) -> Box:
    """From x, y, width and height."""
    x, y, width, height = (float(value) for value in box)
    return x, y, x + width, y + height
