"""What an edited photograph says of its making, and repeating it from that."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gencontrol.errors import InputError
from gencontrol.files import sha256
from gencontrol.images.reading import open_image
from gencontrol.regions.region import Region
from gencontrol.runs.edits.settings import RECORDED, EditingSettings, shown_by
from gencontrol.runs.files.encodings import ENCODINGS, record_text
from gencontrol.runs.files.records import describe_edit, pack, unpack
from gencontrol.runs.files.repeat import recorded_input
from gencontrol.runs.files.spooled import stream_or_path
from gencontrol.runs.notation import LARGEST_SEED
from gencontrol.runs.notices import warn
from gencontrol.runs.referring.phrase_settings import without_held
from gencontrol.text_files import json_value

_INPUT: Mapping[str, type] = {"path": str, "sha256": str}


@dataclass(frozen=True, kw_only=True)
class RepeatedEdit:
    """What the record of an edited photograph says."""

    source: Path
    """The picture that holds it."""
    settings: dict[str, Any]
    """Those that shape the picture, its own seed among them."""
    image: dict[str, str]
    """`path` and `sha256` of the photograph."""
    like: dict[str, str] | None
    """The same of the picture that showed what to paint; None if the photograph did, or nothing."""
    hole: tuple[Region, ...]
    """What showed the hole, before inverting and feathering."""
    parts: tuple[Region, ...]
    """What showed what to paint."""

    def hole_of(self, settings: EditingSettings) -> EditingSettings:
        """The settings less a phrase whose answer the recorded hole is, since the photograph is the same."""
        return without_held(settings, self.settings, unchanged=_is_file_of(self.image, settings.images))

    def part_of(self, settings: EditingSettings) -> EditingSettings:
        """What points at what to paint, less a phrase whose answer is the recorded part."""
        like, recorded = settings.like, {**self.settings, "phrase": self.settings.get("like_phrase")}
        same = _is_file_of(self.image, settings.images) if like is None else _is_file_of(self.like, (like,))
        unchanged = bool(self.parts) and same and (like is None) == (self.like is None)
        return without_held(shown_by(settings), recorded, unchanged=unchanged)

    def find_image(self) -> Path:
        """The photograph, which must be unchanged.

        Raises:
            InputError: It is not there any more, or it has changed.
        """
        return recorded_input(self.source, self.image, "images")

    def find_like(self) -> Path | None:
        """The picture that showed what to paint, if it was another one; it must be unchanged.

        Raises:
            InputError: It is not there any more, or it has changed.
        """
        return None if self.like is None else recorded_input(self.source, self.like, "like")


def _is_file_of(recorded: Mapping[str, str] | None, paths: Sequence[str]) -> bool:
    """Whether a single file is the recorded one, wherever it lies."""
    if recorded is None or len(paths) != 1 or not Path(paths[0]).is_file():
        return False
    return sha256(Path(paths[0])) == recorded["sha256"]


def describe_painted(
    settings: Mapping[str, Any],
    inputs: Mapping[str, Path],
    *,
    hole: tuple[Region, ...],
    parts: tuple[Region, ...],
    weights: Mapping[str, str],
) -> dict[str, Any]:
    """The record of a photograph's results, but for the seed.

    Args:
        settings: Those that shape the picture, as plain values.
        inputs: The photograph (`image`), and the picture that showed what to paint (`like`), if it was another one.
        hole: As they were before inverting and feathering, which the settings say.
        parts: The same, of what showed what to paint.
        weights: Fingerprints of the models, by the settings that name them.
    """
    named = {name: {"path": stream_or_path(path), "sha256": sha256(path)} for name, path in inputs.items()}
    regions = {"regions": [pack(region) for region in hole], "like_regions": [pack(region) for region in parts]}
    return describe_edit(settings=dict(settings), inputs=named) | regions | {"weights": dict(weights)}


def read_edit(path: Path) -> RepeatedEdit:
    """Read the record of an edited photograph. Warns of settings in it that no record may set.

    Raises:
        InputError: No picture, no record, one of something else, or a broken one.
    """
    record = _record(path)
    said: list[Any] = [record.get(name) for name in ("edit", "seed", "image", "like")]
    settings, seed, image, like = said
    hole, parts = record.get("regions"), record.get("like_regions", [])
    is_whole = isinstance(settings, dict) and _is_input(image) and (like is None or _is_input(like))
    is_whole = is_whole and type(seed) is int and 0 <= seed <= LARGEST_SEED
    if not (is_whole and hole and _are_regions(hole) and _are_regions(parts)):
        raise InputError(
            f"{path}: its gencontrol record is broken, or of a version that recorded no holes; expected `edit`, "
            "`image`, `regions` and a seed from 0 to 2^63 - 1. Edit again, with the hole shown anew."
        )
    left = sorted(settings.keys() - RECORDED)
    if left:
        warn(f"the record of {path} also sets {', '.join(f'`{name}`' for name in left)}, which is not repeated.")
    kept = {name: value for name, value in settings.items() if name in RECORDED}
    return RepeatedEdit(
        source=path,
        settings=kept | _encoding(path) | {"seed": seed, "number": 1},
        image=image,
        like=like,
        hole=tuple(unpack(hole, source=path)),
        parts=tuple(unpack(parts, source=path)),
    )


def _record(path: Path) -> dict[str, Any]:
    text = record_text(open_image(path))
    if text is None:
        raise InputError(f"{path} holds no gencontrol record: it was written without `metadata`, or by something else.")
    try:
        record = json_value(text)
    except ValueError as error:
        raise InputError(f"{path}: its gencontrol record is broken; expected JSON.") from error
    if not isinstance(record, dict) or "edit" not in record:
        raise InputError(f"{path} was not made by `gencontrol edit`: `gencontrol vary --from` repeats a variation.")
    return record


def _is_input(value: Any) -> bool:
    return isinstance(value, dict) and all(type(value.get(name)) is kind for name, kind in _INPUT.items())


def _are_regions(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(entry, dict) for entry in value)


def _encoding(path: Path) -> dict[str, str]:
    """The setting that repeats a JPEG or WebP as one; PNG is what is written anyway."""
    kind = ENCODINGS.get(path.suffix.lower(), ENCODINGS[".png"])[0]
    return {} if kind == "PNG" else {"encoding": {"JPEG": "jpg", "WEBP": "webp"}[kind]}
