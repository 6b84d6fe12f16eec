"""The shards of a set, made here, or by the processes of a cluster, which find what is found here or say that they do
not."""

import json
import socket
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, fields, replace
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import Any

from gencontrol import __version__
from gencontrol.engine.cluster import spread
from gencontrol.engine.shards import Set, make_shard
from gencontrol.engine.sources.source import Source
from gencontrol.errors import InputError
from gencontrol.runs.evaluation.written import PACKAGES
from gencontrol.runs.machine.offline import SWITCH
from gencontrol.runs.notices import warn
from gencontrol.runs.pairs.opening import models_told, open_maker, open_source, rules_of
from gencontrol.runs.pairs.settings import PairsSettings

_LATE, _TICK = 10.0, 0.2
"""Seconds until a file that another machine has written is seen here, over a network's disk; and between two looks."""
Done = dict[str, float]
"""What is kept of a shard: how long it took."""


@dataclass(frozen=True, kw_only=True)
class Wanted:
    """What a process of a cluster has to find on its machine."""

    settings: PairsSettings
    """Of the run."""
    source: Mapping[str, Any]
    """What the data set is."""
    models: Mapping[str, Any]
    """What looks at it."""


def set_of(settings: PairsSettings, source: Source) -> Set:
    """The set that settings ask for, without the models that make it."""
    return Set(
        folder=Path(settings.output),
        source=source,
        rules=rules_of(settings),
        copies=settings.copies,
        share=settings.share,
        seed=settings.seed,
    )


def plain(settings: PairsSettings) -> PairsSettings:
    """The settings less what a face has added to them: another machine needs no command line."""
    return PairsSettings(**{field.name: getattr(settings, field.name) for field in fields(PairsSettings)})


def versions() -> dict[str, str]:
    """Of the packages that pairs depend on."""
    return {name: version(name) for name in PACKAGES}


def each_shard(making: Set, shards: Sequence[int]) -> Iterator[tuple[int, Done]]:
    """Make shards here, one after another, and tell how long each took.

    Raises:
        OutputError: See `make_shard`.
    """
    return ((shard, _timed(making, shard)) for shard in shards)


def _timed(making: Set, shard: int) -> Done:
    start = time.monotonic()
    make_shard(making, shard)
    return {"seconds": time.monotonic() - start}


def spread_shards(making: Set, wanted: Wanted, shards: Sequence[int]) -> Iterator[tuple[int, Done]]:
    """Have shards made by a cluster, and tell how long each took as it comes.

    Args:
        making: The set, as it is seen from here.
        wanted: What each process has to find.
        shards: Which.

    Raises:
        MissingDependencyError: Ray is not installed.
        InputError: No cluster, or one whose machines do not find, or have, the same; a shard that is not seen here.
        GencontrolError: What making a shard raises.
    """
    settings = wanted.settings
    assert settings.cluster is not None
    opener = partial(open_shards, wanted, __version__, versions())
    done = spread(
        shards,
        opener,
        address=settings.cluster,
        workers=settings.workers,
        device=settings.device,
        environment={SWITCH: "1"} if settings.offline else None,
        say=warn,
    )
    with closing(done):
        for shard, what in done:
            _check_seen(making.lines(shard))
            yield shard, what


def open_shards(wanted: Wanted, release: str, packages: Mapping[str, str]) -> Callable[[int], Done]:
    """On another machine: open data set and models, and return what makes a shard.

    Args:
        wanted: What has to be found.
        release: Of gencontrol, which has to be installed here too.
        packages: Versions of the packages that pairs depend on.

    Raises:
        InputError: This machine finds, or has, something else.
        GencontrolError: See `open_source` and `open_maker`.
    """
    _check_same("gencontrol", release, __version__)
    for name, there in versions().items():
        _check_same(name, packages[name], there)
    settings = wanted.settings
    if not Path(settings.output).is_dir():
        raise InputError(
            f"{socket.gethostname()} does not see the folder {settings.output}: machines of a cluster need a disk that "
            "all of them see, for pictures and `output`."
        )
    # A number of a device is one of the machine that was called on: Ray shows each process its own.
    settings = replace(settings, device=settings.device.partition(":")[0])
    source = open_source(settings)
    _check_same("the data set", _as_json(wanted.source), _as_json(source.facts))
    models = models_told(settings)
    for name in models:
        _check_same(f"the {name}", _as_json(wanted.models[name]), _as_json(models[name]))
    return partial(_timed, replace(set_of(settings, source), maker=open_maker(settings)))


def _check_same(what: str, here: str, there: str) -> None:
    if here != there:
        raise InputError(
            f"{socket.gethostname()} has another state of {what} than the machine that was called on: expected "
            f"{here[:200]}, got {there[:200]}. All machines of a cluster need the same, for the same pairs."
        )


def _as_json(values: Any) -> str:
    return json.dumps(values, sort_keys=True)


def _check_seen(path: Path) -> None:
    """Wait until a file is there.

    Raises:
        InputError: It does not come.
    """
    until = time.monotonic() + _LATE
    while not path.exists():
        if time.monotonic() > until:
            raise InputError(
                f"The cluster has made {path}, which is not seen here: give an `output` on a disk that all machines of "
                "the cluster see under the same name."
            )
        time.sleep(_TICK)
