"""What a picture shows and what of it is marked: all that captions and answers go by."""

from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from gencontrol.sprites.compose import Scenes, covers_of
from gencontrol.sprites.descriptions import COLOURS, colour_words
from gencontrol.sprites.store import SpriteStore

Look = Literal["alpha", "zoom", "whole", "crop", "blank"]
"""How the tower is shown it: the mark as alpha in the whole frame, or close up; the whole picture, no mark; the thing
cut out, or all else painted over, both with alpha 1 everywhere."""
LOOKS: tuple[Look, ...] = ("alpha", "zoom", "whole", "crop", "blank")
"""In the order of their numbers in a cache."""
_COVERS_SIDE = 64
_COVERED = 0.5


@dataclass(frozen=True, kw_only=True)
class Thing:
    """One thing of a picture."""

    name: str
    """Its first name."""
    place: tuple[float, float]
    """(x, y) of its middle as shares of the picture."""
    area: float
    """What is seen of it, as a share of the picture."""
    seen: float = 1.0
    """What is seen of it, as a share of itself."""
    colour: str = ""
    """The word for its mean colour; empty where it has no one colour to speak of."""
    recoloured: bool = False
    """Whether it has other colours than it was drawn in."""
    behind: int = -1
    """Which of the picture's things covers most of it; -1 where none does."""
    covered: float = 0.0
    """The share of itself that this thing covers."""


@dataclass(frozen=True, kw_only=True)
class Shown:
    """A picture as it is looked at."""

    things: tuple[Thing, ...]
    """From the back to the front."""
    marked: tuple[int, ...]
    """Which of them are marked: none, one or two."""
    look: Look = "alpha"
    """How it is looked at."""


@dataclass(frozen=True, kw_only=True)
class Facts:
    """The same of a batch, as tensors: what a cache holds of each view."""

    concept: Tensor
    """(b, k) into the store's concepts, -1 for none."""
    place: Tensor
    """(b, k, 2)."""
    area: Tensor
    """(b, k)."""
    seen: Tensor
    """(b, k)."""
    colour: Tensor
    """(b, k) into `COLOURS`, -1 for none."""
    recoloured: Tensor
    """(b, k), bool."""
    behind: Tensor
    """(b, k)."""
    covered: Tensor
    """(b, k)."""

    def things(self, row: int, names: tuple[str, ...]) -> tuple[Thing, ...]:
        """The things of one picture."""
        values = {name: getattr(self, name)[row].tolist() for name in vars(self)}
        return tuple(
            Thing(
                name=names[values["concept"][slot]],
                place=(values["place"][slot][0], values["place"][slot][1]),
                area=values["area"][slot],
                seen=values["seen"][slot],
                colour=COLOURS[values["colour"][slot]] if values["colour"][slot] >= 0 else "",
                recoloured=bool(values["recoloured"][slot]),
                behind=values["behind"][slot],
                covered=values["covered"][slot],
            )
            for slot in range(len(values["concept"]))
            if values["concept"][slot] >= 0
        )


def facts_of(store: SpriteStore, scenes: Scenes) -> Facts:
    """What is true of composed scenes."""
    covers = covers_of(store, scenes.layout, _COVERS_SIDE).cpu() > _COVERED
    behind, covered = _behind(covers)
    words = colour_words(store, scenes)
    recoloured = scenes.layout.recoloured
    return Facts(
        concept=scenes.concept,
        place=scenes.layout.centre,
        area=scenes.alpha.mean((-1, -2)).cpu(),
        seen=scenes.visible,
        colour=torch.tensor([[COLOURS.index(word) if word else -1 for word in row] for row in words]),
        recoloured=torch.zeros_like(scenes.concept, dtype=torch.bool) if recoloured is None else recoloured >= 0,
        behind=behind,
        covered=covered,
    )


def _behind(covers: Tensor) -> tuple[Tensor, Tensor]:
    """Which later slot covers most of each, and how much of it, from what each would cover alone, (b, k, h, w)."""
    flat = covers.flatten(2).float()
    shared = torch.einsum("bin,bjn->bij", flat, flat) / flat.sum(-1).clamp(min=1)[:, :, None]
    later = torch.ones(flat.shape[1], flat.shape[1]).triu(1)
    most, front = (shared * later).max(dim=-1)
    return torch.where(most > 0, front, -1), most
