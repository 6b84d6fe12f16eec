"""Measuring item by item, by any number of processes, so that a measurement that was broken off goes on.

Beside the file that is asked for lie the items that are done, a file for each process, one line an item. They are gone
once the measurement is whole.
"""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from io import TextIOWrapper
from pathlib import Path
from typing import Any, TypeVar

from rich.console import Console
from rich.progress import track

from gencontrol.errors import InputError
from gencontrol.runs.machine.processes import join_processes
from gencontrol.runs.notices import is_watched, warn
from gencontrol.text_files import json_value

Item = TypeVar("Item")
Done = Mapping[str, Any]
"""What is kept of an item: plain values."""


@dataclass(frozen=True, kw_only=True)
class Kept:
    """What is kept of a measurement while it is under way."""

    output: Path
    """The file that will be written."""
    made_with: Mapping[str, Any]
    """Plain values that an item's result depends on; items that were measured with others are not taken."""
    device: str = "auto"
    """Where processes compute, by which they are joined."""
    overwrite: bool = False
    """Whether items that were measured with others are removed; otherwise they are an error."""

    def path(self, process: int) -> Path:
        """Where a process keeps its items."""
        return self.output.with_name(f"{self.output.name}.{process}.part")

    def paths(self) -> list[Path]:
        """All that are there."""
        return sorted(self.output.parent.glob(f"{_plain(self.output.name)}.*.part"))


def _plain(name: str) -> str:
    """A name in which a pattern's signs mean themselves."""
    return "".join(f"[{sign}]" if sign in "[*?" else sign for sign in name)


def measure_items(items: Sequence[Item], measure: Callable[[Item], Done], kept: Kept) -> tuple[Done, ...] | None:
    """Measure what is not done yet, and tell all that is done, in the items' order.

    Args:
        items: In an order that every process and every run of these settings has.
        measure: What is kept of one; may raise what stops the measurement, of which the items before it are kept.
        kept: What is kept meanwhile, and where.

    Returns:
        None in all processes but the first one.

    Raises:
        InputError: Items of other settings lie there.
    """
    return keep_items(len(items), lambda numbers: ((number, measure(items[number])) for number in numbers), kept)


def keep_items(
    count: int, through: Callable[[Sequence[int]], Iterator[tuple[int, Done]]], kept: Kept
) -> tuple[Done, ...] | None:
    """See `measure_items`: of items that are known by their numbers, and may be done elsewhere, in any order.

    Args:
        count: How many there are.
        through: Does those of the numbers that it is given, and tells each with what is kept of it as soon as it is
            done.
        kept: What is kept meanwhile, and where.

    Returns:
        None in all processes but the first one.

    Raises:
        InputError: Items of other settings lie there.
    """
    # A data set that has grown is another one: its items are numbered otherwise.
    kept = replace(kept, made_with={**kept.made_with, "items": count})
    processes = join_processes(kept.device)
    if processes.is_first:
        check_kept(kept)
    processes.wait()
    done = read_kept(kept)
    # Before any process adds to them.
    processes.wait()
    mine = processes.share([number for number in range(count) if number not in done])
    if done and processes.is_first:
        warn(f"{len(done)} of {count} were measured before: going on with the rest.")
    with kept.path(processes.index).open("a", encoding="utf-8") as file:
        # On a line of its own, whatever a process that was stopped has left.
        _add(file, {"made_with": kept.made_with} if file.tell() == 0 else {})
        for number, what in _watched(through(mine), total=len(mine), quiet=not processes.is_first):
            _add(file, {"item": number, "done": what})
    processes.wait()
    if not processes.is_first:
        return None
    done = read_kept(kept)
    return tuple(done[number] for number in range(count))


def remove_kept(kept: Kept) -> None:
    """Remove what is kept, once the file itself is written."""
    for path in kept.paths():
        path.unlink(missing_ok=True)


def check_kept(kept: Kept) -> None:
    """Refuse, or remove, items that were measured with other settings.

    Raises:
        InputError: See `measure_items`.
    """
    for path in kept.paths():
        first = next(_lines(path), None)
        # As JSON has them.
        if first is not None and first.get("made_with") == json.loads(json.dumps(kept.made_with)):
            continue
        if first is not None and not kept.overwrite:
            raise InputError(
                f"{path} holds a part of a measurement with other settings, or of files that have changed since: give "
                "the same ones to go on with it, `overwrite` to begin anew, or another `output`."
            )
        path.unlink()


def read_kept(kept: Kept) -> dict[int, Done]:
    """The items that are done, by their numbers; a line that was broken off is not counted."""
    return {line["item"]: line["done"] for path in kept.paths() for line in _lines(path) if "item" in line}


def _lines(path: Path) -> Iterator[dict[str, Any]]:
    for line in path.read_text(encoding="utf-8", errors="replace").splitlines():
        try:
            yield json_value(line)
        except ValueError:
            # A process was stopped in the middle of it.
            continue


def _add(file: TextIOWrapper, values: Mapping[str, Any]) -> None:
    """One line; an empty one for no values."""
    file.write(f"{json.dumps(values) if values else ''}\n")
    file.flush()


def _watched(done: Iterator[tuple[int, Done]], *, total: int, quiet: bool) -> Iterator[tuple[int, Done]]:
    """The same, with a bar that says how many are left and how long they will take."""
    hidden = quiet or not is_watched()
    yield from track(done, total=total, description="pictures", console=Console(stderr=True), disable=hidden)
