"""What the denoiser learns from: a picture of one thing, and looks at the same thing seen elsewhere.

Picture and looks are different drawings of one thing: another place, size, turn and ground, and a share of them in
another style. So the denoiser learns what an embedding says about the thing itself, and draws another picture of it
instead of the one that it was shown.
"""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Literal

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from gencontrol.errors import ConfigError
from gencontrol.focus.registry import focus_strategy
from gencontrol.focus.strategy import FocusStrategy
from gencontrol.sprites.compose import SceneConfig, Scenes, compose, render
from gencontrol.sprites.finish import finished
from gencontrol.sprites.layout import Layout, take_slot
from gencontrol.sprites.matching import in_colours_of
from gencontrol.sprites.store import SpriteStore
from gencontrol.streams import stream
from gencontrol.training.data.alpha_maps import KINDS, vary_alpha

BATCH = 64
"""Pictures drawn and encoded at once; another number is another stream of pictures."""

LEAST_VISIBLE = 0.35
"""Share of a thing among others that is seen at least: what is hidden further is nothing to draw. As `benchmarks/`."""

Look = Callable[[Float[Tensor, "b 3 h w"], Float[Tensor, "b h w"]], Float[Tensor, "b d"]]
"""Pictures in [0, 1] and where their thing is to un-normalised embeddings."""


@dataclass(frozen=True, kw_only=True)
class CachedLook:
    """A way of looking that pictures are drawn from."""

    focus: dict[str, str | float] = field(default_factory=lambda: {"name": "alpha"})
    """The focus strategy: its `name`, and its settings."""
    tower: Literal["clip", "alpha_clip"] = "clip"
    """Whose: the plain CLIP's, which sees no alpha, or the Alpha-CLIP's."""
    alone: bool = False
    """Whether the thing is alone in its scene, or one of the scene's things, with its visible part marked."""
    views: int = 1
    """Embeddings of each picture's thing, each of a scene of its own."""
    alphas: tuple[float, ...] = (1.0,)
    """Relative frequency of each kind of mask that it is given (see `alpha_maps.KINDS`): exact ones alone, or boxes and
    what a shaky hand draws among them, as people point."""

    def __post_init__(self) -> None:
        strategy_of(self)
        if not 1 <= len(self.alphas) <= len(KINDS) or min(self.alphas) < 0 or sum(self.alphas) <= 0:
            raise ConfigError(
                f"alphas: expected weights that are not negative, at most one for each of {', '.join(KINDS)}, and one "
                f"above 0; got {list(self.alphas)}."
            )
        if self.views < 1:
            raise ConfigError(f"views: expected at least 1, got {self.views}.")


def strategy_of(look: CachedLook) -> FocusStrategy:
    """The look's focus strategy.

    Raises:
        ConfigError: None is named, or it is unknown, or takes no such settings.
    """
    if "name" not in look.focus:
        raise ConfigError(f"focus: expected a strategy's `name` and its settings, got {look.focus}.")
    settings = {key: value for key, value in look.focus.items() if key != "name"}
    return focus_strategy(str(look.focus["name"]), **settings)


@dataclass(frozen=True, kw_only=True)
class CacheConfig:
    """What is cached."""

    samples: int = 49152
    """Pictures in all."""
    shard: int = 1024
    """Pictures in a file, a multiple of 64; a broken-off preparation goes on with the next file."""
    picture: SceneConfig = field(
        default_factory=lambda: SceneConfig(size=128, counts=(1.0,), backgrounds=(0.6, 0.4, 0.0, 0.0, 0.0), blur=0.0)
    )
    """The pictures: plain and soft backgrounds, so that little is spent on those."""
    picture_side: tuple[float, float] = (0.6, 0.9)
    """Range of a sprite's side in its picture, as a fraction of the canvas."""
    picture_spread: float = 1.0
    """How far a sprite strays from its picture's middle: 0 centred, 1 anywhere wholly on the canvas."""
    paper: float = 0.0
    """Share of white in the pictures' backgrounds: the whiter, the less of the denoiser is spent on them."""
    condition: SceneConfig = field(default_factory=lambda: SceneConfig(size=64, counts=(1.0,)))
    """The scenes that the embeddings see."""
    condition_side: tuple[float, float] = (0.25, 0.95)
    """Range of a sprite's side where it is alone in the scene that the embedding sees."""
    same_style: float = 0.5
    """Share of conditions in the picture's own style and colours; the others are in any style of `condition`."""
    same_colours: float = 0.0
    """Share of those others that are in the picture's own colours all the same: turned in hue where it is, say. Then
    a denoiser that draws in one style still draws in the colours of what it is shown."""
    as_shown: bool = False
    """Whether all looks show a thing in one drawing, in a style that is drawn for each picture, and the picture has the
    colours of that drawing: then a denoiser that draws in one style draws in the colours that it is shown, whatever its
    own drawing's are. `same_colours` is as if 1."""
    looks: tuple[CachedLook, ...] = (CachedLook(alone=True, views=2),)
    """How the embeddings look."""
    seed: int = 0
    """Of the stream."""

    def __post_init__(self) -> None:
        for name in ("paper", "picture_spread", "same_style", "same_colours"):
            if not 0 <= getattr(self, name) <= 1:
                raise ConfigError(f"{name}: expected a share in [0, 1], got {getattr(self, name)}.")
        if self.shard < 1 or self.shard % BATCH or self.samples < 1 or self.samples % self.shard:
            raise ConfigError(
                f"samples, shard: expected a multiple of the shard, and a shard that is a multiple of {BATCH}; "
                f"got {self.samples} and {self.shard}."
            )
        if len(self.picture.counts) != 1:
            raise ConfigError(f"picture.counts: expected [1.0], pictures of one sprite, got {self.picture.counts}.")
        if not self.looks:
            raise ConfigError("looks: expected at least one way of looking.")


@dataclass(frozen=True, kw_only=True)
class Shown:
    """What a look is given."""

    rgb: Float[Tensor, "b 3 h w"]
    """Colours in [0, 1]."""
    alpha: Float[Tensor, "b h w"]
    """The visible part of the thing in [0, 1], or what points at it as roughly as the look's `alphas` say."""
    layout: Layout
    """The thing's own arrangement there, one slot."""


def draw_pictures(config: CacheConfig, store: SpriteStore, index: int, batch: int) -> tuple[Scenes, list[Shown]]:
    """Pictures of one sprite each, and scenes of the same sprites for each view of each look, in their order."""
    generator = stream(config.seed, index, "cache")
    picture = compose(store, config.picture, batch=batch, seed=config.seed, index=index)
    picture = replace(picture, background=picture.background.lerp(torch.ones_like(picture.background), config.paper))
    picture = _redrawn(
        store, picture, picture.layout, config.picture_side, spread=config.picture_spread, generator=generator
    )
    as_shown = None
    if config.as_shown:
        as_shown = _shown_drawing(store, picture.layout, config, generator)
        layout = replace(picture.layout, colour=in_colours_of(store, picture.layout, as_shown))
        picture = render(store, layout, picture.background)
    shown = []
    for k, look in enumerate(look for looks in config.looks for look in [looks] * looks.views):
        # A stream of its own for each, beside the pictures'.
        other = compose(store, config.condition, batch=batch, seed=config.seed + 1 + k, index=index)
        if as_shown is None:
            thing = _draw_thing(store, picture.layout, other.layout, config, generator)
        else:
            everywhere = torch.ones(batch, 1, dtype=torch.bool)
            thing = _Thing(layout=as_shown, kept=everywhere, coloured=everywhere)
        if look.alone:
            scene = _alone(store, thing, other, config.condition_side, generator=generator)
        else:
            scene = _among_others(store, thing, other, generator=generator)
        if config.condition.finish:
            scene = replace(scene, rgb=finished(scene.rgb, config.condition.finish, generator))
        if look.alphas[1:]:
            # Nothing is drawn for exact masks alone, so that a seed gives the looks that it always gave.
            scene = replace(scene, alpha=vary_alpha(scene.alpha, look.alphas, generator))
        shown.append(scene)
    return picture, shown


@dataclass(frozen=True, kw_only=True)
class _Thing:
    """What is shown again elsewhere."""

    layout: Layout
    """Its own, one slot."""
    kept: Bool[Tensor, "b 1"]
    """Whether in its own style, or in that of what is there."""
    coloured: Bool[Tensor, "b 1"]
    """The same of its colours."""


def _draw_thing(
    store: SpriteStore, own: Layout, other: Layout, config: CacheConfig, generator: torch.Generator
) -> _Thing:
    """What one look shows: the picture's thing, for some in the style or colours of what is there."""
    count = len(own.concept)
    kept = torch.rand(count, 1, generator=generator) < config.same_style
    # Not every set has a drawing of every thing.
    kept = kept | ~store.present[own.concept, other.style[:, :1]]
    coloured = kept
    if config.same_colours:
        # Nothing is drawn for 0, so that a seed gives the pictures that it always gave.
        coloured = kept | (torch.rand(count, 1, generator=generator) < config.same_colours)
    return _Thing(layout=own, kept=kept, coloured=coloured)


def _shown_drawing(store: SpriteStore, own: Layout, config: CacheConfig, generator: torch.Generator) -> Layout:
    """The things in the style that all looks show, for a share `same_style` their own."""
    count = len(own.concept)
    styles = torch.tensor(store.style_indices(config.condition.styles))
    style = styles[torch.randint(len(styles), (count, 1), generator=generator)]
    kept = torch.rand(count, 1, generator=generator) < config.same_style
    kept = kept | ~store.present[own.concept, style]
    return replace(own, style=torch.where(kept, own.style, style))


def _alone(
    store: SpriteStore, thing: _Thing, other: Scenes, side: tuple[float, float], *, generator: torch.Generator
) -> Shown:
    """The things alone on the other scenes' grounds, their sides and places drawn anew."""
    first = torch.zeros(len(thing.kept), dtype=torch.int64)
    single = replace(other, layout=take_slot(other.layout, first))
    shown = _restyled(thing, single.layout)
    scenes = _redrawn(store, single, shown, side, generator=generator)
    return Shown(rgb=scenes.rgb, alpha=scenes.alpha[:, 0], layout=scenes.layout)


def _among_others(store: SpriteStore, thing: _Thing, other: Scenes, *, generator: torch.Generator) -> Shown:
    """The other scenes with the things in the place of one of theirs, of which enough is seen."""
    rows = torch.arange(len(thing.kept))
    seen = (other.visible >= LEAST_VISIBLE).float()
    slot = torch.multinomial(seen, 1, generator=generator)[:, 0]
    scenes = render(store, _in_place_of(other.layout, slot, thing), other.background)
    hidden = scenes.visible[rows, slot] < LEAST_VISIBLE
    if hidden.any():
        # The thing is of another shape than what it replaces. Nothing lies in front of the last one.
        slot = torch.where(hidden, other.used.sum(-1) - 1, slot)
        scenes = render(store, _in_place_of(other.layout, slot, thing), other.background)
    return Shown(rgb=scenes.rgb, alpha=scenes.alpha[rows, slot], layout=take_slot(scenes.layout, slot))


def _in_place_of(layout: Layout, slot: Int[Tensor, " b"], thing: _Thing) -> Layout:
    """The layout with its slot's concept replaced, and with its style and colours where those are kept."""
    rows = torch.arange(len(slot))
    shown = _restyled(thing, take_slot(layout, slot))
    changed = {name: getattr(layout, name).clone() for name in ("concept", "style", "colour")}
    for name, values in changed.items():
        values[rows, slot] = getattr(shown, name)[:, 0]
    return replace(layout, **changed)


def _restyled(thing: _Thing, other: Layout) -> Layout:
    """The thing's layout in the other's style and colours where its own are not kept."""
    style = torch.where(thing.kept, thing.layout.style, other.style)
    colour = torch.where(thing.coloured[..., None, None], thing.layout.colour, other.colour)
    return replace(thing.layout, style=style, colour=colour)


def _redrawn(
    store: SpriteStore,
    scenes: Scenes,
    shown: Layout,
    side: tuple[float, float],
    *,
    spread: float = 1.0,
    generator: torch.Generator,
) -> Scenes:
    """The scenes with the sprites of another layout, their sides and places drawn anew, wholly on the canvas."""
    low, high = side
    sides = low + (high - low) * torch.rand(scenes.layout.side.shape, generator=generator)
    place = spread * (torch.rand(*sides.shape, 2, generator=generator) - 0.5)
    layout = replace(
        scenes.layout,
        concept=shown.concept,
        style=shown.style,
        colour=shown.colour,
        side=sides,
        centre=0.5 + place * (1 - sides)[..., None],
    )
    return render(store, layout, scenes.background)
