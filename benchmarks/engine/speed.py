"""How many scenes an hour the engine gets through, and with what its time goes."""

import time
from collections import defaultdict
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from gencontrol.engine.makers import GroundingMaker
from gencontrol.engine.shards import Set, make_shard
from gencontrol.engine.sources.source import Source
from gencontrol.errors import ConfigError
from gencontrol.runs.pairs.opening import open_maker, open_source, rules_of
from gencontrol.runs.pairs.settings import PairsSettings

PARTS = ("grounder", "segmenter", "filter", "files and the rest")
"""What time goes with."""


class Clocked:
    """Something one of whose methods is timed; all else is its own."""

    def __init__(self, inner: Any, method: str, seconds: dict[str, float], part: str):
        """Take it, the method's name, and where its seconds are added."""
        self._inner = inner
        self._method = method
        self._seconds = seconds
        self._part = part

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._inner, name)
        return self._timed(found) if name == self._method else found

    def _timed(self, function: Callable[..., Any]) -> Callable[..., Any]:
        def call(*arguments: Any, **named: Any) -> Any:
            start = time.perf_counter()
            try:
                return function(*arguments, **named)
            finally:
                self._seconds[self._part] += time.perf_counter() - start

        return call


def measure_speed(settings: PairsSettings, *, count: int) -> str:
    """Make pairs of some scenes, the first shard untimed, and tell the parts as a table in markdown.

    Raises:
        ConfigError: Fewer scenes than two shards, or than there are.
    """
    source, maker = open_source(settings), open_maker(settings)
    shards = 1 + -(-count // settings.shard)
    if source.shards < shards:
        raise ConfigError(f"--speed: expected at most {(source.shards - 1) * settings.shard} scenes, got {count}.")
    seconds: dict[str, float] = defaultdict(float)
    assert isinstance(maker, GroundingMaker)
    clocked = replace_parts(maker, seconds)
    with TemporaryDirectory() as folder:
        made = set_of(settings, source, clocked, Path(folder))
        make_shard(made, 0)
        seconds.clear()
        start = time.perf_counter()
        for shard in range(1, shards):
            make_shard(made, shard)
        whole = time.perf_counter() - start
    return speed_table(seconds, whole=whole, scenes=(shards - 1) * settings.shard)


def replace_parts(maker: GroundingMaker, seconds: dict[str, float]) -> GroundingMaker:
    """The same maker, its models timed."""
    grounder: Any = Clocked(maker.grounder, "ground", seconds, "grounder")
    segmenter: Any = Clocked(maker.segmenter, "segment", seconds, "segmenter")
    agreement: Any = None if maker.agreement is None else Clocked(maker.agreement, "judged", seconds, "filter")
    return replace(maker, grounder=grounder, segmenter=segmenter, agreement=agreement)


def set_of(settings: PairsSettings, source: Source, maker: GroundingMaker, folder: Path) -> Set:
    """The set that a shard is made of."""
    return Set(folder=folder, source=source, maker=maker, rules=rules_of(settings), seed=settings.seed)


def speed_table(seconds: dict[str, float], *, whole: float, scenes: int) -> str:
    """Scenes an hour, and milliseconds of a scene for each part."""
    known = {part: seconds.get(part, 0.0) for part in PARTS[:-1]}
    parts = known | {PARTS[-1]: whole - sum(known.values())}
    lines = [
        "| scenes an hour | " + " | ".join(f"{part}, ms" for part in PARTS) + " |",
        "|---:|" + "---:|" * len(PARTS),
    ]
    cells = " | ".join(f"{1000 * parts[part] / scenes:.1f}" for part in PARTS)
    return "\n".join([*lines, f"| {3600 * scenes / whole:,.0f} | {cells} |"])
