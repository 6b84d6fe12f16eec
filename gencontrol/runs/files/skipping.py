"""Before `existing` skip leaves anything out: that what is there is what the same run would make."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from gencontrol.runs.files.kept import check_kept, is_whole
from gencontrol.runs.files.outputs import Item
from gencontrol.runs.files.sheets import mark_sheet, mark_sweep
from gencontrol.runs.notices import naming, warn

Record = Callable[[Item, int], Mapping[str, Any] | None]
"""An item, or its part at a value of a sweep, and that value's number -> what would be recorded in its pictures, but
for the seed; None writes no record."""


def check_skipped(items: Sequence[Item], seeds: Sequence[int], record: Record) -> None:
    """Compare the records in pictures that are there with what would be recorded now; nothing is drawn for it.

    A sheet is compared where nothing of its input is left to draw; else it is when it is drawn. Warns with a
    `RunWarning` of pictures whose record would not say: none is written, or their format has no room for it.

    Args:
        items: All inputs.
        seeds: Of each input's pictures.
        record: Reads pictures and masks; it is asked only where something is there.

    Raises:
        InputError: A picture or a sheet that something else made, and what is different.
    """
    untold = 0
    for item in items:
        with naming(item.image or Path(item.name), among=len(items)):
            untold += _check_item(item, seeds, record)
    if untold:
        pictures, made = ("a picture", "it") if untold == 1 else (f"{untold} pictures", "them")
        warn(f"`existing` skip keeps {pictures} without a record: what made {made} is not known.")


def _check_item(item: Item, seeds: Sequence[int], record: Record) -> int:
    """How many of its pictures are there without a record that could say."""
    untold, records = 0, dict[int, Mapping[str, Any]]()
    parts = item.swept or (item,)
    for index, part in enumerate(parts):
        there = {path: seed for path, seed in zip(part.paths, seeds, strict=True) if is_whole(path)}
        wanted = record(part, index) if there else None
        if wanted is None:
            untold += len(there)
        else:
            records[index] = wanted
            untold += sum(not check_kept(path, {**wanted, "seed": seed}) for path, seed in there.items())
    if item.is_complete and len(records) == len(parts):
        for index, part in enumerate(parts):
            for kind, path in part.sheets.items():
                check_kept(path, mark_sheet(kind, records[index], seeds))
        if item.swept:
            check_kept(item.sheets["sweep"], mark_sweep(list(records.values()), seeds))
    return untold
