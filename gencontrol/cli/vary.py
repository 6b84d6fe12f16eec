"""`gencontrol vary`: variations of the part of a picture that a mask, box or point shows."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from gencontrol.cli.parse import given_fields, parse, value_of
from gencontrol.cli.vary_options import VaryOptions

if TYPE_CHECKING:
    from gencontrol.cli.repeat import Repeated


def main(arguments: Sequence[str]) -> None:
    """Parse the flags, and only then load what it takes to carry them out."""
    options, repeated = read_options(arguments)
    from gencontrol.cli.vary_run import execute

    execute(options, repeated)


def read_options(arguments: Sequence[str]) -> "tuple[VaryOptions, Repeated | None]":
    """The options, and the run to repeat: its settings lie under a configuration file, and both under the flags."""
    repeated = _repeated(value_of(arguments, "from"))
    settings = dict(repeated.settings) if repeated else {}
    if "seed" in given_fields(VaryOptions, arguments):
        settings.pop("number", None)
    options = parse(
        VaryOptions,
        arguments,
        command="vary",
        description="Variations of the part of a picture that the flags show.",
        settings=settings,
    )
    return options, repeated


def _repeated(source: str | None) -> "Repeated | None":
    if source is None:
        return None
    from pathlib import Path

    from gencontrol.cli.repeat import read_repeated

    return read_repeated(Path(source))
