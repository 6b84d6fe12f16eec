"""`gencontrol data`: fetch and prepare the sprite world's drawings."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from tyro.conf import Positional, arg

from gencontrol.cli.parse import parse
from gencontrol.cli.terminal import say
from gencontrol.errors import ConfigError

_LARGEST = 1024
"""Pixels: thousands of sprites of this side fill gigabytes."""


@dataclass(frozen=True, kw_only=True)
class DataOptions:
    """Flags of `gencontrol data`."""

    what: Positional[str] = "sprites"
    """What to prepare: sprites. `gencontrol data export` writes scenes of them as a published data set is laid out;
    `gencontrol data pairs` makes region-text pairs of plain pictures."""
    output: Annotated[Path, arg(aliases=("-o",), metavar="FOLDER")] = Path("data/sprites")
    """Where the tarballs and the prepared store go."""
    source: Annotated[Path | None, arg(name="from", metavar="FOLDER")] = None
    """A folder that holds the tarballs already, for machines without npm."""
    concepts: Annotated[Path | None, arg(metavar="FILE.yaml")] = None
    """A list of concepts of your own instead of the shipped one."""
    size: Annotated[int, arg(metavar="PIXELS")] = 128
    """Side of a stored sprite in pixels, a power of two."""


def main(arguments: Sequence[str]) -> None:
    """Fetch what is missing and rasterise it; or write scenes of it, or make pairs of pictures."""
    if arguments[:1] == ["export"]:
        from gencontrol.cli.evaluate.export import main as export

        export(arguments[1:])
        return
    if arguments[:1] == ["pairs"]:
        from gencontrol.cli.data.pairs import main as pairs

        pairs(arguments[1:])
        return
    options = parse(
        DataOptions,
        arguments,
        command="data",
        description="Fetch the emoji sets of the sprite world with npm, check them, and prepare them for training.",
    )
    if options.what != "sprites":
        raise ConfigError(f"Nothing called {options.what!r} to prepare; try `gencontrol data sprites`.")
    if not 16 <= options.size <= _LARGEST or options.size & (options.size - 1):
        raise ConfigError(f"--size: expected a power of two from 16 to {_LARGEST:,}, got {options.size}.")
    say(f"wrote {prepare(options)}")


def prepare(options: DataOptions) -> Path:
    """Fetch and rasterise; what is there already and whole is kept."""
    from gencontrol.cli.terminal import log_to_stderr
    from gencontrol.sprites import catalog
    from gencontrol.sprites.fetch import fetch_sets
    from gencontrol.sprites.store import prepare_store

    log_to_stderr()
    concepts = catalog.load_concepts(options.concepts)
    tarballs = fetch_sets(options.output / "npm", sets=catalog.SPRITE_SETS, source=options.source)
    path = options.output / "sprites.npz"
    prepare_store(tarballs, concepts, path, size=options.size, copies=catalog.COPIED_STYLES)
    return path
