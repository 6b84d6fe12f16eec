"""`gencontrol classify`: which of many labels the regions of pictures have."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from tyro.conf import arg

from gencontrol.cli.flags import EncoderFlags, RegionFlags, RunOptions, called, unset
from gencontrol.cli.parse import parse
from gencontrol.cli.streams import standard_streams
from gencontrol.cli.terminal import say
from gencontrol.runs.classification.settings import ClassificationSettings
from gencontrol.runs.machine.offline import offline

if TYPE_CHECKING:
    from gencontrol.runs.classification.carrying_out import Classified


@dataclass(frozen=True, kw_only=True)
@called(
    labels=arg(metavar="FILE|imagenet"),
    templates=arg(metavar="NAME|FILE"),
    top=arg(metavar="N"),
    cache=unset("FILE"),
    output=unset("FILE", aliases=("-o",)),
)
class ClassifyFlags(RunOptions, RegionFlags, EncoderFlags, ClassificationSettings):
    """Flags of `gencontrol classify`."""


FLAGS = ClassifyFlags


def main(arguments: Sequence[str]) -> None:
    """Parse the flags, and only then load what it takes to carry them out."""
    flags = parse(
        ClassifyFlags,
        arguments,
        command="classify",
        description="Find the best labels of each region: the shares of sentences about them, averaged over templates.",
    )
    with offline(flags.offline):
        from gencontrol.cli.report import notices, print_json, table
        from gencontrol.runs.classification.carrying_out import classify_pictures

        with notices(FLAGS), standard_streams(flags) as flags:
            rows = classify_pictures(flags)
    if flags.format == "json":
        print_json([asdict(row) for row in rows])
        return
    places = [f"{place}." for place in range(1, max(len(row.guesses) for row in rows) + 1)]
    print(table([_line(row) for row in rows], header=("image", "region", "focus", *places)))
    if flags.output is not None:
        say(f"wrote {flags.output}")


def _line(row: "Classified") -> tuple[Any, ...]:
    return (row.image, row.region, row.focus, *(f"{guess.label} {guess.share:.1%}" for guess in row.guesses))
