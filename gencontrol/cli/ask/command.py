"""`gencontrol ask`: questions about a part of a picture."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Annotated

from gencontrol.cli.ask.answering import AnswerFlags, print_answers
from gencontrol.cli.flags import unset
from gencontrol.cli.parse import parse
from gencontrol.errors import ConfigError


@dataclass(frozen=True, kw_only=True)
class AskFlags(AnswerFlags):
    """Flags of `gencontrol ask`."""

    question: Annotated[str | None, unset("TEXT", aliases=("-q",))] = None
    """What is asked; it may also stand last among the pictures, if it ends in a question mark."""


FLAGS = AskFlags


def main(arguments: Sequence[str]) -> None:
    """Parse the flags, and only then load what it takes to carry them out."""
    flags = parse(
        AskFlags,
        arguments,
        command="ask",
        description="Ask LLaVA-1.5 about a part of a picture, which it is shown through an Alpha-CLIP's alpha channel.",
    )
    flags, question = with_question(flags)
    print_answers(flags, question)


def with_question(flags: AskFlags) -> tuple[AskFlags, str]:
    """The flags and what is asked, which may stand last among the pictures.

    Raises:
        ConfigError: Nothing is asked.
    """
    last = flags.images[-1] if flags.images else ""
    if flags.question is None and last.rstrip().endswith("?"):
        return replace(flags, images=flags.images[:-1]), last
    if flags.question is None:
        how = "give --question, or what ends in a question mark behind the pictures"
        raise ConfigError(f'Nothing is asked: {how}: gencontrol ask IMAGE --mask MASK "What is it made of?".')
    return flags, flags.question
