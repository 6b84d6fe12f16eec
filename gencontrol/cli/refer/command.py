"""`gencontrol refer`: which part of a picture a phrase means."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from tyro.conf import Positional, arg

from gencontrol.cli.flags import NamedRegionFlags, RunOptions, called, unset
from gencontrol.cli.parse import parse
from gencontrol.cli.terminal import say
from gencontrol.errors import ConfigError
from gencontrol.runs.files.spooled import STREAM
from gencontrol.runs.machine.offline import offline
from gencontrol.runs.referring.settings import ReferringSettings


@dataclass(frozen=True, kw_only=True)
@called(
    text=(Positional, arg(metavar="TEXT", help_behavior_hint="")),
    grounder=unset("NAME"),
    segmenter=arg(metavar="NAME"),
    score=unset("SCORE"),
    most=arg(metavar="N"),
    output=unset("FILE", aliases=("-o",)),
)
class ReferFlags(RunOptions, NamedRegionFlags, ReferringSettings):
    """Flags of `gencontrol refer`."""


FLAGS = ReferFlags


def main(arguments: Sequence[str]) -> None:
    """Parse the flags, and only then load what it takes to carry them out."""
    flags = parse(
        ReferFlags,
        arguments,
        command="refer",
        description="Say which part of a picture a phrase means, among regions that are given or that a grounder "
        "proposes; and write its mask.",
    )
    if STREAM in (flags.image, flags.output, *flags.mask):
        raise ConfigError("`refer` reads and writes files: name them instead of -.")
    with offline(flags.offline):
        from gencontrol.cli.report import notices, print_json
        from gencontrol.runs.referring.finding import find_meant
        from gencontrol.runs.referring.telling import candidates_told

        with notices(FLAGS):
            found = find_meant(flags)
    told = candidates_told(found)
    if flags.format == "json":
        print_json({"image": flags.image, "text": flags.text, **told, "output": flags.output})
        return
    _print_table(told)
    if flags.output is not None:
        say(f"wrote {flags.output}")


def _print_table(told: dict[str, Any]) -> None:
    from gencontrol.cli.report import table
    from gencontrol.runs.relating.telling import NONE

    rows = [(one["region"], ",".join(map(str, one["box"])), f"{one['probability']:.1%}") for one in told["candidates"]]
    print(table([*rows, (NONE, "", f"{told['none']:.1%}")], header=("region", "box", "probability")))
