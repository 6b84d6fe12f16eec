"""`gencontrol ground`: where the things that a text names are in a picture."""

from collections.abc import Sequence
from dataclasses import dataclass

from tyro.conf import Positional, arg

from gencontrol.cli.flags import RunOptions, called, unset
from gencontrol.cli.parse import parse
from gencontrol.cli.terminal import say
from gencontrol.errors import ConfigError
from gencontrol.runs.files.spooled import STREAM
from gencontrol.runs.grounding.settings import GroundingSettings
from gencontrol.runs.machine.offline import offline


@dataclass(frozen=True, kw_only=True)
@called(
    image=(Positional, arg(metavar="IMAGE", help_behavior_hint="")),
    text=(Positional, arg(metavar="TEXT", help_behavior_hint="")),
    model=arg(metavar="NAME"),
    tokenizer=arg(metavar="NAME"),
    revision=unset("NAME"),
    threshold=unset("SCORE"),
    most=arg(metavar="N"),
    output=unset("FILE", aliases=("-o",)),
)
class GroundFlags(RunOptions, GroundingSettings):
    """Flags of `gencontrol ground`."""


FLAGS = GroundFlags


def main(arguments: Sequence[str]) -> None:
    """Parse the flags, and only then load what it takes to carry them out."""
    flags = parse(
        GroundFlags,
        arguments,
        command="ground",
        description="Find phrases in a picture, as boxes: x0, y0, x1, y1 in its pixels, from the top left corner.",
    )
    if STREAM in (flags.image, flags.output):
        raise ConfigError("`ground` reads and writes files: name them instead of -.")
    with offline(flags.offline):
        from gencontrol.cli.report import notices, print_json, table
        from gencontrol.runs.grounding.finding import find_phrases

        with notices(FLAGS):
            found = find_phrases(flags)
    rows = list(zip(found.phrases, found.scores.tolist(), found.boxes.tolist(), strict=True))
    if flags.format == "json":
        boxes = [{"phrase": phrase, "score": score, "box": box} for phrase, score, box in rows]
        print_json({"image": flags.image, "boxes": boxes, "output": flags.output})
        return
    lines = [(phrase, f"{score:.3f}", ",".join(f"{side:.1f}" for side in box)) for phrase, score, box in rows]
    print(table(lines, header=("phrase", "score", "box")) if lines else "nothing found")
    if flags.output is not None:
        say(f"wrote {flags.output}")
