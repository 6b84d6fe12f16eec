"""Settings that several benchmarks have: a command's own settings inherit those that it heeds, and no others."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Protocol, TypeVar

import torch
from tyro.conf import arg

from gencontrol.errors import ConfigError

SHIPPED_JUDGE = Path(__file__).with_name("judge")
"""Where the trained judge lies: beside its code."""


class Keyed(Protocol):
    """A row of a table."""

    @property
    def key(self) -> str:
        """How it is chosen."""
        ...


Row = TypeVar("Row", bound=Keyed)


def chosen_rows(rows: Sequence[Row], keys: Sequence[str]) -> list[Row]:
    """The rows of these keys, in the rows' order; all unless any are given.

    Raises:
        ConfigError: A key of no row.
    """
    known = [row.key for row in rows]
    unknown = [key for key in keys if key not in known]
    if unknown:
        raise ConfigError(f"--rows: no row {', '.join(unknown)}; there are {', '.join(known)}.")
    return [row for row in rows if not keys or row.key in keys]


@dataclass(frozen=True, kw_only=True)
class OnThreads:
    """What is computed in this process."""

    threads: int = 0
    """Threads of torch; 0 leaves its own choice."""

    def use_threads(self) -> None:
        """Give torch so many threads."""
        if self.threads:
            torch.set_num_threads(self.threads)


@dataclass(frozen=True, kw_only=True)
class OnSprites:
    """What is measured on the sprite world."""

    sprites: Path = Path("data/sprites/sprites.npz")
    """The store that `gencontrol data sprites` made."""


@dataclass(frozen=True, kw_only=True)
class Judged(OnSprites):
    """What the judge looks at."""

    judge: Path = SHIPPED_JUDGE
    """The judge's folder."""


@dataclass(frozen=True, kw_only=True)
class Timed(OnThreads):
    """What is timed, in turns."""

    rounds: int = 3
    """Timed turns of each row, after one that does not count; the median is reported."""
    json: Annotated[Path | None, arg(aliases=("--output",))] = None
    """Also write the rows as JSON."""


@dataclass(frozen=True, kw_only=True)
class Weighed(Timed):
    """What is also measured for its memory, each row in a process of its own."""

    memory_of: str = ""
    """Used by the benchmark itself: measure one row's memory and print it as JSON."""
