"""What `gencontrol ask` and `gencontrol caption` share: flags, and how answers are printed."""

import sys
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from tyro.conf import arg

from gencontrol.cli.flags import RegionFlags, RunOptions, called, unset
from gencontrol.cli.streams import standard_streams
from gencontrol.cli.terminal import one_line, say
from gencontrol.errors import ConfigError
from gencontrol.runs.answers.settings import AnswerSettings
from gencontrol.runs.machine.offline import offline

if TYPE_CHECKING:
    from gencontrol.runs.answers.carrying_out import Answer


@dataclass(frozen=True, kw_only=True)
@called(
    model=unset("NAME"),
    alpha_clip=unset("PATH"),
    revision=unset("NAME"),
    focus=unset("NAME[:KEY=VALUE,...]"),
    fit=unset("pad|squash|crop|published"),
    max_tokens=arg(metavar="N"),
    temperature=arg(metavar="T"),
    top_p=arg(metavar="P"),
    seed=arg(metavar="N"),
    batch=arg(metavar="N"),
    output=unset("FILE", aliases=("-o",)),
)
class AnswerFlags(RunOptions, RegionFlags, AnswerSettings):
    """Flags of `gencontrol caption`, and with a question those of `gencontrol ask`."""


def print_answers(flags: AnswerFlags, question: str | None) -> None:
    """Carry a command out, and print what is said.

    Args:
        flags: The command's.
        question: What is asked; None asks for a caption.

    Raises:
        ConfigError: Streaming where JSON is wanted.
    """
    if flags.stream and flags.format == "json":
        raise ConfigError("`stream` shows answers as they come, and has no room for `format` json.")
    with offline(flags.offline):
        from gencontrol.cli.report import notices, print_json, table
        from gencontrol.runs.answers.carrying_out import answer_pictures

        with notices(type(flags)), standard_streams(flags) as flags:
            rows = answer_pictures(flags, question, tell=_teller() if flags.stream else None)
    if flags.format == "json":
        print_json([asdict(row) for row in rows])
        return
    if flags.stream:
        print()
    else:
        print(table([_line(row) for row in rows], header=("image", "region", "answer")))
    if flags.output is not None:
        say(f"wrote {flags.output}")


def _line(row: "Answer") -> tuple[str, str, str]:
    return row.image, row.region, " ".join(row.answer.split())


def _teller() -> Any:
    """Prints each answer behind the picture and the region that it is about."""
    seen: list[str] = []

    def begin(image: str, region: str) -> Any:
        print(f"{chr(10) if seen else ''}{one_line(f'{image} {region}')}: ", end="", flush=True)
        seen.append(region)
        return lambda piece: print(piece, end="", flush=True, file=sys.stdout)

    return begin
