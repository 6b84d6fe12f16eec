"""Questions as a LLaVA reads them: token ids, with as many image tokens as the tower has patches."""

from collections.abc import Sequence
from typing import Any

import torch
from jaxtyping import Int
from torch import Tensor
from transformers import PreTrainedTokenizerBase

from gencontrol.alpha_clip.text import check_words
from gencontrol.errors import InputError
from gencontrol.tasks.llava.model import RegionLlava
from gencontrol.tasks.llava.tower import image_tokens

IMAGE = "<image>"
"""What stands for a picture in a text."""


def check_question(llava: RegionLlava, question: str) -> None:
    """Refuse what cannot be asked.

    Raises:
        InputError: Nothing, a place for another picture, regions by number, or words that a word-level tokenizer does
            not know.
    """
    if not question.strip():
        raise InputError("The question is empty: ask something, such as 'What is it made of?'.")
    if IMAGE in question:
        raise InputError(f"The question holds {IMAGE}, which stands for the picture: leave it out, it is put in.")
    if "<region" in question.lower():
        raise InputError(
            "The question names regions by number, and LLaVA-1.5 sees one alpha map at a time: ask about one region."
        )
    check_words(llava.tokenizer, question)


def prompt_ids(llava: RegionLlava, question: str, *, room: int = 0) -> list[int]:
    """The tokens of one question.

    Args:
        llava: Whose tokenizer reads it.
        question: See `check_question`.
        room: Tokens that the answer may take.

    Raises:
        InputError: See `check_question`; or more tokens than the model reads.
    """
    check_question(llava, question)
    count = image_tokens(llava.model.config)
    text = llava.prompt.replace(IMAGE, IMAGE * count).replace("{}", question.strip())
    ids = list(llava.tokenizer(text)["input_ids"])  # pyright: ignore[reportArgumentType]
    end = llava.tokenizer.eos_token_id
    if ids[-1] == end:
        # A tokenizer that frames texts ends them, and what is ended is not answered.
        ids = ids[:-1]
    text_config: Any = llava.model.config.text_config
    most = text_config.max_position_embeddings
    if len(ids) + room > most:
        raise InputError(
            f"The question is {len(ids)} tokens long, {count} of them the picture's, and its answer may take {room}: "
            f"the model reads {most}. Shorten it, or give a smaller `max_tokens`."
        )
    return ids


def padded(ids: Sequence[Sequence[int]], *, pad: int) -> tuple[Int[Tensor, "b n"], Int[Tensor, "b n"]]:
    """Token ids padded at the left, where no answer goes on, and the mask that says which count.

    Args:
        ids: Of at least one question.
        pad: The id that is put before a shorter one.
    """
    longest = max(map(len, ids))
    rows = [[pad] * (longest - len(row)) + list(row) for row in ids]
    masks = [[0] * (longest - len(row)) + [1] * len(row) for row in ids]
    return torch.tensor(rows), torch.tensor(masks)


def pad_id(tokenizer: PreTrainedTokenizerBase) -> int:
    """The id that pads: the tokenizer's, or its end; its mask leaves it out in any case."""
    chosen = tokenizer.pad_token_id if tokenizer.pad_token_id is not None else tokenizer.eos_token_id
    return chosen if isinstance(chosen, int) else 0
