"""What training may see and what only tests see: concept pairs, background colours, textures, photographs, styles.

A scene of the test split cannot have been composed in training: its backgrounds are made of colours, textures and
photographs that training never uses, and every scene of two sprites or more holds a pair of concepts that training
never puts together.
"""

from typing import Literal

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

Split = Literal["train", "test"]

PAIR_MODULUS = 50
"""One pair of concepts in this many is held out."""

COLOUR_CELLS = 8
"""Steps per channel of the grid whose cells are dealt to the splits like a chess board's."""

TEXTURES: dict[Split, tuple[str, ...]] = {"train": ("stripes", "checks", "dots"), "test": ("rings", "waves")}
"""Families of background textures."""

PHOTOGRAPHS: dict[Split, tuple[str, ...]] = {
    "train": ("brick.png", "grass.png", "ihc.png", "hubble_deep_field.jpg"),
    "test": ("gravel.png", "retina.jpg"),
}
"""Photographs in scikit-image's wheel, without those that show people or a concept of ours."""


def held_out_pair(first: Int[Tensor, "*n"], second: Int[Tensor, "*n"]) -> Bool[Tensor, "*n"]:
    """Whether training never composes these two concepts into one scene (symmetric; indices into the concepts)."""
    # The factor changes nothing, since it has no divisor in common with the modulus; shipped weights learnt this split.
    return (first * 7919 + second * 7919) % PAIR_MODULUS == 0


def belongs(colour: Float[Tensor, "*n 3"], split: Split) -> Bool[Tensor, "*n"]:
    """Whether a background colour in [0, 1] lies in a grid cell of this split."""
    cells = (colour * COLOUR_CELLS).long().clamp(0, COLOUR_CELLS - 1)
    return cells.sum(-1) % 2 == _parity(split)


def draw_colours(count: int, split: Split, generator: torch.Generator) -> Float[Tensor, "count 3"]:
    """Uniform random colours out of the split's own cells."""
    cells = torch.randint(COLOUR_CELLS, (count, 3), generator=generator)
    # Moving the last channel by one cell changes the parity; 7 steps back to 6, so the parity still flips.
    wrong = cells.sum(-1) % 2 != _parity(split)
    last = cells[:, 2]
    moved = torch.where(last == COLOUR_CELLS - 1, last - 1, last + 1)
    cells[:, 2] = torch.where(wrong, moved, last)
    # Away from the cell's edges, so that rounding cannot carry a colour into a neighbour.
    return (cells + 0.05 + 0.9 * torch.rand(count, 3, generator=generator)) / COLOUR_CELLS


def _parity(split: Split) -> int:
    return {"train": 0, "test": 1}[split]
