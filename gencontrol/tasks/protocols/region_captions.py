"""Captions of regions: what people wrote of a thing, in RefCOCO's files and in Visual Genome's.

Source of the formats: https://github.com/lichengunc/refer, Visual Genome 1.2 (https://homes.cs.washington.edu/~ranjay/
visualgenome/api.html), and, for its parts, `densecap_splits.json` of https://github.com/jcjohnson/densecap. Published
figures are what a model trained on these texts reports of itself. A caption counts against all that was written of its
thing.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

from gencontrol.configuration import nearest
from gencontrol.errors import ConfigError, InputError
from gencontrol.tasks.protocols.refcoco import USUAL, Box, picture_folder, read_json_file, read_refcoco

VISUAL_GENOME = "visual-genome"
SOURCES = (*USUAL, VISUAL_GENOME)
"""Whose texts."""
REGIONS, PARTS = "region_descriptions.json", "densecap_splits.json"
"""Visual Genome's file of texts, and the file that says which pictures are of which part."""
FOLDERS = ("VG_100K", "VG_100K_2", "images", "images/VG_100K", "images/VG_100K_2")
"""Folders below Visual Genome's that may hold its pictures, NUMBER.jpg."""
PUBLISHED: Mapping[str, Mapping[str, Mapping[str, float]]] = MappingProxyType(
    {
        "refcocog": {"DynRefer, trained": {"METEOR": 18.1, "CIDEr": 115.3}},
        VISUAL_GENOME: {"DynRefer, trained": {"METEOR": 21.2, "CIDEr": 190.5}},
    }
)
"""Source -> what -> score times 100, on RefCOCOg's val and Visual Genome's test."""

SOURCE = "https://github.com/callsys/DynRefer, docs/train_and_eval.md"
"""Where these figures stand."""


@dataclass(frozen=True, kw_only=True)
class Written:
    """One thing that people wrote of."""

    picture: Path
    """The picture."""
    box: Box
    """Where it is; may stick out of the picture."""
    outline: Any
    """Its annotation's own mask (see `outline_alpha`); None where there is none."""
    texts: tuple[str, ...]
    """What was written, at least one."""


def source_of(root: Path, source: str | None) -> str:
    """Whose files lie in a folder, unless it is said.

    Raises:
        ConfigError: There is no such source.
        InputError: None that is known.
    """
    if source is not None:
        if source not in SOURCES:
            raise ConfigError(f"`source`: there is no {source!r}{nearest(source, SOURCES)}.")
        return source
    if (root / REGIONS).is_file():
        return VISUAL_GENOME
    found = [name for name in ("refcocog", "refcoco+", "refcoco") if (root / name / "instances.json").is_file()]
    if not found:
        raise InputError(
            f"{root} holds neither {REGIONS} of Visual Genome nor a folder such as refcocog with instances.json in it."
        )
    return found[0]


def read_region_captions(root: Path, *, source: str, by: str | None = None, split: str | None = None) -> list[Written]:
    """Read what people wrote of a split's things.

    Args:
        root: See `read_refcoco`, and `FOLDERS`.
        source: Of `SOURCES`.
        by: Who split RefCOCO.
        split: Which part; unless given, val of RefCOCO, and of Visual Genome test where `densecap_splits.json` says
            which pictures that are, else all of it.

    Raises:
        ConfigError: No such split.
        InputError: Files that are missing, or mean something else.
        CheckpointError: A pickle that is no plain list.
    """
    if source == VISUAL_GENOME:
        return _of_visual_genome(root, split)
    found: dict[int, Written] = {}
    for ref in read_refcoco(root, name=source, by=by, split=split or "val"):
        assert ref.outlines is not None
        outline = ref.outlines[ref.boxes.index(ref.target)]
        before = found[ref.annotation].texts if ref.annotation in found else ()
        # Several references may be of one thing, whose texts count together.
        found[ref.annotation] = Written(
            picture=ref.picture, box=ref.target, outline=outline, texts=before + ref.sentences
        )
    return _with_texts(list(found.values()), root)


def _of_visual_genome(root: Path, split: str | None) -> list[Written]:
    listed = read_json_file(root / REGIONS, what="a file of region descriptions")
    wanted = _part(root, split)
    try:
        entries = [
            (int(one.get("image_id", picture["id"])), one)
            for picture in listed
            for one in picture["regions"]
            if wanted is None or picture["id"] in wanted
        ]
        places = _pictures(root, sorted({image for image, _ in entries}))
        found = [
            Written(picture=places[image], box=_box(one), outline=None, texts=(str(one["phrase"]).strip(),))
            for image, one in entries
        ]
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise InputError(
            f"{root / REGIONS} is no file of region descriptions: {type(error).__name__} {error}."
        ) from error
    return _with_texts(found, root)


def _part(root: Path, split: str | None) -> set[int] | None:
    """The numbers of a part's pictures; None takes all."""
    path = root / PARTS
    if not path.is_file():
        if split is None:
            return None
        raise InputError(f"Which pictures are {split!r} is said by {PARTS}, and {root} has none: leave `split` out.")
    parts = read_json_file(path, what="a file of splits")
    name = split or "test"
    if not isinstance(parts, dict) or not isinstance(parts.get(name), list):
        known = ", ".join(parts) if isinstance(parts, dict) else "none"
        raise ConfigError(f"`split`: {path} has no {name!r}; it has {known}.")
    return set(parts[name])


def _pictures(root: Path, images: Sequence[int]) -> dict[int, Path]:
    """Where pictures are, which lie in two folders."""
    names = {image: f"{image}.jpg" for image in images}
    there = {folder: {p.name for p in (root / folder).iterdir()} for folder in FOLDERS if (root / folder).is_dir()}
    found = {image: root / folder / name for image, name in names.items() for folder in there if name in there[folder]}
    missing = [name for image, name in names.items() if image not in found]
    if missing:
        # Says which.
        picture_folder(root, missing, FOLDERS)
    return found


def _box(one: Mapping[str, Any]) -> Box:
    x, y, width, height = (float(one[key]) for key in ("x", "y", "width", "height"))
    return x, y, x + width, y + height


def _with_texts(found: list[Written], root: Path) -> list[Written]:
    kept = [one for one in found if any(text.strip() for text in one.texts)]
    if not kept:
        raise InputError(f"Nobody wrote of any thing in {root}: there is nothing to compare captions with.")
    return kept
