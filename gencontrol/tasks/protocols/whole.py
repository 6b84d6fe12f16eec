"""Whole pictures: folders of classes, captions, and how often the right one comes first.

Source of the measures, zero-shot classification and retrieval: Radford et al., "Learning Transferable Visual Models
From Natural Language Supervision", ICML 2021; of the files of captions, https://cocodataset.org and
https://cs.stanford.edu/people/karpathy/deepimagesent.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from jaxtyping import Float, Int
from torch import Tensor
from torch.nn import functional

from gencontrol.errors import InputError
from gencontrol.tasks.protocols.imagenet_s import PICTURES as SUFFIXES
from gencontrol.tasks.protocols.refcoco import picture_folder, read_json_file
from gencontrol.text_files import read_text

FOLDERS = (
    ".", "images", "val2014", "train2014", "val2017", "train2017", "images/val2014", "flickr30k-images", "Images",
    # COCO's own: annotations/captions_val2017.json beside val2017/.
    "../val2017", "../train2017", "../val2014", "../train2014",
)  # fmt: skip
"""Where a file of captions may have its pictures, seen from its own folder."""
RECALLS = (1, 5, 10)
"""Among how many of the nearest the right one is looked for."""
_ROWS = 1024


@dataclass(frozen=True, kw_only=True)
class Classes:
    """Pictures by their class."""

    folders: tuple[str, ...]
    """The classes' folders, sorted."""
    pictures: tuple[tuple[Path, int], ...]
    """Each picture, and the number of its class from 0."""


@dataclass(frozen=True, kw_only=True)
class Captioned:
    """A picture with what people wrote of it."""

    picture: Path
    """The picture."""
    texts: tuple[str, ...]
    """At least one."""


def read_classes(root: Path) -> Classes:
    """Pictures in folders, one folder a class.

    Raises:
        InputError: No such folders, or fewer than two that hold pictures.
    """
    if not root.is_dir():
        raise InputError(f"No folder {root}: expected one with a folder for each class in it.")
    files = {
        folder.name: [path for path in sorted(folder.iterdir()) if path.suffix.lower() in SUFFIXES]
        for folder in sorted(root.iterdir())
        if folder.is_dir()
    }
    folders = tuple(name for name, paths in files.items() if paths)
    if len(folders) < 2:
        raise InputError(
            f"{root} has {len(folders)} folders with pictures in them: expected one for each of 2 classes."
        )
    pictures = tuple((path, number) for number, name in enumerate(folders) for path in files[name])
    return Classes(folders=folders, pictures=pictures)


def read_captioned(path: Path, *, split: str | None = None) -> tuple[Captioned, ...]:
    """Pictures and captions: COCO's (`images` and `annotations`), Karpathy's (`images` with `sentences`), or lines of a
    picture's name, a tab and a caption.

    Args:
        path: The file; pictures lie beside it (see `FOLDERS`).
        split: Of Karpathy's file, which part; unless given, test.

    Raises:
        InputError: No such file, one of another kind, or pictures that are missing: how many, and which.
    """
    texts = _of_json(path, split) if path.suffix.lower() == ".json" else _of_lines(path)
    if not texts:
        raise InputError(f"{path} has no caption{f' of the split {split!r}' if split else ''}.")
    folder = picture_folder(path.parent, texts.keys(), FOLDERS)
    return tuple(Captioned(picture=folder / name, texts=tuple(each)) for name, each in texts.items())


def _of_json(path: Path, split: str | None) -> dict[str, list[str]]:
    values = read_json_file(path, what="a file of captions")
    try:
        if "annotations" in values:
            return _of_coco(values)
        chosen = [one for one in values["images"] if one.get("split", split or "test") == (split or "test")]
        return {
            str(Path(one.get("filepath", "")) / one["filename"]): [str(text["raw"]) for text in one["sentences"]]
            for one in chosen
        }
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise InputError(f"{path} is no file of captions: {type(error).__name__} {error}.") from error


def _of_coco(values: Mapping[str, Any]) -> dict[str, list[str]]:
    names = {one["id"]: str(one["file_name"]) for one in values["images"]}
    texts: dict[str, list[str]] = {}
    for one in values["annotations"]:
        texts.setdefault(names[one["image_id"]], []).append(str(one["caption"]))
    return texts


def _of_lines(path: Path) -> dict[str, list[str]]:
    texts: dict[str, list[str]] = {}
    for number, line in enumerate(read_text(path, what="a file of captions").splitlines(), start=1):
        name, tab, caption = line.partition("\t")
        if line.strip() and not (tab and name.strip() and caption.strip()):
            raise InputError(
                f"{path}, line {number}: expected a picture's name, a tab and a caption, got {line[:60]!r}."
            )
        if line.strip():
            # Flickr30k's names carry the number of the caption.
            texts.setdefault(name.strip().partition("#")[0], []).append(caption.strip())
    return texts


def nearest_places(
    queries: Float[Tensor, "n d"], found: Float[Tensor, "m d"], right: Sequence[Sequence[int]]
) -> Int[Tensor, " n"]:
    """Which place the best of the right ones takes among all, from 1; what is as near as it counts as nearer.

    Args:
        queries: Embeddings, un-normalised or not.
        found: What is looked through.
        right: Of each query, the rows that would be right.
    """
    through = functional.normalize(found.float(), dim=-1).T
    places = []
    for start in range(0, len(queries), _ROWS):
        cosines = functional.normalize(queries[start : start + _ROWS].float(), dim=-1) @ through
        for row, rows in zip(cosines, right[start : start + _ROWS], strict=True):
            best = row[list(rows)].max()
            nearer = int((row > best).sum())
            wrong = torch.ones_like(row, dtype=torch.bool)
            wrong[list(rows)] = False
            places.append(nearer + int(((row == best) & wrong).sum()) + 1)
    return torch.tensor(places)


def recalls(places: Int[Tensor, " n"]) -> tuple[float, ...]:
    """The share of queries whose right answer is among the nearest 1, 5 and 10; [0, 1] each."""
    return tuple((places <= k).double().mean().item() for k in RECALLS)
