"""`gencontrol ask`: questions about a part of a picture."""

import typing
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
    """What is asked; it may also stand by itself, behind the pictures, if it ends in a question mark."""


FLAGS = AskFlags


def main(arguments: Sequence[str]) -> None:
    """Parse the flags, and only then load what it takes to carry them out."""
    flags = parse(
        AskFlags,
        with_named_question(arguments),
        command="ask",
        description="Ask tiny, or LLaVA-1.5, about a part of a picture, shown through an Alpha-CLIP's alpha channel.",
    )
    flags, question = with_question(flags)
    print_answers(flags, question)


def with_named_question(arguments: Sequence[str]) -> list[str]:
    """The arguments with `--question` before what ends in a question mark and is no flag's value.

    Pictures have to stand together, and a question is asked behind the masks too.
    """
    given = [argument.partition("=")[0] for argument in arguments]
    if "--question" in given or "-q" in given:
        return list(arguments)
    found: list[str] = []
    for before, argument in zip(["", *arguments], arguments, strict=False):
        is_asked = argument.rstrip().endswith("?") and not argument.startswith("-") and not _takes_value(before)
        # What stands twice is left where it is, to be refused as a picture that is not there.
        found += ["--question", argument] if is_asked and "--question" not in found else [argument]
    return found


def _takes_value(argument: str) -> bool:
    """Whether an argument is a flag whose value is the next one."""
    if not argument.startswith("-") or "=" in argument:
        return False
    name = argument.lstrip("-").removeprefix("no-").replace("-", "_")
    return typing.get_type_hints(AskFlags).get(name) is not bool


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
