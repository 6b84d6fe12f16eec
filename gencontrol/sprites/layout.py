"""Where the sprites of a scene go: which concepts, which styles, what size, place, turn and mirroring."""

import math
from dataclasses import dataclass, replace

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from gencontrol.errors import InputError
from gencontrol.sprites.deformation import Deformation, draw_deformation
from gencontrol.sprites.recolouring import jitter_matrices, recolour
from gencontrol.sprites.split import Split, held_out_pair
from gencontrol.sprites.store import SpriteStore

SIZE_RANGE = {
    1: (0.40, 0.95),
    2: (0.30, 0.62),
    3: (0.26, 0.50),
    4: (0.24, 0.44),
    5: (0.22, 0.39),
    6: (0.20, 0.35),
    7: (0.19, 0.32),
    8: (0.18, 0.30),
}
"""Range of a sprite's side as a fraction of the canvas, by number of sprites."""

_CANDIDATES = 12
"""Layouts drawn for each scene, of which the one that hides least is kept."""


@dataclass(frozen=True, kw_only=True)
class Layout:
    """A batch of arrangements; slots past a scene's count hold concept -1. Later slots lie in front."""

    concept: Int[Tensor, "b k"]
    style: Int[Tensor, "b k"]
    centre: Float[Tensor, "b k 2"]
    """(x, y) as fractions of the canvas."""
    side: Float[Tensor, "b k"]
    """Fraction of the canvas."""
    turn: Float[Tensor, "b k"]
    """Radians, anticlockwise as seen."""
    mirrored: Bool[Tensor, "b k"]
    colour: Float[Tensor, "b k 4 4"]
    """Change of each sprite's colours, as a matrix on premultiplied RGBA."""
    softness: Float[Tensor, " b"]
    """How much the finished scene is blurred, [0, 1]."""
    recoloured: Int[Tensor, "b k"] | None = None
    """What was done to each sprite's colours, an index into `RECOLOURINGS` or -1; None if nothing was to any."""
    deformation: Deformation | None = None
    """How each sprite's shape was changed; None if none was."""


@dataclass(frozen=True, kw_only=True)
class Variation:
    """How far sprites vary from their drawings."""

    turn: float
    """Largest rotation to either side, radians."""
    mirror: float
    """Share of sprites that are mirrored."""
    jitter: float
    """Strength of the colour change, [0, 1]."""
    blur: float
    """Share of scenes that are blurred, by a random amount."""
    recolour: float = 0.0
    """Share of sprites whose colours are changed altogether."""
    deform: float = 0.0
    """Strength of the change of shape, [0, 1]."""


def draw_layout(
    store: SpriteStore,
    counts: Int[Tensor, " b"],
    styles: list[int],
    *,
    variation: Variation,
    split: Split,
    generator: torch.Generator,
) -> Layout:
    """Draw the arrangement of each scene.

    Args:
        store: The sprites; a concept that lacks a style is not drawn in it.
        counts: Sprites per scene, 1 to 8.
        styles: Indices of the styles to draw from.
        variation: How far the sprites vary.
        split: Which concept pairs may meet.
        generator: The source of all randomness.
    """
    slots = int(counts.max())
    _check_possible(store.present, styles, slots, split)
    shape = (len(counts), slots)
    style = torch.tensor(styles)[torch.randint(len(styles), shape, generator=generator)]
    concept = _draw_concepts(store.present, style, counts, split, generator)
    centre, side = _draw_places(counts, slots, generator)
    blurred = torch.rand(len(counts), generator=generator) < variation.blur
    layout = Layout(
        concept=concept,
        style=style,
        centre=centre,
        side=side,
        turn=(2 * torch.rand(shape, generator=generator) - 1) * variation.turn,
        mirrored=torch.rand(shape, generator=generator) < variation.mirror,
        colour=jitter_matrices(shape, variation.jitter, generator),
        softness=torch.rand(len(counts), generator=generator) * blurred,
    )
    return _changed_further(layout, variation, generator)


def _changed_further(layout: Layout, variation: Variation, generator: torch.Generator) -> Layout:
    """Other colours and shapes where asked for; drawn last, so that scenes without them stay as they were."""
    shape = (layout.concept.shape[0], layout.concept.shape[1])
    if variation.recolour:
        colour, kind = recolour(layout.colour, variation.recolour, generator)
        layout = replace(layout, colour=colour, recoloured=kind)
    if variation.deform:
        layout = replace(layout, deformation=draw_deformation(shape, variation.deform, generator))
    return layout


def _check_possible(present: Tensor, styles: list[int], slots: int, split: Split) -> None:
    """Drawing again until a scene is allowed would never end where none is.

    Raises:
        InputError: Too few concepts for scenes of this many sprites.
    """
    drawable = present[:, styles].any(-1).nonzero()[:, 0]
    if len(drawable) < slots:
        raise InputError(f"Scenes of {slots} sprites need as many concepts; the styles have {len(drawable)}.")
    if split == "test" and slots > 1 and not _held_pairs(drawable).any():
        raise InputError(
            f"No two of these {len(drawable)} concepts are held out from training, so no test scene of several "
            "sprites can be made of them; use more concepts."
        )


def _held_pairs(concepts: Int[Tensor, " c"]) -> Bool[Tensor, "c c"]:
    first, second = torch.meshgrid(concepts, concepts, indexing="ij")
    return held_out_pair(first, second) & (first < second)


def take_slot(layout: Layout, slot: Int[Tensor, " b"]) -> Layout:
    """The same arrangements with only the chosen slot of each."""
    rows = torch.arange(len(slot))
    fields = ("concept", "style", "centre", "side", "turn", "mirrored", "colour", "recoloured")
    given = {name: getattr(layout, name) for name in fields if getattr(layout, name) is not None}
    taken = replace(layout, **{name: values[rows, slot][:, None] for name, values in given.items()})
    deformation = layout.deformation
    if deformation is None:
        return taken
    linear, bend = (values[rows, slot][:, None] for values in (deformation.linear, deformation.bend))
    return replace(taken, deformation=Deformation(linear=linear, bend=bend))


def _draw_concepts(
    present: Tensor, style: Tensor, counts: Tensor, split: Split, generator: torch.Generator
) -> Int[Tensor, "b k"]:
    """Distinct concepts per scene that the split allows, by drawing again where it does not."""
    concept = torch.full(style.shape, -1)
    pending = torch.arange(len(counts))
    used = torch.arange(style.shape[1]) < counts[:, None]
    while len(pending):
        drawn = torch.randint(len(present), (len(pending), style.shape[1]), generator=generator)
        concept[pending] = torch.where(used[pending], drawn, -1)
        allowed = _allowed(concept[pending], used[pending], style[pending], present, split)
        pending = pending[~allowed]
    return concept


def _allowed(concept: Tensor, used: Tensor, style: Tensor, present: Tensor, split: Split) -> Bool[Tensor, " b"]:
    drawable = (present[concept.clamp(min=0), style] | ~used).all(-1)
    upper = torch.ones(concept.shape[1], concept.shape[1], dtype=torch.bool).triu(1)
    both = used[:, :, None] & used[:, None, :] & upper
    first, second = concept[:, :, None].expand_as(both), concept[:, None, :].expand_as(both)
    distinct = ~((first == second) & both).any((1, 2))
    held = held_out_pair(first, second) & both
    if split == "train":
        return drawable & distinct & ~held.any((1, 2))
    return drawable & distinct & (held.any((1, 2)) | (used.sum(-1) < 2))


def _draw_places(counts: Tensor, slots: int, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    bounds = torch.tensor([SIZE_RANGE[int(c)] for c in counts])[:, None, None, :]
    shape = (len(counts), _CANDIDATES, slots)
    side = bounds[..., 0] + (bounds[..., 1] - bounds[..., 0]) * torch.rand(shape, generator=generator)
    # Up to an eighth of a sprite may leave the canvas.
    reach = 1 - 0.75 * side
    centre = 0.5 + (torch.rand(*shape, 2, generator=generator) - 0.5) * reach[..., None]
    used = (torch.arange(slots) < counts[:, None])[:, None, :]
    # Each scene tolerates some overlap, so that occlusion stays frequent; the first layout within it is taken.
    tolerance = 0.7 * torch.rand(len(counts), 1, generator=generator)
    best = (_hiding(centre, side, used) - tolerance).clamp(min=0).argmin(1)
    rows = torch.arange(len(counts))
    return centre[rows, best], side[rows, best]


def _hiding(centre: Tensor, side: Tensor, used: Tensor) -> Float[Tensor, "b t"]:
    """How much of the worst-hidden sprite lies behind those in front of it, taking sprites as squares."""
    gap = (centre[:, :, :, None] - centre[:, :, None, :]).abs()
    half = (side[..., :, None] + side[..., None, :]) / 2
    shared = torch.minimum(
        (half[..., None] - gap).clamp(min=0), torch.minimum(side[..., :, None], side[..., None, :])[..., None]
    )
    share = shared.prod(-1) / side[..., :, None].square()
    slots = side.shape[-1]
    in_front = torch.ones(slots, slots, dtype=torch.bool).triu(1) & used[..., :, None] & used[..., None, :]
    return (share * in_front).sum(-1).amax(-1)


def inverse_affine(layout: Layout, rows: Tensor, slots: Tensor) -> Float[Tensor, "n 2 3"]:
    """For the chosen (scene, slot) pairs: the map from canvas to sprite coordinates, both in [-1, 1]."""
    angle, scale = layout.turn[rows, slots], 1 / layout.side[rows, slots]
    centre = layout.centre[rows, slots] * 2 - 1
    cos, sin = angle.cos() * scale, angle.sin() * scale
    across = torch.stack([cos, -sin], -1)
    across = torch.where(layout.mirrored[rows, slots, None], -across, across)
    linear = torch.stack([across, torch.stack([sin, cos], -1)], 1)
    if layout.deformation is not None:
        linear = layout.deformation.linear[rows, slots] @ linear
    return torch.cat([linear, -(linear @ centre[:, :, None])], dim=2)


MAX_TURN = math.radians(25)
"""The default largest rotation: what is drawn upright stays recognisable."""
