"""`gencontrol caption`: a part of a picture in a sentence."""

from collections.abc import Sequence

from gencontrol.cli.ask.answering import AnswerFlags, print_answers
from gencontrol.cli.parse import parse

FLAGS = AnswerFlags


def main(arguments: Sequence[str]) -> None:
    """Parse the flags, and only then load what it takes to carry them out."""
    flags = parse(
        AnswerFlags,
        arguments,
        command="caption",
        description="Describe a part of a picture by tiny, or by LLaVA-1.5, through an Alpha-CLIP's alpha channel.",
    )
    print_answers(flags, None)
