"""`gencontrol relate`: how the regions of a picture stand to each other."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from tyro.conf import UseAppendAction, arg

from gencontrol.cli.flags import NamedRegionFlags, RunOptions, called, unset
from gencontrol.cli.parse import parse
from gencontrol.cli.terminal import say
from gencontrol.errors import ConfigError
from gencontrol.runs.files.spooled import STREAM
from gencontrol.runs.machine.offline import offline
from gencontrol.runs.relating.settings import RelatingSettings


@dataclass(frozen=True, kw_only=True)
@called(
    text=(UseAppendAction, arg(aliases=("-t",), metavar="TEXT")),
    at_least=arg(metavar="P"),
    module=unset("FOLDER"),
    graph=unset("FILE"),
)
class RelateFlags(RunOptions, NamedRegionFlags, RelatingSettings):
    """Flags of `gencontrol relate`."""


FLAGS = RelateFlags


def main(arguments: Sequence[str]) -> None:
    """Parse the flags, and only then load what it takes to carry them out."""
    flags = parse(
        RelateFlags,
        arguments,
        command="relate",
        description="Say how the regions of a picture, or of a clip, stand to each other: a probability for every "
        "relation of every ordered pair, by rules on the masks and embeddings, or by a trained module.",
    )
    if STREAM in (flags.image, flags.graph, *flags.mask):
        raise ConfigError("`relate` reads and writes files: name them instead of -.")
    with offline(flags.offline):
        from gencontrol.cli.report import notices, print_json
        from gencontrol.runs.relating.reading import relate_regions
        from gencontrol.runs.relating.telling import answer_told, relations_told

        with notices(FLAGS):
            related, answers = relate_regions(flags)
    told = [answer_told(text, answer) for text, answer in zip(flags.text, answers, strict=True)]
    if flags.format == "json":
        print_json({"image": flags.image, **relations_told(related), "phrases": told, "graph": flags.graph})
        return
    _print_tables(flags, related, told)


def _print_tables(flags: RelateFlags, related: Any, told: Sequence[Any]) -> None:
    from gencontrol.cli.report import table
    from gencontrol.runs.relating.telling import PAIR_HEADER, PHRASE_HEADER, pair_rows, told_rows

    rows = pair_rows(related, at_least=flags.at_least)
    print(table(rows, header=PAIR_HEADER) if rows else f"no relation has a probability of {flags.at_least:g} or more")
    if told:
        print()
        print(table([row for one in told for row in told_rows(one)], header=PHRASE_HEADER))
    if flags.graph is not None:
        say(f"wrote {flags.graph}")
