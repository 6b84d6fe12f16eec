"""From the lines of all shards to a set of pairs: the listing that training reads, what was kept, what was dropped."""

import heapq
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from gencontrol.engine.candidates import NOT_BEST
from gencontrol.engine.shards import PICTURES, Set, read_lines
from gencontrol.engine.sheet import Sample, draw_sheet
from gencontrol.engine.statistics import Tally
from gencontrol.files import atomic_file
from gencontrol.images.writing import save_image

PAIRS, KEPT, REJECTED, SHEET = "pairs.jsonl", "kept.jsonl", "rejected.jsonl", "sheet.png"
"""Files of a set of pairs: what training reads; the same with boxes and scores; what was dropped, and why; a few of
both as pictures."""
Line = Mapping[str, Any]


@dataclass(frozen=True, kw_only=True)
class _Out:
    """Files that are written line by line."""

    pairs: IO[bytes]
    kept: IO[bytes]
    rejected: IO[bytes]


def finish_set(making: Set, *, per_class: int | None = None) -> dict[str, Any]:
    """Write the files of a set whose shards are all there, and remove the masks that nothing names.

    Called again after a kill, it makes the same bytes. Only one shard's lines are held at one time.

    Args:
        making: The set.
        per_class: Pairs of a class that stay, those that agree best; None is all.

    Returns:
        Plain values: see `Tally`.

    Raises:
        InputError: A shard's file that is broken.
        OutputError: A full disk.
    """
    best = None if per_class is None else _best_of_classes(_all_lines(making), per_class)
    tally, samples = Tally(), (Sample(making.seed), Sample(making.seed))
    with ExitStack() as stack:
        files = [stack.enter_context(atomic_file(making.folder / name)) for name in (PAIRS, KEPT, REJECTED)]
        pairs, kept, rejected = (stack.enter_context(file.open("wb")) for file in files)
        out = _Out(pairs=pairs, kept=kept, rejected=rejected)
        for shard in range(making.source.shards):
            lines = _named([_judged(line, best) for line in read_lines(making.lines(shard))])
            for line in lines:
                tally.add(line, place=shard)
                samples[bool(line["rejected_because"])].add(line)
                _write(out, line)
            _tidy(making.masks(shard), {Path(line["mask"]).name for line in lines if line["mask"]})
            _tidy(making.pictures(shard), {Path(line["image"]).name for line in lines if line["mask"]})
    sheet = draw_sheet(making.folder, samples[0].drawn(), samples[1].drawn())
    save_image(sheet, making.folder / SHEET)
    return tally.told()


def _all_lines(making: Set) -> Iterator[Line]:
    return (line for shard in range(making.source.shards) for line in read_lines(making.lines(shard)))


def _best_of_classes(lines: Iterable[Line], count: int) -> frozenset[str]:
    """The masks of the pairs of each class that agree best; of equal ones, the first."""
    held: dict[str, list[tuple[float, int, str]]] = {}
    for number, line in enumerate(lines):
        if line["rejected_because"]:
            continue
        heap = held.setdefault(line["class"] or "", [])
        heapq.heappush(heap, (line["agreement"] or 0.0, -number, line["mask"]))
        if len(heap) > count:
            heapq.heappop(heap)
    return frozenset(mask for heap in held.values() for *_, mask in heap)


def _judged(line: dict[str, Any], best: frozenset[str] | None) -> dict[str, Any]:
    if best is None or line["rejected_because"] or line["mask"] in best:
        return line
    return line | {"mask": None, "rejected_because": NOT_BEST}


def _named(lines: Sequence[Line]) -> list[Line]:
    """The lines; of a copied picture of which nothing stays, which goes, without its name."""
    used = {line["image"] for line in lines if line["mask"]}
    return [{**line, "image": None} if _is_copy(line) and line["image"] not in used else line for line in lines]


def _is_copy(line: Line) -> bool:
    return line["image"] is not None and line["image"].startswith(f"{PICTURES}/")


def _write(out: _Out, line: Line) -> None:
    if line["rejected_because"]:
        told = {name: value for name, value in line.items() if name not in ("row", "mask", "caption", "whole_caption")}
        _put(out.rejected, told)
        return
    pair = {name: line[name] for name in ("image", "mask", "caption", "whole_caption") if line[name] is not None}
    _put(out.pairs, pair)
    _put(out.kept, {name: value for name, value in line.items() if name not in ("row", "rejected_because", "detail")})


def _put(file: IO[bytes], values: Line) -> None:
    file.write(f"{json.dumps(values, ensure_ascii=False)}\n".encode("utf-8", "backslashreplace"))


def _tidy(folder: Path, named: set[str]) -> None:
    """Remove what is no longer named."""
    if folder.is_dir():
        for path in folder.iterdir():
            if path.name not in named:
                path.unlink(missing_ok=True)
        if not named:
            folder.rmdir()
