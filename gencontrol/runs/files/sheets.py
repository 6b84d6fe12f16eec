"""Sheets beside the pictures: written with a mark that says of which, or kept where `existing` says so."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from PIL import Image

from gencontrol.runs.files.kept import digest_of
from gencontrol.runs.files.outputs import Item, write_picture
from gencontrol.runs.files.records import describe_sheet
from gencontrol.runs.notices import ShareWarning, warn
from gencontrol.runs.settings import Existing


def mark_sheet(kind: str, record: Mapping[str, Any], seeds: Sequence[int]) -> dict[str, Any]:
    """The record of a sheet, which says of which pictures it is.

    Args:
        kind: `grid`, `compare`, `preview` or `sweep`.
        record: The pictures', but for the seed.
        seeds: Theirs; a preview shows what the encoder sees, whatever is drawn from it.
    """
    return describe_sheet(kind, digest_of(record, () if kind == "preview" else seeds))


def mark_sweep(records: Sequence[Mapping[str, Any]], seeds: Sequence[int]) -> dict[str, Any]:
    """The record of a sweep's sheet, from the records of the pictures at each value."""
    return mark_sheet("sweep", {"swept": [digest_of(record, ()) for record in records]}, seeds)


def write_sheets(
    item: Item,
    made: Mapping[str, Image.Image],
    *,
    record: Mapping[str, Any] | None,
    seeds: Sequence[int],
    existing: Existing,
) -> list[tuple[str, Path]]:
    """Write those of an item's sheets that are made. Warns with a `ShareWarning` of one that is kept and is stale.

    Args:
        item: The input.
        made: Kind -> sheet.
        record: Of the pictures, but for the seed; None marks no sheet.
        seeds: The pictures'.
        existing: What to do about files that are there already.

    Returns:
        Kind and path of those that were written.
    """
    written = []
    for kind, path in item.sheets.items():
        mark = None if record is None else mark_sheet(kind, record, seeds)
        if kind in made and write_sheet(made[kind], path, mark=mark, existing=existing):
            written.append((kind, path))
    return written


def write_sheet(sheet: Image.Image, path: Path, *, mark: dict[str, Any] | None, existing: Existing) -> bool:
    """Write one sheet; warns as `write_sheets` does, and says whether it was written."""
    if write_picture(sheet, path, record=mark, existing=existing):
        return True
    if not _shows(path, sheet):
        warn(
            f"{path} was there and is kept, as `existing` skip says: it does not show what is drawn now. Remove it "
            "to have a new one.",
            ShareWarning,
        )
    return False


def _shows(path: Path, sheet: Image.Image) -> bool:
    """Whether the sheet that is kept is the one that would be written, as where a picture was lost and drawn anew."""
    with Image.open(path) as there:
        return there.size == sheet.size and there.convert(sheet.mode).tobytes() == sheet.tobytes()
