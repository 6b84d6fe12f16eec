"""Making pairs: shard by shard, by any number of processes, so that a run that was stopped goes on."""

import json
import shutil
from collections.abc import Mapping
from contextlib import nullcontext
from dataclasses import asdict, dataclass, fields, replace
from functools import partial
from pathlib import Path
from typing import Any

from gencontrol import __version__
from gencontrol.engine.finishing import KEPT, PAIRS, REJECTED, SHEET, finish_set
from gencontrol.engine.shards import LINES, MASKS, PICTURES
from gencontrol.engine.sources.opening import written_at
from gencontrol.errors import InputError
from gencontrol.files import atomic_file, check_folder, check_replaceable, resolved
from gencontrol.locks import held
from gencontrol.runs.evaluation.items import Kept, keep_items, remove_kept
from gencontrol.runs.files.inputs import Input, check_folder_apart, inputs_of
from gencontrol.runs.machine.processes import Processes, join_processes
from gencontrol.runs.notices import warn
from gencontrol.runs.pairs.opening import models_told, open_maker, open_source, rules_of
from gencontrol.runs.pairs.settings import ABOUT_FILES, PairsSettings, check_pairs, is_by_class
from gencontrol.runs.pairs.spreading import Wanted, each_shard, plain, set_of, spread_shards, versions
from gencontrol.text_files import json_bytes, json_value

HEADER, STATISTICS = "pairs.json", "statistics.json"
"""What the pairs were made with; what came of it, and how fast, the only file that is not the same every time."""
_FILES = (PAIRS, KEPT, REJECTED, SHEET, HEADER, STATISTICS)
_OURS = (*_FILES, f"{HEADER}.*.part", ".gencontrol-*", f"{LINES}/", f"{MASKS}/", f"{PICTURES}/")


@dataclass(frozen=True, kw_only=True)
class Made:
    """What came of a run."""

    folder: str
    """Where the pairs are."""
    statistics: Mapping[str, Any]
    """See `gencontrol.engine.statistics.Tally`; and `speed`."""


def make_pairs(settings: PairsSettings) -> Made | None:
    """Make pairs, and write them; None in all processes but the first one.

    Raises:
        ConfigError: Settings that cannot be.
        InputError: A data set that is not there, or pairs that are.
        CheckpointError: No such model, or broken weights.
        OutputError: A full disk, a folder that may not be written in, or that another run is writing in.
    """
    check_pairs(settings)
    rules_of(settings)
    folder = Path(settings.output)
    _check_output(folder, settings)
    processes = join_processes(settings.device)
    with held(folder) if processes.is_first else nullcontext():
        return _made(settings, folder, processes)


def _made(settings: PairsSettings, folder: Path, processes: Processes) -> Made | None:
    source = open_source(settings)
    models = models_told(settings)
    about = settings_told(settings)
    kept = Kept(
        output=folder / HEADER,
        # When archives were written is no part of the header: a copy of them makes the same bytes.
        made_with={"settings": about, "source": dict(source.facts), "models": models, "written": _written(settings)},
        device=settings.device,
        overwrite=settings.overwrite,
    )
    if processes.agree_on(_is_finished(kept, settings)):
        return _leave(kept, processes)
    making = set_of(settings, source)
    if settings.cluster is None:
        making = replace(making, maker=open_maker(settings))
        through = partial(each_shard, making)
    else:
        through = partial(spread_shards, making, Wanted(settings=plain(settings), source=source.facts, models=models))
    if processes.is_first:
        _begin(kept)
    processes.wait()
    times = keep_items(source.shards, through, kept)
    if times is None:
        return None
    told = finish_set(making, per_class=settings.per_class if is_by_class(settings) else None)
    if not told["pairs"]:
        warn(_why_none(settings, told))
    told["speed"] = _speed(told, sum(time["seconds"] for time in times))
    _write(folder / STATISTICS, told)
    _write(kept.output, header_of(settings, source.facts, models, told))
    return _leave(kept, processes)


def _written(settings: PairsSettings) -> list[tuple[str, int]]:
    return written_at(Path(settings.pictures))


def settings_told(settings: PairsSettings) -> dict[str, Any]:
    """What pairs depend on: not where they are written, nor how a face reports them."""
    ours = {field.name for field in fields(PairsSettings)} - ABOUT_FILES
    return {name: value for name, value in asdict(settings).items() if name in ours}


def header_of(
    settings: PairsSettings, source: Mapping[str, Any], models: Mapping[str, Any], told: Mapping[str, Any]
) -> dict[str, Any]:
    """What a set of pairs says of itself.

    Args:
        settings: It was made with.
        source: What the data set is.
        models: What looked at it.
        told: What came of it.
    """
    return {
        "gencontrol": __version__,
        "versions": versions(),
        "source": {**source, "licence": settings.licence},
        "models": models,
        "settings": settings_told(settings),
        "pairs": told["pairs"],
        "rejected": told["rejected"],
    }


def _check_output(folder: Path, settings: PairsSettings) -> None:
    check_folder(folder)
    annotations = [] if settings.annotations is None else [Path(settings.annotations)]
    inputs = [*inputs_of(settings), *(Input(path=path, what="the file of annotations") for path in annotations)]
    check_folder_apart(folder, inputs)
    pictures, place = resolved(Path(settings.pictures)), resolved(folder)
    if place.is_relative_to(pictures) or pictures.is_relative_to(place):
        raise InputError(
            f"{folder} and the pictures in {settings.pictures} lie in one another: the next run would take masks for "
            "pictures. Give another `output`."
        )
    check_replaceable(folder, _OURS)


def _is_finished(kept: Kept, settings: PairsSettings) -> bool:
    """Whether all is done but to remove what a kill has left.

    Raises:
        InputError: A set that is there already.
    """
    if not kept.output.exists() or settings.overwrite:
        return False
    # Those that a kill has left, once all was done, say with what.
    if not _goes_on(kept):
        raise InputError(f"{kept.output.parent} holds pairs already: give `overwrite`, or another `output`.")
    return True


def _begin(kept: Kept) -> None:
    """With a folder that holds nothing of a set that is written over; of one that goes on, all stays."""
    folder = kept.output.parent
    if kept.overwrite and (kept.output.exists() or not _goes_on(kept)):
        for name in (LINES, MASKS, PICTURES):
            shutil.rmtree(folder / name, ignore_errors=True)
        for path in (*(folder / name for name in _FILES), *kept.paths()):
            path.unlink(missing_ok=True)
    folder.mkdir(parents=True, exist_ok=True)


def _goes_on(kept: Kept) -> bool:
    """Whether what lies there was begun with the same settings."""
    wanted = json.loads(json.dumps(kept.made_with))
    for path in kept.paths():
        first = path.read_text(encoding="utf-8", errors="replace").partition("\n")[0]
        try:
            made_with = dict(json_value(first)["made_with"])
        except (ValueError, KeyError, TypeError):
            return False
        made_with.pop("items", None)
        if made_with != wanted:
            return False
    return bool(kept.paths())


def _why_none(settings: PairsSettings, told: Mapping[str, Any]) -> str:
    if told["pictures"]:
        return f"No pair was kept: {Path(settings.output) / REJECTED} says why."
    few = f"`share` {settings.share:g} takes none of its pictures" if settings.share < 1 else "it holds no pictures"
    return f"No pair was kept of {settings.pictures}: {few}."


def _speed(told: Mapping[str, Any], seconds: float) -> dict[str, float]:
    """Of one process; several are as many times as fast, if they do not wait for each other."""
    hours = max(seconds, 1e-3) / 3600
    return {
        "seconds": round(seconds, 3),
        "pictures_an_hour": round(told["pictures"] / hours),
        "pairs_an_hour": round(told["pairs"] / hours),
    }


def _write(path: Path, values: Mapping[str, Any]) -> None:
    with atomic_file(path) as temporary:
        temporary.write_bytes(json_bytes(values))


def _leave(kept: Kept, processes: Processes) -> Made | None:
    """Remove what only a run under way needs, and tell what came."""
    if not processes.is_first:
        return None
    folder = kept.output.parent
    shutil.rmtree(folder / LINES, ignore_errors=True)
    remove_kept(kept)
    return Made(folder=str(folder), statistics=json_value((folder / STATISTICS).read_bytes()))
