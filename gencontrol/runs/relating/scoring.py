"""Texts that say how things stand to each other, among texts that are scored."""

from collections.abc import Sequence
from typing import Any

from gencontrol.alpha_clip.model import AlphaCLIP
from gencontrol.configuration import shown
from gencontrol.errors import InputError
from gencontrol.focus import FocusStrategy
from gencontrol.regions.scene import Scene
from gencontrol.relations.grammar import is_relational
from gencontrol.relations.phrases import answerable, find_phrase
from gencontrol.runs.notices import warn
from gencontrol.runs.relating.telling import answer_told

_HARDLY = "in which text towers hardly read relations"


def phrases_among(texts: Sequence[str]) -> tuple[str, ...]:
    """The texts whose relations are read and answered; of one that has a relation and is not, it is said why."""
    found = []
    for text in filter(is_relational, texts):
        try:
            answerable(text)
            found.append(text)
        except InputError as error:
            warn(f"{error} So this text is scored as a whole, {_HARDLY}.")
    return tuple(found)


def warn_of_whole(texts: Sequence[str], why: str) -> None:
    """Say of texts with a relation that they are scored as a whole.

    Args:
        texts: All.
        why: A sentence: what keeps relations from being read.
    """
    for text in filter(is_relational, texts):
        warn(f"{shown(text)} says how things stand to each other. {why} So it is scored as a whole, {_HARDLY}.")


def score_phrases(
    encoder: AlphaCLIP, scene: Scene, texts: Sequence[str], *, focus: FocusStrategy | None, truncate: bool = False
) -> list[dict[str, Any]]:
    """Which regions each phrase means, as `answer_told` tells it.

    Raises:
        InputError: See `find_phrase`.
    """
    found = (find_phrase(encoder, scene, text, focus=focus, truncate=truncate) for text in texts)
    return [answer_told(text, answer) for text, answer in zip(texts, found, strict=True)]
