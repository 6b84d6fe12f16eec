"""From questions about a view to what is learned in one pass: many questions behind one picture, none seeing another.

The picture's tokens are most of a question's: asked behind the same ones, further questions cost little.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import torch
from jaxtyping import Bool, Int
from torch import Tensor
from transformers import PreTrainedTokenizerBase

from gencontrol.training.language.questions import Asked
from gencontrol.training.language.words import PROMPT, START

UNASKED = -100
"""Target of a token behind which nothing is asked for, as transformers has it."""


@dataclass(frozen=True, kw_only=True)
class Lessons:
    """Questions with their answers behind pictures, a row each, padded; the first token begins the row."""

    ids: Int[Tensor, "b t"]
    group: Int[Tensor, "b t"]
    """Which question a token belongs to, from 1; 0 for the first, -1 for padding."""
    place: Int[Tensor, "b t"]
    """Position within the row, as if the token's question were the only one, the picture's tokens not counted."""
    target: Int[Tensor, "b t"]
    """The next token where it is the answer's, `UNASKED` elsewhere."""


def lessons_of(tokenizer: PreTrainedTokenizerBase, asked: Sequence[Sequence[Asked]]) -> Lessons:
    """Tokens of several questions a row.

    Args:
        tokenizer: See `words`.
        asked: The questions of each row.
    """
    put = PROMPT.removeprefix("<image>")
    texts = [put.format(one.question) for row in asked for one in row]
    texts += [one.answer for row in asked for one in row]
    encoded = tokenizer(texts, add_special_tokens=False)["input_ids"]
    half = len(texts) // 2
    found = iter(zip(encoded[:half], encoded[half:], strict=True))  # pyright: ignore[reportArgumentType, reportIndexIssue]
    end = tokenizer.eos_token_id
    rows = [_row([next(found) for _ in row], end=end) for row in asked]  # pyright: ignore[reportArgumentType]
    longest = max(len(row) for row in rows)
    padding = (tokenizer.pad_token_id, -1, 0, UNASKED)
    values = torch.tensor([row + [padding] * (longest - len(row)) for row in rows])
    ids, group, place, target = values.unbind(-1)
    return Lessons(ids=ids, group=group, place=place, target=target)


def _row(pairs: Sequence[tuple[list[int], list[int]]], *, end: int) -> list[tuple[int, int, int, int]]:
    row = [(START, 0, 0, UNASKED)]
    for number, (question, answer) in enumerate(pairs, start=1):
        tokens = [*question, *answer, end]
        first = len(question) - 1
        for index, (token, following) in enumerate(pairwise(tokens)):
            row.append((token, number, 1 + index, following if index >= first else UNASKED))
    return row


def seen_by(group: Int[Tensor, "b t"], pictures: int) -> Bool[Tensor, "b 1 m m"]:
    """Which places each sees: what is before it, of the picture and of its own question.

    Args:
        group: Of `Lessons`.
        pictures: Tokens of the picture, which stand behind the first token.
    """
    before = group.new_zeros(len(group), pictures)
    groups = torch.cat([group[:, :1], before, group[:, 1:]], dim=1)
    length = groups.shape[1]
    earlier = torch.ones(length, length, dtype=torch.bool, device=group.device).tril()
    own = (groups[:, None, :] == 0) | (groups[:, None, :] == groups[:, :, None])
    return (own & earlier)[:, None]


def places_of(place: Int[Tensor, "b t"], pictures: int) -> Int[Tensor, "b m"]:
    """Positions with the picture's tokens among them."""
    picture = torch.arange(1, pictures + 1, device=place.device).expand(len(place), pictures)
    return torch.cat([place[:, :1], picture, place[:, 1:] + pictures], dim=1)
