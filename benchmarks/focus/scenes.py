"""Test scenes with one marked sprite: what else is in them, the sprite alone on its background, and larger copies."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

import torch
from jaxtyping import Float, Int
from torch import Tensor

from gencontrol.sprites.catalog import held_out_styles, training_styles
from gencontrol.sprites.compose import SceneConfig, compose, isolate
from gencontrol.sprites.store import SpriteStore
from gencontrol.streams import stream
from gencontrol.training.data.pairs import choose_slot

CHUNK = 50
"""Scenes that are composed at once; a measurement that is broken off goes on with the next chunk."""


@dataclass(frozen=True, kw_only=True)
class Kind:
    """A kind of test scene."""

    sprites: int
    """In each scene."""
    unseen: bool = False
    """Whether the sprites are of the style that training never sees."""

    @property
    def name(self) -> str:
        """As in training's logs: "3", or "3-unseen-style"."""
        return f"{self.sprites}-unseen-style" if self.unseen else f"{self.sprites}"

    def styles(self, store: SpriteStore) -> tuple[str, ...]:
        """The styles to draw in; empty where the store has none of them."""
        return tuple(s for s in (held_out_styles() if self.unseen else training_styles()) if s in store.styles)


KINDS = tuple(Kind(sprites=n, unseen=unseen) for unseen in (False, True) for n in range(1, 5))
"""One to four sprites, in the training styles and in the style never seen."""


@dataclass(frozen=True, kw_only=True)
class Marked:
    """Scenes with one marked sprite each; colours and alpha maps in [0, 1]."""

    rgb: Float[Tensor, "b 3 h w"]
    """The scenes."""
    alpha: Float[Tensor, "b h w"]
    """The marked sprite's visible part."""
    alone: Float[Tensor, "b 3 h w"]
    """The marked sprite alone on the scene's background, nothing in front of it."""
    concept: Int[Tensor, " b"]
    """What is marked."""
    others: Int[Tensor, "b k"]
    """What else is in the scene, padded with -1."""
    source: Callable[[], tuple[Float[Tensor, "b 3 H W"], Float[Tensor, "b H W"]]]
    """Composes the same scenes and masks at the source's resolution."""


def draw_marked(
    store: SpriteStore, styles: Sequence[str], *, sprites: int, size: int, source: int, count: int, seed: int
) -> Marked:
    """Compose test scenes; scenes and marks are those of `gencontrol.training.stages.recognition.recognition_set`.

    Args:
        store: The sprites.
        styles: Of the sprites.
        sprites: In each scene.
        size: Side of the scenes in pixels.
        source: Side of the larger copies.
        count: How many.
        seed: Of the stream.
    """
    counts = tuple(float(n == sprites) for n in range(1, 5))
    config = SceneConfig(size=size, counts=counts, styles=tuple(styles), split="test", blur=0.0)
    scenes = compose(store, config, batch=count, seed=seed)
    slot = choose_slot(scenes, stream(seed, 0, "marked"))
    rows = torch.arange(count)

    def enlarge() -> tuple[Tensor, Tensor]:
        # The same stream at any size. The mark is kept: chosen anew, rounding could move it.
        larger = compose(store, replace(config, size=source), batch=count, seed=seed)
        return larger.rgb, larger.alpha[rows, slot]

    return Marked(
        rgb=scenes.rgb,
        alpha=scenes.alpha[rows, slot],
        alone=isolate(store, scenes, slot).rgb,
        concept=scenes.concept[rows, slot],
        others=torch.where(torch.arange(scenes.concept.shape[1]) == slot[:, None], -1, scenes.concept),
        source=enlarge,
    )


def chunks(store: SpriteStore, kind: Kind, *, size: int, source: int, count: int, seed: int) -> Iterator[Marked]:
    """`count` scenes of a kind, a chunk at a time; a chunk depends on its number and size alone."""
    for index, first in enumerate(range(0, count, CHUNK)):
        yield draw_marked(
            store,
            kind.styles(store),
            sprites=kind.sprites,
            size=size,
            source=source,
            count=min(CHUNK, count - first),
            seed=seed * 10_000 + index,
        )
