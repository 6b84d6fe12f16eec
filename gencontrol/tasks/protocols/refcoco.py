"""RefCOCO, RefCOCO+ and RefCOCOg: which box of a picture an expression means.

Source of the format: https://github.com/lichengunc/refer; of the protocol, https://github.com/allenai/reclip and
https://github.com/SunzeY/AlphaCLIP, commit e5676c9, `eval/rec_zs_test`, whose README has the published figures: boxes
are given, one is chosen for every sentence, and right is one whose intersection over union with the truth is above 0.5.
"""

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

from gencontrol.alpha_clip.weights.unpickling import read_plain_pickle
from gencontrol.configuration import nearest
from gencontrol.errors import ConfigError, InputError, reason_of
from gencontrol.text_files import check_no_address, check_regular, json_value, read_text

SplitNames = tuple[str, ...]
Number = int | float
Box = tuple[Number, Number, Number, Number]
"""x0, y0, x1, y1 in pixels, x1 and y1 outside."""
SPLITS: Mapping[tuple[str, str], SplitNames] = MappingProxyType(
    {
        ("refcoco", "unc"): ("train", "val", "testA", "testB"),
        ("refcoco", "google"): ("train", "val", "test"),
        ("refcoco+", "unc"): ("train", "val", "testA", "testB"),
        ("refcocog", "umd"): ("train", "val", "test"),
        ("refcocog", "google"): ("train", "val"),
    }
)
"""(set, who split it) -> the splits there are."""
USUAL: Mapping[str, str] = MappingProxyType({"refcoco": "unc", "refcoco+": "unc", "refcocog": "umd"})
"""Set -> whose split publications report."""
RIGHT = 0.5
"""Intersection over union above which a box is right."""
PICTURES = ("images", "train2014", "images/train2014", "images/mscoco/images/train2014")
"""Folders below a set's root that may hold its pictures, which are those of COCO's train2014."""
_ROWS = ("CPT", "ReCLIP", "Red Circle", "Alpha-CLIP")
_FIGURES: Mapping[tuple[str, str], tuple[float, ...]] = {
    ("refcoco", "val"): (32.2, 45.8, 49.8, 55.7),
    ("refcoco", "testA"): (36.1, 46.1, 58.6, 61.1),
    ("refcoco", "testB"): (30.3, 47.1, 39.9, 50.3),
    ("refcoco+", "val"): (31.9, 47.9, 55.3, 55.6),
    ("refcoco+", "testA"): (35.2, 50.1, 63.9, 62.7),
    ("refcoco+", "testB"): (28.8, 45.1, 45.4, 46.4),
    ("refcocog", "val"): (36.7, 59.3, 59.4, 61.2),
    ("refcocog", "test"): (36.5, 59.0, 58.9, 62.0),
}
SOURCE = "https://github.com/SunzeY/AlphaCLIP, commit e5676c9, eval/rec_zs_test/README.md"
"""Where these figures stand."""
# Names in references end in the annotation's number, which no picture's does.
_NUMBERED = re.compile(r"^(COCO_\w+?_\d{12})_\d+(?=\.)")
_SHOWN = 3


@dataclass(frozen=True, kw_only=True)
class Reference:
    """One thing that people described."""

    picture: Path
    """The picture."""
    target: Box
    """Where the thing is."""
    boxes: tuple[Box, ...]
    """Everything that might be meant; empty where a detector found nothing."""
    sentences: tuple[str, ...]
    """What was said of the thing; each counts by itself."""
    annotation: int
    """The thing's number."""
    outlines: tuple[Any, ...] | None
    """The annotations' own masks, one for each box (see `outline_alpha`); None of a detector's boxes."""


def published(name: str, split: str) -> dict[str, float]:
    """What is published of a split, zero-shot on a detector's boxes: accuracy in percent by method."""
    return dict(zip(_ROWS, _FIGURES.get((name, split), ()), strict=False))


def read_refcoco(
    root: Path, *, name: str, by: str | None = None, split: str = "val", detections: Path | None = None
) -> tuple[Reference, ...]:
    """Read a split: `NAME/refs(BY).p` or `.json`, `NAME/instances.json`, and the pictures (see `PICTURES`); or, without
    these, ReCLIP's `NAME_SPLIT.jsonl`, which has both in one.

    Args:
        root: What these lie in.
        name: `refcoco`, `refcoco+` or `refcocog`.
        by: Who split it: `unc`, `google` or `umd`; None is `USUAL`.
        split: Which part.
        detections: A file of boxes by picture, as ReCLIP has them, or of COCO's detections; unless given, what might be
            meant are all things that the picture has annotations of.

    Raises:
        ConfigError: No such set or split.
        InputError: A file that is missing or means something else; pictures that are missing: how many, and which.
        CheckpointError: A pickle that is no plain list.
    """
    by = _checked_names(name, by, split)
    check_no_address(root, what=f"the folder of {name}")
    folder = root / name if (root / name).is_dir() else root
    lines = [place / f"{name}_{split.lower()}.jsonl" for place in (root, root / "reclip_data")]
    lines = [path for path in lines if path.is_file()]
    if lines and not (folder / "instances.json").is_file():
        return _of_lines(lines[0], root, detections)
    refs = _read_refs(folder, by)
    instances = read_json_file(folder / "instances.json", what="a file of annotations")
    try:
        chosen = [ref for ref in refs if ref["split"] == split]
        found = _references(chosen, instances, root, detections)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise InputError(f"{folder} is no {name}: {type(error).__name__} {error} in its references.") from error
    if not found:
        raise InputError(f"{folder} has no reference of the split {split!r}.")
    return found


def _checked_names(name: str, by: str | None, split: str) -> str:
    if name not in USUAL:
        raise ConfigError(f"There is no {name!r}{nearest(name, USUAL)}; there are {', '.join(USUAL)}.")
    by = USUAL[name] if by is None else by
    known = [who for one, who in SPLITS if one == name]
    if by not in known:
        raise ConfigError(f"Nobody {by!r} split {name}{nearest(by, known)}; expected {' or '.join(known)}.")
    if split not in SPLITS[name, by]:
        there = SPLITS[name, by]
        raise ConfigError(f"{name} by {by} has no split {split!r}{nearest(split, there)}; it has {', '.join(there)}.")
    return by


def _read_refs(folder: Path, by: str) -> list[dict[str, Any]]:
    for path in (folder / f"refs({by}).json", folder / f"refs({by}).p"):
        if path.is_file():
            break
    else:
        raise InputError(f"No file refs({by}).p or refs({by}).json in {folder}: expected RefCOCO's references.")
    if path.suffix == ".json":
        return read_json_file(path, what="a file of references")
    check_regular(path, what="a file of references", piped=False)
    try:
        return read_plain_pickle(path.read_bytes(), source=str(path))
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror}.") from error


def read_json_file(path: Path, *, what: str) -> Any:
    """The values in a file of annotations, however large.

    Raises:
        InputError: No such file, or another kind.
    """
    try:
        return json_value(_text(path, what=what))
    except ValueError as error:
        raise InputError(f"{path} cannot be read as {what}: {error}.") from error


def _text(path: Path, *, what: str) -> bytes | str:
    # Annotations of all of COCO are larger than any text that a person writes.
    check_regular(path, what=what, piped=False)
    return path.read_bytes() if path.stat().st_size > 2**20 else read_text(path, what=what)


def _of_lines(path: Path, root: Path, detections: Path | None) -> tuple[Reference, ...]:
    """References as ReCLIP has them: a line each, with the picture's annotations in it."""
    refs: list[dict[str, Any]] = []
    annotations: dict[int, dict[str, Any]] = {}
    pictures: dict[int, str] = {}
    try:
        for line in filter(str.strip, path.read_text(encoding="utf-8").splitlines()):
            ref = json_value(line)
            refs.append(ref)
            pictures[ref["image_id"]] = _NUMBERED.sub(r"\1", str(ref["file_name"]))
            annotations |= {one["id"]: {**one, "image_id": ref["image_id"]} for one in ref["anns"]}
        images = [{"id": image, "file_name": name} for image, name in pictures.items()]
        return _references(refs, {"annotations": list(annotations.values()), "images": images}, root, detections)
    except (KeyError, TypeError, ValueError, AttributeError, OSError) as error:
        reason = str(error) if isinstance(error, KeyError) else reason_of(error)
        raise InputError(f"{path} is no file of references: {type(error).__name__} {reason}.") from error


def _references(
    refs: Sequence[Mapping[str, Any]], instances: Mapping[str, Any], root: Path, detections: Path | None
) -> tuple[Reference, ...]:
    annotations = {one["id"]: one for one in instances["annotations"]}
    pictures = {one["id"]: str(one["file_name"]) for one in instances["images"]}
    found = None if detections is None else read_detections(detections)
    boxes, outlines = (found, {}) if found is not None else boxes_of_annotations(annotations.values())
    missing = [str(ref["ann_id"]) for ref in refs if ref["ann_id"] not in annotations]
    if missing:
        raise InputError(f"instances.json lacks {len(missing)} of {len(refs)} annotations: {listed(missing)}.")
    folder = picture_folder(root, {pictures[ref["image_id"]] for ref in refs})
    return tuple(
        Reference(
            picture=folder / pictures[ref["image_id"]],
            target=_corners(annotations[ref["ann_id"]]["bbox"]),
            boxes=boxes.get(ref["image_id"], ()),
            sentences=tuple(str(one.get("sent", one.get("raw"))) for one in ref["sentences"]),
            annotation=int(ref["ann_id"]),
            outlines=None if found is not None else outlines[ref["image_id"]],
        )
        for ref in refs
    )


def picture_folder(root: Path, names: Collection[str], folders: Sequence[str] = PICTURES) -> Path:
    """The folder that holds all of these pictures.

    Args:
        root: What the folders lie in.
        names: Of the pictures.
        folders: Where they may be.

    Raises:
        InputError: Pictures that are missing: how many, and which.
    """
    if not names:
        return root
    lacks = {folder: sorted(name for name in names if not (root / folder / name).is_file()) for folder in folders}
    best, missing = min(lacks.items(), key=lambda item: len(item[1]))
    if len(missing) == len(names):
        raise InputError(f"None of {len(names)} pictures in {root}: expected them in {', '.join(folders)}.")
    if missing:
        raise InputError(f"{root / best} lacks {len(missing)} of {len(names)} pictures: {listed(missing)}.")
    return root / best


def listed(names: Sequence[str]) -> str:
    """The first names, and whether there are more."""
    return ", ".join(names[:_SHOWN]) + (", ..." if len(names) > _SHOWN else "")


def boxes_of_annotations(annotations: Any) -> tuple[dict[int, tuple[Box, ...]], dict[int, tuple[Any, ...]]]:
    """The boxes of every picture, in the order of COCO's annotations, and the masks in the same order."""
    boxes: dict[int, list[Box]] = {}
    outlines: dict[int, list[Any]] = {}
    for one in annotations:
        boxes.setdefault(one["image_id"], []).append(_corners(one["bbox"]))
        outlines.setdefault(one["image_id"], []).append(one.get("segmentation"))
    return {image: tuple(of) for image, of in boxes.items()}, {image: tuple(of) for image, of in outlines.items()}


def read_detections(path: Path) -> dict[int, tuple[Box, ...]]:
    """What a detector found, by picture: a mapping from ids to boxes x, y, w, h, bare or as `box` (ReCLIP's
    `*_dets_dict.json`), or a list with `image_id` and `bbox` or `box` (COCO's results).

    Raises:
        InputError: No such file.
    """
    values = read_json_file(path, what="a file of detections")
    try:
        if isinstance(values, list):
            pairs = [(int(one["image_id"]), one) for one in values]
        else:
            pairs = [(int(image), one) for image, boxes in values.items() for one in boxes]
        found: dict[int, list[Box]] = {}
        for image, one in pairs:
            found.setdefault(image, []).append(
                _corners(one if isinstance(one, list) else one.get("bbox", one.get("box")))
            )
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise InputError(f"{path} is no file of detections: {type(error).__name__} {error}.") from error
    return {image: tuple(boxes) for image, boxes in found.items()}


def _corners(box: Any) -> Box:
    """From x, y, width and height."""
    x, y, width, height = (float(value) for value in box)
    return x, y, x + width, y + height


def intersection_over_union(one: Box, other: Box) -> float:
    """Of two boxes, [0, 1]."""
    wide = min(one[2], other[2]) - max(one[0], other[0])
    high = min(one[3], other[3]) - max(one[1], other[1])
    shared = max(wide, 0.0) * max(high, 0.0)
    areas = sum((box[2] - box[0]) * (box[3] - box[1]) for box in (one, other))
    return shared / (areas - shared) if areas > shared else 0.0


def is_right(chosen: Box | None, target: Box) -> bool:
    """Whether a chosen box counts; none, of nothing found, does not."""
    return chosen is not None and intersection_over_union(chosen, target) > RIGHT
