"""What a prompt is told apart from: other names, which a picture of the prompt should not look like."""

from collections.abc import Sequence
from pathlib import Path

import torch
from jaxtyping import Float
from torch import Tensor

from gencontrol.errors import InputError
from gencontrol.guidance.score import Encoder, text_targets
from gencontrol.text_files import read_text

SPRITES = "sprites"
"""Stands for the names of the sprite world: some hundred everyday things, which any CLIP knows."""


def read_names(source: str) -> tuple[tuple[str, ...], ...]:
    """Names, each with its synonyms: of the sprite world, of a text file with one name a line, or (empty) none.

    Raises:
        InputError: The file cannot be read.
    """
    if not source:
        return ()
    if source == SPRITES:
        from gencontrol.sprites.catalog import load_concepts

        return tuple(concept.names for concept in load_concepts())
    try:
        lines = read_text(Path(source), what="a list of names").splitlines()
    except InputError as error:
        raise InputError(
            f"Cannot read the names to tell the prompt apart from: {error} Give a text file with one name a line, "
            f"{SPRITES!r}, or '' for none."
        ) from error
    return tuple((line.strip(),) for line in lines if line.strip())


def others_of(prompt: str, names: Sequence[Sequence[str]]) -> list[str]:
    """The first name of each entry that shares no word with the prompt: a red apple is no wrong answer to an apple."""
    words = _words(prompt)
    return [entry[0] for entry in names if not any(words & _words(name) for name in entry)]


@torch.no_grad()
def encode_known(encoder: Encoder, texts: Sequence[str]) -> Float[Tensor, "k d"]:
    """Unit embeddings of those texts that the encoder's tokenizer can take, none to all of them."""
    try:
        return text_targets(encoder, texts) if texts else torch.zeros(0, 1)
    except InputError:
        pass
    known = []
    for text in texts:
        try:
            known.append(text_targets(encoder, text))
        except InputError:
            continue
    return torch.cat(known) if known else torch.zeros(0, 1)


def _words(text: str) -> set[str]:
    return set("".join(c if c.isalnum() else " " for c in text.lower()).split())
