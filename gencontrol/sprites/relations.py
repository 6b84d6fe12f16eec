"""What a scene says in words: the names of its sprites, and how each lies to each other one."""

from dataclasses import dataclass

import torch
from jaxtyping import Bool
from torch import Tensor

from gencontrol.sprites.compose import Scenes, isolate
from gencontrol.sprites.store import SpriteStore

MARGIN = 0.1
"""Share of the canvas by which centres must differ before one thing counts as beside or above another: less is not
seen as such. CLEVR (Johnson et al., arXiv 1612.06890) leaves such a margin too."""


@dataclass(frozen=True, kw_only=True)
class Relations:
    """Spatial relations; entry (b, i, j) is whether sprite i of scene b lies so to sprite j. False for empty slots."""

    left_of: Bool[Tensor, "b k k"]
    """The centre of i is further left, by `MARGIN` of the canvas at least."""
    above: Bool[Tensor, "b k k"]
    """The centre of i is further up, by `MARGIN` of the canvas at least."""
    in_front_of: Bool[Tensor, "b k k"]
    """i hides some of j."""

    @property
    def right_of(self) -> Bool[Tensor, "b k k"]:
        """The converse of `left_of`."""
        return self.left_of.transpose(1, 2)

    @property
    def below(self) -> Bool[Tensor, "b k k"]:
        """The converse of `above`."""
        return self.above.transpose(1, 2)

    @property
    def behind(self) -> Bool[Tensor, "b k k"]:
        """The converse of `in_front_of`."""
        return self.in_front_of.transpose(1, 2)


def names_of(store: SpriteStore, scenes: Scenes) -> list[list[str]]:
    """The name of each sprite, scene by scene, from the back to the front."""
    return [[store.concepts[i].name for i in row if i >= 0] for row in scenes.concept.tolist()]


def relations_of(store: SpriteStore, scenes: Scenes) -> Relations:
    """How the sprites of each scene lie to each other."""
    used = scenes.used
    both = used[:, :, None] & used[:, None, :]
    # offset (b, i, j): from the centre of j to that of i, as a share of the canvas.
    offset = scenes.layout.centre[:, :, None] - scenes.layout.centre[:, None, :]
    covers = torch.stack([_cover(store, scenes, slot) for slot in range(used.shape[1])], dim=1) > 0.5
    meets = torch.einsum("bin,bjn->bij", covers.flatten(2).float(), covers.flatten(2).float()) > 0
    later = torch.ones(used.shape[1], used.shape[1], dtype=torch.bool).tril(-1)
    return Relations(
        left_of=both & (offset[..., 0] < -MARGIN),
        above=both & (offset[..., 1] < -MARGIN),
        in_front_of=both & meets & later,
    )


def _cover(store: SpriteStore, scenes: Scenes, slot: int) -> Tensor:
    """What a slot's sprites would cover with nothing in front of them, (b, h, w)."""
    return isolate(store, scenes, torch.full((len(scenes.rgb),), slot)).alpha[:, 0]
