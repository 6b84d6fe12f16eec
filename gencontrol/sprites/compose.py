"""Scenes: sprites on backgrounds, with exact alpha maps, names, boxes and layer order. Seeded and vectorised.

Everything random is drawn on the CPU, and planes are made where the store's pictures lie: on any device a seed gives
the same scenes, to rounding.
"""

from dataclasses import dataclass, replace

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor
from torch.nn import functional

from gencontrol.errors import ConfigError
from gencontrol.numbers import check_number
from gencontrol.sprites.backgrounds import BACKGROUND_KINDS, draw_backgrounds
from gencontrol.sprites.catalog import training_styles
from gencontrol.sprites.deformation import bent
from gencontrol.sprites.finish import finished
from gencontrol.sprites.framing import draw_windows, seen_through, share_within, without_cut_off
from gencontrol.sprites.layout import MAX_TURN, Layout, Variation, draw_layout, inverse_affine, take_slot
from gencontrol.sprites.split import Split
from gencontrol.sprites.store import SpriteStore
from gencontrol.streams import stream

_LEAST_WITHIN = 0.15
"""Share of a sprite's square within a window from which the sprite counts as shown."""

SMALLEST, LARGEST = 8, 2048
"""Sides of a scene in pixels; of one that is larger, a batch's planes take tens of gigabytes."""


@dataclass(frozen=True, kw_only=True)
class SceneConfig:
    """How scenes are drawn."""

    size: int = 64
    """Side of the square scene in pixels."""
    counts: tuple[float, ...] = (1.0, 1.0, 1.0, 1.0)
    """Relative frequency of scenes with 1, 2, 3, ... sprites, up to 8."""
    backgrounds: tuple[float, ...] = (1.0, 1.0, 1.0, 1.0, 1.0)
    """Relative frequency of plain, gradient, noise, texture and photograph backgrounds."""
    styles: tuple[str, ...] = training_styles()
    """The drawing styles to use; one that is named several times is drawn as many times as often."""
    split: Split = "train"
    """Which backgrounds and concept pairs to use."""
    turn: float = MAX_TURN
    """Largest rotation of a sprite to either side, radians."""
    mirror: float = 0.5
    """Share of sprites that are mirrored."""
    jitter: float = 0.15
    """Strength of the colour change of each sprite: brightness, saturation and tint by up to this share."""
    blur: float = 0.3
    """Share of scenes that are blurred, by a random amount."""
    recolour: float = 0.0
    """Share of sprites whose colours are changed altogether: another hue, two colours, grey, a silhouette, inverted."""
    deform: float = 0.0
    """Strength of the change of each sprite's shape, [0, 1]: proportions, slant, bending."""
    close: float = 0.0
    """Share of scenes that are seen through a window around one of their sprites, of random closeness."""
    finish: float = 0.0
    """Share of scenes that are finished as a picture: grey, few levels, other contrast, shaded, sharpened, grainy."""

    def __post_init__(self) -> None:
        if not 1 <= len(self.counts) <= 8 or min(self.counts) < 0 or sum(self.counts) <= 0:
            raise ConfigError(f"counts: expected 1 to 8 frequencies, not all zero, got {self.counts}.")
        for name in ("recolour", "deform", "close", "finish"):
            if not 0 <= getattr(self, name) <= 1:
                raise ConfigError(f"{name}: expected a share from 0 to 1, got {getattr(self, name)}.")
        if len(self.backgrounds) != len(BACKGROUND_KINDS) or min(self.backgrounds) < 0 or sum(self.backgrounds) <= 0:
            raise ConfigError(f"backgrounds: expected {len(BACKGROUND_KINDS)} frequencies, got {self.backgrounds}.")
        check_number(self.size, name="size", at_least=SMALLEST, at_most=LARGEST, unit="pixels")


@dataclass(frozen=True, kw_only=True)
class Scenes:
    """A batch of scenes; slots past a scene's count hold concept -1 and an empty alpha map.

    Planes (`rgb`, `alpha`, `background`) lie on the store's device, all else on the CPU.
    """

    rgb: Float[Tensor, "b 3 h w"]
    """Colours in [0, 1]."""
    alpha: Float[Tensor, "b k h w"]
    """The visible part of each sprite in [0, 1], with soft edges."""
    concept: Int[Tensor, "b k"]
    """Index into the store's concepts, -1 for none. Later slots lie in front of earlier ones."""
    style: Int[Tensor, "b k"]
    """Index into the store's styles."""
    visible: Float[Tensor, "b k"]
    """Visible share of the part of each sprite that lies on the canvas, 0 for none; through a window, of the sprite."""
    layout: Layout
    """The arrangement that the scenes were drawn from."""
    background: Float[Tensor, "b 3 h w"]
    """The backgrounds alone, not blurred."""

    @property
    def used(self) -> Bool[Tensor, "b k"]:
        """Which slots hold a sprite."""
        return self.concept >= 0

    @property
    def boxes(self) -> Float[Tensor, "b k 4"]:
        """Boxes (x0, y0, x1, y1) of the visible parts in pixels, x1 and y1 exclusive; zeros where nothing is seen."""
        return boxes_of(self.alpha).cpu()


def compose(store: SpriteStore, config: SceneConfig, *, batch: int, seed: int, index: int = 0) -> Scenes:
    """Compose a batch of scenes.

    The result depends on the arguments alone: batch `index` of a `seed` can be drawn at any time, in any order. The
    splits' streams differ even for equal seeds.

    Args:
        store: The sprites.
        config: How to draw.
        batch: Number of scenes.
        seed: The stream.
        index: Which batch of the stream.
    """
    generator = stream(seed, index, config.split)
    counts = 1 + _drawn(config.counts, batch, generator)
    fields = ("turn", "mirror", "jitter", "blur", "recolour", "deform")
    layout = draw_layout(
        store,
        counts,
        store.style_indices(config.styles),
        variation=Variation(**{name: getattr(config, name) for name in fields}),
        split=config.split,
        generator=generator,
    )
    kinds = _drawn(config.backgrounds, batch, generator)
    background = draw_backgrounds(kinds, config.size, config.split, generator, device=store.device)
    scenes = _close_up(store, layout, background, config.close, generator) if config.close else None
    scenes = scenes or render(store, layout, background)
    return replace(scenes, rgb=finished(scenes.rgb, config.finish, generator)) if config.finish else scenes


def _drawn(frequencies: tuple[int | float, ...], count: int, generator: torch.Generator) -> Int[Tensor, " b"]:
    """Numbers from 0, each as often as its relative frequency says, which may be a whole number."""
    shares = torch.tensor(frequencies, dtype=torch.float32)
    return torch.multinomial(shares, count, replacement=True, generator=generator)


def _close_up(
    store: SpriteStore, layout: Layout, background: Tensor, share: float, generator: torch.Generator
) -> Scenes:
    """Scenes of which a share is seen through windows; what is mostly outside is drawn and has no name."""
    seen = seen_through(layout, *draw_windows(layout, share, generator))
    scenes = render(store, seen, background)
    concept = without_cut_off(seen, scenes.concept, least=_LEAST_WITHIN)
    named = (concept >= 0)[..., None, None].to(scenes.alpha.device)
    return replace(
        scenes,
        concept=concept,
        alpha=scenes.alpha * named,
        visible=scenes.visible * share_within(seen) * (concept >= 0),
    )


def render(store: SpriteStore, layout: Layout, background: Float[Tensor, "b 3 h w"]) -> Scenes:
    """Draw the sprites of a layout on square backgrounds, back to front, and keep what is seen of each.

    Args:
        store: The sprites; `background` lies on its device.
        layout: The arrangement, on the CPU.
        background: Colours in [0, 1].
    """
    layers = _draw_layers(store, layout, background.shape[-1])
    colour, cover = layers[:, :, :3], layers[:, :, 3]
    rgb, alpha = background.clone(), torch.empty_like(cover)
    for k in range(cover.shape[1]):
        alpha[:, k] = cover[:, k]
        alpha[:, :k] *= 1 - cover[:, k, None]
        rgb = rgb * (1 - cover[:, k, None]) + colour[:, k]
    visible = alpha.sum((-1, -2)) / cover.sum((-1, -2)).clamp(min=1e-6)
    return Scenes(
        rgb=_soften(rgb, layout.softness).clamp(0, 1),
        alpha=alpha,
        concept=layout.concept,
        style=layout.style,
        visible=visible.clamp(0, 1).cpu(),
        layout=layout,
        background=background,
    )


def isolate(store: SpriteStore, scenes: Scenes, slot: Int[Tensor, " b"]) -> Scenes:
    """The same scenes with one sprite each: the chosen slot alone on its background, nothing in front of it."""
    return render(store, take_slot(scenes.layout, slot), scenes.background)


def covers_of(store: SpriteStore, layout: Layout, size: int) -> Float[Tensor, "b k size size"]:
    """What each sprite of a layout would cover with nothing in front of it, [0, 1]."""
    return _draw_layers(store, layout, size)[:, :, 3]


def boxes_of(alpha: Float[Tensor, "*n h w"], *, threshold: float = 0.5) -> Float[Tensor, "*n 4"]:
    """The boxes (x0, y0, x1, y1) around alpha above the threshold, in pixels; zeros where there is none."""
    above = alpha > threshold
    columns, rows = above.any(-2), above.any(-1)
    x0, y0 = columns.float().argmax(-1), rows.float().argmax(-1)
    x1 = columns.shape[-1] - columns.flip(-1).float().argmax(-1)
    y1 = rows.shape[-1] - rows.flip(-1).float().argmax(-1)
    return torch.stack([x0, y0, x1, y1], -1).float() * above.any(-1).any(-1)[..., None]


def _draw_layers(store: SpriteStore, layout: Layout, size: int) -> Float[Tensor, "b k 4 size size"]:
    """Each sprite alone on the canvas, premultiplied."""
    batch, slots = layout.concept.shape
    layers = torch.zeros(batch, slots, 4, size, size, device=store.device)
    rows, columns = (layout.concept >= 0).nonzero(as_tuple=True)
    level = _level_for(store, layout.side[rows, columns] * size)
    for index in range(len(store.levels)):
        some = (level == index).nonzero()[:, 0]
        if len(some):
            r, c = rows[some], columns[some]
            texture = store.levels[index][layout.concept[r, c], layout.style[r, c]]
            bend = None if layout.deformation is None else layout.deformation.bend[r, c].to(store.device)
            theta, colour = inverse_affine(layout, r, c).to(store.device), layout.colour[r, c].to(store.device)
            layers[r, c] = _sample(texture, theta, size, colour, bend)
    return layers


def _level_for(store: SpriteStore, pixels: Float[Tensor, " n"]) -> Int[Tensor, " n"]:
    """The smallest copy that is not magnified (by more than a tenth)."""
    sides = torch.tensor([level.shape[2] for level in store.levels])
    return ((sides[None, :] * 1.1 >= pixels[:, None]).sum(1) - 1).clamp(min=0)


def _sample(
    texture: Tensor, theta: Tensor, size: int, colour: Tensor, bend: Tensor | None
) -> Float[Tensor, "n 4 size size"]:
    planes = texture.permute(0, 3, 1, 2).float().div_(255)
    # Colours are premultiplied, so a colour change of the form M c + t becomes M c + t a.
    planes = (colour @ planes.flatten(2)).view(planes.shape)
    planes[:, :3] = torch.minimum(planes[:, :3].clamp(min=0), planes[:, 3:])
    grid = functional.affine_grid(theta, [len(theta), 4, size, size], align_corners=False)
    if bend is not None:
        grid = bent(grid, bend)
    return functional.grid_sample(planes, grid, mode="bilinear", padding_mode="zeros", align_corners=False)


def _soften(rgb: Tensor, softness: Float[Tensor, " b"]) -> Tensor:
    """Blend each scene with a three-pixel average of itself: less than a Gaussian, and what the models have seen."""
    chosen = softness.nonzero()[:, 0]
    if not len(chosen):
        return rgb
    some = functional.pad(rgb[chosen], (1, 1, 1, 1), mode="replicate")
    softened = functional.avg_pool2d(some, 3, stride=1)
    out = rgb.clone()
    out[chosen] = rgb[chosen].lerp(softened, softness[chosen, None, None, None].to(rgb.device))
    return out
