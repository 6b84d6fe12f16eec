"""Sentences about how things stand in pictures: VSR, What'sUp, SugarCrepe and ARO, each in its own files.

Sources of the formats, of which no code is taken: https://github.com/cambridgeltl/visual-spatial-reasoning (`data/`),
https://github.com/amitakamath/whatsup_vlms (`dataset_zoo`), https://github.com/RAIVNLab/sugar-crepe (`data/`) and
https://github.com/mertyg/vision-language-models-are-bows (`dataset_zoo`).
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

from gencontrol.configuration import nearest
from gencontrol.errors import ConfigError, InputError, reason_of
from gencontrol.tasks.protocols.refcoco import Box, picture_folder, read_json_file
from gencontrol.text_files import check_no_address, json_value, read_text

ALONE = -1
"""As the place of the true caption: the only one there is is false."""


@dataclass(frozen=True, kw_only=True)
class Statement:
    """A picture, and what is said of it."""

    picture: Path
    """The picture."""
    captions: tuple[str, ...]
    """Several, one of which is true; or one, which is true or false."""
    right: int
    """Which of them is true; `ALONE` where the only one is not."""
    part: str
    """The part of the data set that it is in."""
    kind: str
    """What it is about, such as a relation's name."""
    group: tuple[str, str] | None = None
    """What'sUp's: which two things, and which of the two pairs of pictures of them; four pictures are a set."""
    window: Box | None = None
    """ARO's: the part of the picture that is spoken of."""


_Reader = Callable[[Any, str], list[Statement]]
_PAIRS = {
    **{"left": "beside", "right": "beside"},
    **{"on": "height", "under": "height"},
    **{"in-front": "depth", "behind": "depth"},
}
"""What the pictures of What'sUp's parts A and B show, by the second word of their names -> which pair that is of."""
_AFTER = "splits"
_VSR = tuple(f"{kind}/{name}" for kind in ("random", "zeroshot") for name in ("test", "dev", "train"))
_SUGAR = ("add_obj", "add_att", "replace_obj", "replace_att", "replace_rel", "swap_obj", "swap_att")
_WHATSUP: Mapping[str, tuple[str, tuple[str, ...]]] = MappingProxyType(
    {
        "a": ("controlled_images_dataset.json", ("controlled_images", ".")),
        "b": ("controlled_clevr_dataset.json", ("controlled_clevr", ".")),
        "coco-one": ("coco_qa_one_obj.json", ("val2017", "images/val2017", "images")),
        "coco-two": ("coco_qa_two_obj.json", ("val2017", "images/val2017", "images")),
        "gqa-one": ("vg_qa_one_obj.json", ("vg_images", "images")),
        "gqa-two": ("vg_qa_two_obj.json", ("vg_images", "images")),
    }
)
"""Part -> its file, and folders that may hold its pictures."""
_ARO = {"relation": "visual_genome_relation.json", "attribution": "visual_genome_attribution.json"}
PARTS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {"vsr": _VSR, "whatsup": tuple(_WHATSUP), "sugarcrepe": _SUGAR, "aro": tuple(_ARO)}
)
"""Data set -> its parts. Of VSR one is measured, of the others all unless one is named."""
_FIGURES: Mapping[tuple[str, str], Mapping[str, float]] = {
    ("vsr", "random/test"): {"people": 95.4, "CLIP with a trained classifier": 56.0, "LXMERT, trained": 70.1},
    ("vsr", "zeroshot/test"): {"people": 95.4, "CLIP with a trained classifier": 54.5, "LXMERT, trained": 61.2},
}
SOURCE = "https://github.com/cambridgeltl/visual-spatial-reasoning, README.md"
"""Where these figures stand."""


def published(name: str, parts: Sequence[str]) -> dict[str, float]:
    """What is published of a part, in percent; nothing of several."""
    return dict(_FIGURES.get((name, parts[0]), {})) if len(parts) == 1 else {}


def read_statements(root: Path, *, name: str, part: str | None = None) -> tuple[Statement, ...]:
    """Read a data set's files, and see that all its pictures are there.

    Args:
        root: The data set's folder.
        name: One of `PARTS`.
        part: Which part; None is VSR's `random/test`, and all of the others.

    Raises:
        ConfigError: No such set or part.
        InputError: Files or pictures that are missing: how many, and which; files that mean something else.
    """
    chosen = _chosen(name, part)
    check_no_address(root, what=f"the folder of {name}")
    places = {one: _places(root, name, one) for one in chosen}
    missing = [paths[0].name if name != "vsr" else one for one, (paths, _, _) in places.items() if not _first(paths)]
    if missing:
        there = [one for one in chosen if _first(places[one][0])]
        mend = f"; name one of {', '.join(there)} as `split` to measure it alone" if there else ""
        raise InputError(f"{root} lacks {len(missing)} of {len(chosen)} files of {name}: {', '.join(missing)}{mend}.")
    found: list[Statement] = []
    for one, (paths, reader, folders) in places.items():
        path = _first(paths)
        assert path is not None
        found += _read(path, reader, one, root, folders)
    return tuple(found)


def _chosen(name: str, part: str | None) -> tuple[str, ...]:
    if name not in PARTS:
        raise ConfigError(f"There is no {name!r}{nearest(name, PARTS)}; there are {', '.join(PARTS)}.")
    if part is None:
        return PARTS[name][:1] if name == "vsr" else PARTS[name]
    if part not in PARTS[name]:
        known = PARTS[name]
        raise ConfigError(f"{name} has no split {part!r}{nearest(part, known)}; it has {', '.join(known)}.")
    return (part,)


def _places(root: Path, name: str, part: str) -> tuple[list[Path], _Reader, tuple[str, ...]]:
    """Where a part's file may lie, what reads it, and where its pictures may be."""
    if name == "vsr":
        paths = [root / place / f"{part}.jsonl" for place in (_AFTER, f"data/{_AFTER}", ".")]
        return paths, _vsr, ("images", "data/images", "trainval2017", "data/trainval2017")
    if name == "whatsup":
        file, folders = _WHATSUP[part]
        return [root / file, root / "data" / file], _whatsup, (*folders, *(f"data/{one}" for one in folders))
    if name == "sugarcrepe":
        folders = ("val2017", "images/val2017", "data/coco/images/val2017", "coco/images/val2017", "images")
        return [root / f"{part}.json", root / "data" / f"{part}.json"], _sugarcrepe, folders
    return [root / _ARO[part], root / "data" / _ARO[part]], _aro, ("images", "data/images")


def _first(paths: Sequence[Path]) -> Path | None:
    return next((path for path in paths if path.is_file()), None)


def _read(path: Path, reader: _Reader, part: str, root: Path, folders: tuple[str, ...]) -> list[Statement]:
    """One file's statements, their pictures where they are."""
    values = _lines(path) if path.suffix == ".jsonl" else read_json_file(path, what="a file of captions")
    try:
        found = reader(values, part)
    except (KeyError, TypeError, ValueError, AttributeError, IndexError) as error:
        reason = f"there is no {error}" if isinstance(error, KeyError) else reason_of(error)
        raise InputError(f"{path} does not hold what such a file holds: {reason}.") from error
    if not found:
        raise InputError(f"{path} holds nothing that is said of a picture.")
    folder = picture_folder(root, {str(one.picture) for one in found}, folders)
    return [_placed(one, folder) for one in found]


def _placed(one: Statement, folder: Path) -> Statement:
    return Statement(**{**vars(one), "picture": folder / one.picture})


def _lines(path: Path) -> list[Any]:
    found = []
    for number, line in enumerate(read_text(path, what="a file of captions").splitlines(), start=1):
        try:
            found += [json_value(line)] if line.strip() else []
        except ValueError as error:
            raise InputError(f"{path}, line {number}: expected an object of JSON: {error}.") from error
    return found


def _vsr(values: Any, part: str) -> list[Statement]:
    """Lines with `image`, `caption`, `label` (1 is true) and `relation`."""
    return [
        Statement(
            picture=Path(one["image"]),
            captions=(str(one["caption"]),),
            right=(ALONE, 0)[_label(one["label"])],
            part=part,
            kind=str(one["relation"]),
        )
        for one in values
    ]


def _label(value: Any) -> int:
    if value not in (0, 1):
        raise ValueError(f"a label is 0 or 1, got {value!r}")
    return int(value)


def _whatsup(values: Any, part: str) -> list[Statement]:
    """Of A and B `image_path` and `caption_options`; of the others an id and two captions each. The first is true."""
    if part in ("a", "b"):
        return [_controlled(one, part) for one in values]
    wide = 12 if part.startswith("coco") else 0
    return [
        Statement(
            picture=Path(f"{str(image).zfill(wide)}.jpg"),
            captions=(str(true), str(false)),
            right=0,
            part=part,
            kind=_what_differs(str(true), str(false)),
        )
        for image, true, false in values
    ]


def _controlled(one: Mapping[str, Any], part: str) -> Statement:
    name = Path(one["image_path"]).name
    words = Path(name).stem.split("_")
    # Such as "beer-bottle_left_of_armchair".
    pair = _PAIRS[words[1]]
    captions = tuple(str(text) for text in one["caption_options"])
    if len(captions) < 2:
        raise ValueError(f"{name} has {len(captions)} captions to choose from")
    group = (f"{words[0]} {words[-1]}", pair)
    return Statement(picture=Path(name), captions=captions, right=0, part=part, kind=words[1], group=group)


def _what_differs(true: str, false: str) -> str:
    other = {*false.rstrip(".").split()}
    return " ".join(word for word in true.rstrip(".").split() if word not in other) or "the order of words"


def _sugarcrepe(values: Any, part: str) -> list[Statement]:
    """A mapping from numbers to `filename`, `caption` and `negative_caption`."""
    return [
        Statement(
            picture=Path(one["filename"]),
            captions=(str(one["caption"]), str(one["negative_caption"])),
            right=0,
            part=part,
            kind=part,
        )
        for one in values.values()
    ]


def _aro(values: Any, part: str) -> list[Statement]:
    """A list with `image_path`, `true_caption`, `false_caption` and the box of both things, `bbox_x` to `bbox_h`."""
    return [
        Statement(
            picture=Path(one["image_path"]),
            captions=(str(one["true_caption"]), str(one["false_caption"])),
            right=0,
            part=part,
            kind=str(one["relation_name"]) if part == "relation" else part,
            window=_window(one),
        )
        for one in values
    ]


def _window(one: Mapping[str, Any]) -> Box:
    x, y, wide, high = (float(one[f"bbox_{side}"]) for side in "xywh")
    if wide <= 0 or high <= 0:
        raise ValueError(f"a box of {wide:g} x {high:g} pixels in {one['image_path']}")
    return x, y, x + wide, y + high
