"""`gencontrol data`: the sprite world's drawings, scenes of them as data sets, and pairs of plain pictures."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from tyro.conf import arg

from gencontrol.cli.parse import parse
from gencontrol.cli.terminal import say
from gencontrol.configuration import nearest
from gencontrol.errors import ConfigError

_LARGEST = 1024
"""Pixels: thousands of sprites of this side fill gigabytes."""
COMMANDS: Mapping[str, str] = {
    "sprites": "fetch the drawings of the sprite world with npm, and prepare them: some minutes",
    "export": "write scenes of them as a published data set is laid out",
    "pairs": "make region-text pairs of plain pictures",
}
"""Name -> what it does."""


@dataclass(frozen=True, kw_only=True)
class DataOptions:
    """Flags of `gencontrol data sprites`."""

    output: Annotated[Path, arg(aliases=("-o",), metavar="FOLDER")] = Path("data/sprites")
    """Where the tarballs and the prepared store go."""
    source: Annotated[Path | None, arg(name="from", metavar="FOLDER")] = None
    """A folder that holds the tarballs already, for machines without npm."""
    concepts: Annotated[Path | None, arg(metavar="FILE.yaml")] = None
    """A list of concepts of your own instead of the shipped one."""
    size: Annotated[int, arg(metavar="PIXELS")] = 128
    """Side of a stored sprite in pixels, a power of two."""


def main(arguments: Sequence[str]) -> int | None:
    """Run one of the commands."""
    if not arguments or arguments[0] in ("-h", "--help"):
        print(help_text())
        return 0 if arguments else 2
    if arguments[0] not in COMMANDS:
        raise ConfigError(f"Nothing called {arguments[0]!r} to prepare{nearest(arguments[0], COMMANDS)}")
    if arguments[:1] == ["export"]:
        from gencontrol.cli.evaluate.export import main as export

        export(arguments[1:])
        return None
    if arguments[:1] == ["pairs"]:
        from gencontrol.cli.data.pairs import main as pairs

        pairs(arguments[1:])
        return None
    options = parse(
        DataOptions,
        arguments[1:],
        command="data sprites",
        description="Fetch the emoji sets of the sprite world with npm, check them, and prepare them for training.",
    )
    if not 16 <= options.size <= _LARGEST or options.size & (options.size - 1):
        raise ConfigError(f"--size: expected a power of two from 16 to {_LARGEST:,}, got {options.size}.")
    say(f"wrote {prepare(options)}")
    return None


def help_text() -> str:
    """What `gencontrol data --help` prints."""
    rows = [f"  {name:10}{line}" for name, line in COMMANDS.items()]
    return "\n".join(["usage: gencontrol data COMMAND [options]", "", *rows])


def prepare(options: DataOptions) -> Path:
    """Fetch and rasterise; what is there already and whole is kept."""
    from gencontrol.cli.terminal import log_to_stderr
    from gencontrol.files import check_folder
    from gencontrol.sprites import catalog
    from gencontrol.sprites.fetch import fetch_sets
    from gencontrol.sprites.store import prepare_store

    check_folder(options.output)
    log_to_stderr()
    concepts = catalog.load_concepts(options.concepts)
    tarballs = fetch_sets(options.output / "npm", sets=catalog.SPRITE_SETS, source=options.source)
    path = options.output / "sprites.npz"
    prepare_store(tarballs, concepts, path, size=options.size, copies=catalog.COPIED_STYLES)
    return path
