"""Settings that several benchmarks have: a command's own settings inherit those that it heeds, and no others."""

import dataclasses
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Protocol, TypeVar

import torch
from tyro.conf import arg

from gencontrol.errors import ConfigError
from gencontrol.files import atomic_file

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
class Drawing:
    """How pictures are drawn."""

    steps: int = 25
    """Denoising steps, the default of `gencontrol vary`."""
    guidance: float = 3.0
    """Classifier-free guidance scale, the default of `gencontrol vary`."""
    batch: int = 50
    """Pictures drawn at once."""


@dataclass(frozen=True, kw_only=True)
class Written:
    """What is kept of a measurement beside what it prints."""

    output: Annotated[Path | None, arg(aliases=("-o",))] = None
    """Also write what was measured as JSON."""

    def write(self, measured: Any) -> None:
        """Write the rows, records or lists of them, where that is asked for."""
        if self.output is not None:
            with atomic_file(self.output) as temporary:
                text = json.dumps(measured, indent=1, default=dataclasses.asdict)
                temporary.write_text(f"{text}\n", encoding="utf-8")


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
