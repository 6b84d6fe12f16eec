"""ImageNet-S: which class a masked thing in a picture has.

Source of the format: https://github.com/LUSSeg/ImageNet-S; of the protocol and of the published figures:
https://github.com/SunzeY/AlphaCLIP, commit e5676c9, `eval/imagenet_s_zs_test` and `model-zoo.md`: one sentence a class,
whose name is its synset's first lemma, a centre crop of picture and mask, and accuracy as the mean over classes.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from PIL import Image
from torch import Tensor

from gencontrol.errors import InputError, reason_of
from gencontrol.text_files import check_no_address, read_text

OTHER, IGNORED = 0, 1000
"""Ids of pixels that show something else, and of pixels that nobody judged."""
NAMES = ("LOC_synset_mapping.txt", "words.txt", "names.txt")
"""Files within a data set's folder that may say what synsets are called."""
PICTURES = frozenset({".jpeg", ".jpg", ".png"})
"""Suffixes of its pictures."""
PUBLISHED: Mapping[str, Mapping[str, tuple[float, float]]] = MappingProxyType(
    {
        "ViT-B/16": {"CLIP": (66.48, 88.90), "Alpha-CLIP, GRIT-20M": (68.89, 90.51)},
        "ViT-L/14": {"CLIP": (73.48, 91.60), "Alpha-CLIP, GRIT-20M": (77.41, 94.45)},
        "ViT-L/14@336": {"CLIP": (74.29, 91.97), "Alpha-CLIP, GRIT-20M": (79.61, 95.31)},
    }
)
"""Architecture -> what -> top-1 and top-5 in percent on 919 classes, with true masks; of CLIP by the stated gain."""
SOURCE = "https://github.com/SunzeY/AlphaCLIP, commit e5676c9, model-zoo.md"
"""Where these figures stand."""
_SYNSET = re.compile(r"n\d{8}")
_SHOWN = 3


@dataclass(frozen=True, kw_only=True)
class Sample:
    """One picture with its mask."""

    picture: Path
    """The picture."""
    mask: Path
    """Its mask."""
    category: int
    """Of the thing that counts; from 1, as in masks."""


@dataclass(frozen=True, kw_only=True)
class ImageNetS:
    """The files of one split."""

    synsets: tuple[str, ...]
    """Of the categories 1, 2, ..., in order."""
    samples: tuple[Sample, ...]
    """By synset, then by name."""


def read_folder(root: Path, *, split: str = "validation") -> ImageNetS:
    """Find the pictures and masks of a split, `SPLIT/SYNSET/NAME.JPEG` and `SPLIT-segmentation/SYNSET/NAME.png`.

    Categories are the lines of `ImageNetS_categories_im*.txt` in the folder, sorted, or the synsets' folders.

    Raises:
        InputError: No such folders, or masks whose pictures are missing; says how many, and which.
    """
    masks, pictures = root / f"{split}-segmentation", root / split
    check_no_address(root, what="the folder of ImageNet-S")
    for folder in (masks, pictures):
        if not folder.is_dir():
            raise InputError(f"No folder {folder}: expected ImageNet-S, with {split}/ and {split}-segmentation/ in it.")
    synsets = _categories(root, masks)
    found, missing = [], []
    for category, synset in enumerate(synsets, start=1):
        there = {path.stem: path for path in _files(pictures / synset) if path.suffix.lower() in PICTURES}
        for mask in _files(masks / synset):
            picture = there.get(mask.stem)
            if picture is None:
                missing.append(f"{synset}/{mask.stem}")
            else:
                found.append(Sample(picture=picture, mask=mask, category=category))
    if missing:
        listed = ", ".join(missing[:_SHOWN]) + (", ..." if len(missing) > _SHOWN else "")
        raise InputError(
            f"{pictures} lacks {len(missing)} of {len(missing) + len(found)} pictures that have masks: {listed}. "
            "ImageNet-S has masks alone; the pictures are ImageNet's."
        )
    if not found:
        raise InputError(f"No mask in {masks}: expected folders of synsets, such as n01440764, with PNG files in them.")
    return ImageNetS(synsets=synsets, samples=tuple(found))


def _categories(root: Path, masks: Path) -> tuple[str, ...]:
    lists = sorted(root.glob("ImageNetS_categories_im*.txt"))
    if lists:
        return tuple(sorted(read_text(lists[0], what="a list of synsets").split()))
    return tuple(sorted(path.name for path in masks.iterdir() if path.is_dir() and _SYNSET.fullmatch(path.name)))


def _files(folder: Path) -> list[Path]:
    return sorted(path for path in folder.iterdir() if path.is_file()) if folder.is_dir() else []


def read_names(path: Path, synsets: Sequence[str]) -> tuple[str, ...]:
    """What synsets are called: the first lemma, from lines such as `n01440764 tench, Tinca tinca`.

    Raises:
        InputError: No such file, or one that lacks synsets; says how many, and which.
    """
    names = {}
    for line in read_text(path, what="a file with a synset and its name on each line").splitlines():
        synset, _, rest = line.strip().replace("\t", " ").partition(" ")
        names[synset] = rest.partition(",")[0].strip().replace("_", " ")
    missing = [synset for synset in synsets if not names.get(synset)]
    if missing:
        listed = ", ".join(missing[:_SHOWN]) + (", ..." if len(missing) > _SHOWN else "")
        raise InputError(f"{path} has no name for {len(missing)} of {len(synsets)} synsets: {listed}.")
    return tuple(names[synset] for synset in synsets)


def decode_ids(pixels: np.ndarray) -> Int[Tensor, "h w"]:
    """Ids of categories: red + 256 green.

    Args:
        pixels: Bytes, (h, w, 3).
    """
    # Wide before it is multiplied: bytes would overflow.
    wide = torch.from_numpy(np.ascontiguousarray(pixels)).long()
    return wide[..., 0] + 256 * wide[..., 1]


def encode_ids(ids: Int[Tensor, "h w"]) -> np.ndarray:
    """The pixels of a mask, `decode_ids` the other way.

    Args:
        ids: From 0 to 65535.
    """
    return torch.stack([ids % 256, ids // 256, torch.zeros_like(ids)], dim=-1).to(torch.uint8).numpy()


def read_ids(path: Path) -> Int[Tensor, "h w"]:
    """The ids in a mask's file.

    Raises:
        InputError: No picture that can be read.
    """
    try:
        with Image.open(path) as image:
            return decode_ids(np.array(image.convert("RGB")))
    except OSError as error:
        raise InputError(f"{path} cannot be read as a mask of ImageNet-S: {reason_of(error)}") from error


def places(cosines: Float[Tensor, "n c"], category: Int[Tensor, " n"]) -> Int[Tensor, " n"]:
    """Which place the right class takes, from 1.

    Args:
        cosines: Of each picture with each class.
        category: Of each picture, from 0.
    """
    right = cosines.gather(1, category[:, None])
    # A class that is as near as the right one counts as nearer: nothing is won by answers that are all alike.
    return (cosines >= right).sum(dim=1)


def mean_over_classes(hit: Bool[Tensor, " n"], category: Int[Tensor, " n"]) -> float:
    """The mean over classes of the share of hits among a class's pictures; classes without a picture play no part.

    Args:
        hit: Of at least one picture.
        category: Of each picture.
    """
    shares = [hit[category == one].double().mean() for one in category.unique()]
    return torch.stack(shares).mean().item()
