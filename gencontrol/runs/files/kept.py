"""What `existing` skip finds: whether it is whole, and what the same call would make."""

import hashlib
import json
import warnings
from collections.abc import Mapping, Sequence, Set
from pathlib import Path
from typing import Any

from PIL import Image

from gencontrol.errors import InputError
from gencontrol.regions.region import Region
from gencontrol.runs.files.encodings import has_room, record_text
from gencontrol.runs.files.records import unpack
from gencontrol.text_files import json_value

_CURVE = "levels_curve"
_MODELS: Mapping[str, str] = {"revision": "model"} | {
    name: name for name in ("model", "alpha_clip", "base", "adapter", "image_encoder", "prior", _CURVE)
}
"""Settings that only name a model, or a curve -> the one whose fingerprint says whether it is another."""
_INPUTS: Mapping[str, str] = {"image": "another picture", "embeds": "other embeddings", "like": "another picture"}
_MASKS: Mapping[str, str] = {
    "regions": "another region",
    "negative_regions": "another negative region",
    "canvas_mask": "another canvas mask",
    "like_regions": "another region of what is shown",
}
_MEND = "give `existing` overwrite, or another `output`"


def is_whole(path: Path) -> bool:
    """Whether a picture is there that can be read to its end; an empty file or a folder of that name is none."""
    if not path.is_file():
        # Neither is a pipe, and whoever opens one waits for somebody to write.
        return False
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            # Looks at a PNG to its end, at others not at all; a picture is of no use after it.
            with Image.open(path) as image:
                image.verify()
            with Image.open(path) as image:
                image.load()
        return True
    except Exception:
        # Pillow's decoders raise many kinds of errors, and none of them is a whole picture.
        return False


def is_broken(path: Path) -> bool:
    """Whether something lies at a name that is no whole picture, and more than an empty file."""
    if not path.exists():
        return path.is_symlink()
    return path.is_file() and bool(path.stat().st_size) and not is_whole(path)


def check_kept(path: Path, wanted: Mapping[str, Any]) -> bool:
    """Refuse to take a picture for done that something else made.

    Args:
        path: A whole picture.
        wanted: The record that this run would write into it.

    Returns:
        Whether its record says so much; False where its format has no room for this one.

    Raises:
        InputError: Says what is different.
    """
    there = record_in(path)
    if there is None and not has_room(dict(wanted), path.suffix):
        return False
    other = difference(there, wanted)
    if other is not None:
        raise InputError(f"{path} is there and is not what would be made now: {other}; {_MEND}.")
    return True


def difference(there: Mapping[str, Any] | None, wanted: Mapping[str, Any]) -> str | None:
    """What a picture was made with that is not what would be recorded now, in words; None if it is all the same.

    Where inputs lie, what regions are called and which version of gencontrol wrote the record does not count.

    Args:
        there: The picture's record; None if it has none.
        wanted: The record that would be written.
    """
    if there is None:
        return "it holds no gencontrol record, which would say how it was made"
    wanted = json.loads(json.dumps(wanted))
    for kind in ("sheet", "edit"):
        if (kind in there) != (kind in wanted) or (kind == "sheet" and there.get(kind) != wanted.get(kind)):
            return f"it is {_kind(there)}"
    if there.get("of") != wanted.get("of"):
        return "it shows other pictures"
    try:
        return _difference(there, wanted)
    except (InputError, AttributeError, TypeError, KeyError):
        return "its gencontrol record is broken"


def _kind(record: Mapping[str, Any]) -> str:
    if "sheet" in record:
        return f"a sheet ({record['sheet']})"
    return "an edited photograph" if "edit" in record else "no sheet and no edit"


def _difference(there: Mapping[str, Any], wanted: Mapping[str, Any]) -> str | None:
    # What was not known when the picture was made, or by an earlier version, is no difference.
    had, has = ({name: print for name, print in (r.get("weights") or {}).items() if print} for r in (there, wanted))
    weights = {name for name in had.keys() & has.keys() if had[name] != has[name]}
    same = (had.keys() & has.keys()) - weights
    for name in ("settings", "edit"):
        was, now = there.get(name) or {}, wanted.get(name) or {}
        names = [n for n in sorted(_differing(was, now)) if _MODELS.get(n) not in same]
        if names:
            return "; ".join(f"`{n}` was {_shown(was.get(n))} and is {_shown(now.get(n))}" for n in names)
    if weights:
        other = sorted(weights)[0]
        return f"the curve of `{other}` was another" if other == _CURVE else f"the weights of `{other}` were others"
    if there.get("seed") != wanted.get("seed"):
        return f"its `seed` was {_shown(there.get('seed'))}"
    return _other_input(there, wanted)


def _other_input(there: Mapping[str, Any], wanted: Mapping[str, Any]) -> str | None:
    """What it was made from that is not the same."""
    for name, what in _INPUTS.items():
        was, now = there.get(name) or {}, wanted.get(name) or {}
        if (was.get("sha256"), was.get("row")) != (now.get("sha256"), now.get("row")):
            return f"it was made from {what}, or from this one before it was changed"
    for name, what in _MASKS.items():
        if not _same_masks(_listed(there.get(name)), _listed(wanted.get(name))):
            return f"it was made with {what}"
    was, now = there.get("references") or [], wanted.get("references") or []
    if len(was) != len(now):
        return f"`reference`: it was made with {len(was)}"
    plain = {"focus", "strength", "weight", "schedule", "feather"}
    for number, (one, other) in enumerate(zip(was, now, strict=True), start=2):
        changed = sorted(n for n in plain if one.get(n) != other.get(n))
        what = f"`reference`: {changed[0]} was {_shown(one.get(changed[0]))}" if changed else _other_input(one, other)
        if what is not None:
            return f"{what} (picture {number})"
    return None


def _differing(was: Mapping[str, Any], now: Mapping[str, Any]) -> Set[str]:
    return {name for name in was.keys() | now.keys() if was.get(name) != now.get(name)}


def _listed(masks: Any) -> Sequence[Mapping[str, Any]]:
    return [] if masks is None else [masks] if isinstance(masks, Mapping) else masks


def _same_masks(was: Sequence[Mapping[str, Any]], now: Sequence[Mapping[str, Any]]) -> bool:
    if len(was) != len(now):
        return False
    pairs = list(zip(was, now, strict=True))
    weighed = all(one.get("weight") == other.get("weight") for one, other in pairs)
    # Records of 0.1 know no levels.
    levelled = all(one.get("level", 1.0) == other.get("level", 1.0) for one, other in pairs)
    return (
        weighed and levelled and all(one["alpha"] == other["alpha"] or _same_alpha(one, other) for one, other in pairs)
    )


def _same_alpha(one: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    """The same levels, as another version of the encoder may have packed them."""
    first, second = (_unpacked(mask).alpha for mask in (one, other))
    return first.shape == second.shape and bool((first == second).all())


def _unpacked(mask: Mapping[str, Any]) -> Region:
    return unpack([dict(mask)], source=Path())[0]


def _shown(value: Any) -> str:
    return "not set" if value is None else f"{value}"


def record_in(path: Path) -> Mapping[str, Any] | None:
    """The record of a picture or a sheet; None where there is none that can be read."""
    try:
        with Image.open(path) as image:
            record = json_value(record_text(image) or "null")
    except (OSError, ValueError):
        return None
    return record if isinstance(record, dict) else None


def digest_of(record: Mapping[str, Any], seeds: Sequence[int]) -> str:
    """What a sheet says of the pictures on it.

    Args:
        record: Theirs, without a seed.
        seeds: Theirs; none where the sheet shows what the encoder sees.
    """
    said = {name: value for name, value in record.items() if name not in ("version", "seed")}
    return hashlib.sha256(json.dumps([said, list(seeds)], sort_keys=True).encode()).hexdigest()
