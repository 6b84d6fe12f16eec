"""Is a variation of *this one*: of the colours and style of what was pointed at, and yet no stored drawing?

    python -m benchmarks.likeness --sprites runs/sprites/sprites.npz
    python -m benchmarks.likeness --model runs/assembled --focus alpha zoom+crop --pictures 400

Test scenes of three sprites whose hue is turned, one of them marked and varied. *Hue*: of the references with one clear
hue, how many variations have theirs within 30 degrees of it. *Style*: how many are nearer to the reference's style than
to any other of the training styles, by the plain CLIP's embedding less the mean over the styles of that thing (chance
is one in as many); on scenes with their own colours. *Copies*: how many are all but one of the drawings that the
denoiser was trained on, by the root mean square of what is left when both are cut to their boxes; beside it the same
for the reference itself, turned and bent as it stands in its scene, which is no copy and shows what is little.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from pathlib import Path

import torch
import tyro
from jaxtyping import Bool, Float, Int
from torch import Tensor
from torch.nn import functional

from benchmarks.focus.report import markdown
from benchmarks.focus.rows import Encoders, open_encoders, whole
from benchmarks.focus.scenes import CHUNK
from benchmarks.focus.variation import SIZE, Draw, open_draw
from benchmarks.settings import Drawing, OnSprites, OnThreads, Written
from gencontrol.focus.strategy import FocusStrategy
from gencontrol.models.registry import resolve
from gencontrol.runs.notation import parse_focus
from gencontrol.runs.notices import quiet_loading
from gencontrol.sprites.catalog import training_styles
from gencontrol.sprites.compose import SceneConfig, boxes_of, compose, isolate, render
from gencontrol.sprites.layout import Layout
from gencontrol.sprites.recolouring import RECOLOURINGS
from gencontrol.sprites.store import SpriteStore, open_store
from gencontrol.streams import stream
from gencontrol.training.data.pairs import choose_slot

WITHIN = math.radians(30)
"""How far a hue may be off."""
CLEAR = 0.5
"""Share of a thing's colourfulness that has to agree in direction for it to have a hue of its own."""
GROUND = 0.12
"""Difference from the border's median colour from which a pixel is of the thing and not of the ground."""
COPY = 0.10
"""Root mean square difference of colours in [0, 1] below which a picture is called a copy of a drawing."""
CUT = 48
"""Side in pixels at which things are compared with drawings."""


@dataclass(frozen=True, kw_only=True)
class Settings(OnSprites, OnThreads, Drawing, Written):
    """What to measure."""

    model: str = "tiny"
    """A preset or a folder in the layout of `tiny`."""
    focus: tuple[str, ...] = ("alpha", "zoom:margin=0.1+zoom:margin=0.7")
    """Ways of looking, as the setting `focus` names them; on the scenes at twice the size of what is drawn."""
    pictures: int = 200
    """Scenes of each kind, recoloured and not."""
    seed: int = 1
    """Of scenes and noise."""


@dataclass(frozen=True, kw_only=True)
class References:
    """Scenes with a marked sprite each."""

    rgb: Float[Tensor, "b 3 h w"]
    """The scenes in [0, 1]."""
    alpha: Float[Tensor, "b h w"]
    """The marked sprites' visible parts."""
    alone: Float[Tensor, "b 3 h w"]
    """The marked sprite as it stands in its scene, alone on white."""
    cover: Float[Tensor, "b h w"]
    """Its whole shape there."""
    concept: Int[Tensor, " b"]
    """What it is."""
    style: Int[Tensor, " b"]
    """Its style, an index into the store's."""


@dataclass(frozen=True, kw_only=True)
class Likeness:
    """One way of looking; shares, None where there was nothing to measure."""

    focus: str
    """How it looks."""
    hue: float | None
    """Variations within 30 degrees of their reference's hue."""
    hues: int
    """References with a clear hue."""
    style: float
    """Variations in their reference's style."""
    copies: float
    """Variations that are a stored drawing."""
    nearest: float
    """Mean difference to the nearest drawing."""
    reference: float
    """The same of the references themselves."""
    pictures: int
    """Of each kind."""


def hue_of(rgb: Float[Tensor, "b 3 h w"], cover: Float[Tensor, "b h w"]) -> tuple[Tensor, Bool[Tensor, " b"]]:
    """The prevailing hue of what is covered, in radians, and whether there is one.

    The mean over pixels of colours as arrows in the plane across the axis of greys, the more colourful the longer.

    Returns:
        Angles (b,), 0 for red and a third of the circle for green; False where there is little colour, or many.
    """
    red, green, blue = rgb.unbind(1)
    across, up = red - (green + blue) / 2, math.sqrt(3) / 2 * (green - blue)
    length = torch.hypot(across, up)
    total = (length * cover).sum((-1, -2))
    x, y = ((part * cover).sum((-1, -2)) for part in (across, up))
    colourful = total / cover.sum((-1, -2)).clamp(min=1e-6) > GROUND
    return torch.atan2(y, x), colourful & (torch.hypot(x, y) > CLEAR * total)


def angle_between(first: Float[Tensor, " b"], second: Float[Tensor, " b"]) -> Float[Tensor, " b"]:
    """How far two angles are apart, 0 to pi."""
    return torch.atan2((first - second).sin(), (first - second).cos()).abs()


def thing_on_ground(rgb: Float[Tensor, "b 3 h w"]) -> Float[Tensor, "b h w"]:
    """Where a picture differs from its ground, the median colour of its border: 1 or 0."""
    border = torch.cat([rgb[..., 0, :], rgb[..., -1, :], rgb[..., :, 0], rgb[..., :, -1]], dim=-1)
    ground = border.median(dim=-1).values[..., None, None]
    return ((rgb - ground).abs().amax(1) > GROUND).float()


def cut_out(rgb: Float[Tensor, "b 3 h w"], cover: Float[Tensor, "b h w"]) -> Float[Tensor, "b 3 s s"]:
    """Things on white, each stretched from its box to a square; white where nothing is covered."""
    on_white = rgb * cover[:, None] + 1 - cover[:, None]
    cuts = []
    for picture, (x0, y0, x1, y1) in zip(on_white, boxes_of(cover).long().tolist(), strict=True):
        part = picture[:, y0:y1, x0:x1] if x1 > x0 else picture
        cuts.append(functional.interpolate(part[None], (CUT, CUT), mode="bilinear", antialias=True)[0])
    return torch.stack(cuts)


def drawings(
    store: SpriteStore, concept: Int[Tensor, " b"], styles: Sequence[int], size: int
) -> tuple[Float[Tensor, "b s 3 h w"], Float[Tensor, "b s h w"]]:
    """Every style's own drawing of things, upright, in the middle, on white; and what it covers."""
    count, columns = len(concept), len(styles)
    shape = (count * columns, 1)
    layout = Layout(
        concept=concept.repeat_interleave(columns)[:, None],
        style=torch.tensor(list(styles)).repeat(count)[:, None],
        centre=torch.full((*shape, 2), 0.5),
        side=torch.full(shape, 0.86),
        turn=torch.zeros(shape),
        mirrored=torch.zeros(shape, dtype=torch.bool),
        colour=torch.eye(4).expand(*shape, 4, 4),
        softness=torch.zeros(shape[0]),
    )
    scenes = render(store, layout, torch.ones(shape[0], 3, size, size))
    return scenes.rgb.unflatten(0, (count, columns)), scenes.alpha[:, 0].unflatten(0, (count, columns))


def nearest_drawing(
    cuts: Float[Tensor, "b 3 s s"], drawn: Float[Tensor, "b k 3 h w"], cover: Float[Tensor, "b k h w"]
) -> Float[Tensor, " b"]:
    """Root mean square difference to the nearest of the drawings, as they are or mirrored."""
    stored = cut_out(drawn.flatten(0, 1), cover.flatten(0, 1)).unflatten(0, drawn.shape[:2])
    both = torch.cat([stored, stored.flip(-1)], dim=1)
    return (both - cuts[:, None]).square().mean((-1, -2, -3)).sqrt().amin(1)


def nearest_style(
    embeds: Float[Tensor, "b d"], of_styles: Float[Tensor, "b s d"], present: Bool[Tensor, "b s"]
) -> Int[Tensor, " b"]:
    """Which of a thing's styles an embedding is nearest to, all less the mean over the styles: the thing itself."""
    unit = functional.normalize(of_styles, dim=-1) * present[..., None]
    mean = unit.sum(1) / present.sum(1, keepdim=True)
    own = functional.normalize(functional.normalize(embeds, dim=-1) - mean, dim=-1)
    scores = (functional.normalize(unit - mean[:, None], dim=-1) * own[:, None]).sum(-1)
    return scores.masked_fill(~present, -torch.inf).argmax(-1)


def draw_references(store: SpriteStore, settings: Settings, *, turned: bool) -> References:
    """Test scenes of three sprites, those whose marked sprite's hue was turned, or with their own colours."""
    config = SceneConfig(
        size=2 * SIZE,
        counts=(0.0, 0.0, 1.0),
        styles=training_styles(),
        split="test",
        blur=0.0,
        jitter=0.0,
        recolour=float(turned),
        deform=0.3,
    )
    kept: list[References] = []
    index = 0
    while sum(len(part.concept) for part in kept) < settings.pictures:
        kept.append(_chunk(store, config, seed=settings.seed, index=index, turned=turned))
        index += 1
    names = [field.name for field in fields(References)]
    return References(**{n: torch.cat([getattr(part, n) for part in kept])[: settings.pictures] for n in names})


def _chunk(store: SpriteStore, config: SceneConfig, *, seed: int, index: int, turned: bool) -> References:
    scenes = compose(store, config, batch=CHUNK, seed=seed, index=index)
    slot = choose_slot(scenes, stream(seed, index, "marked"))
    rows = torch.arange(CHUNK)
    white = torch.ones_like(scenes.background)
    alone = isolate(store, replace(scenes, background=white), slot)
    if turned:
        done = scenes.layout.recoloured
        assert done is not None
        rows = rows[done[rows, slot] == RECOLOURINGS.index("hue")]
    return References(
        rgb=scenes.rgb[rows],
        alpha=scenes.alpha[rows, slot[rows]],
        alone=alone.rgb[rows],
        cover=alone.alpha[rows, 0],
        concept=scenes.concept[rows, slot[rows]],
        style=scenes.style[rows, slot[rows]],
    )


@torch.inference_mode()
def measure(
    focus: str,
    turned: References,
    plain: References,
    store: SpriteStore,
    *,
    encoders: Encoders,
    draw: Draw,
    seed: int,
) -> Likeness:
    """One row.

    Args:
        focus: How the Alpha-CLIP looks.
        turned: Scenes whose marked sprite's hue was turned.
        plain: Scenes with their own colours.
        store: The sprites.
        encoders: Both; the plain one tells styles apart.
        draw: The generator.
        seed: Of the noise; a scene's noise is its own, and the same for every row.
    """
    strategy = parse_focus(focus)
    assert strategy is not None
    hue, hues = _hues(_varied(strategy, turned, encoders, draw, seed=seed), turned)
    drawn = _varied(strategy, plain, encoders, draw, seed=seed)
    styles = store.style_indices(training_styles())
    stored, cover = drawings(store, plain.concept, styles, drawn.shape[-1])
    cuts = cut_out(drawn, thing_on_ground(drawn))
    distance = nearest_drawing(cuts, stored, cover)
    of_styles = whole(encoders.plain, stored.flatten(0, 1)).unflatten(0, stored.shape[:2])
    found = nearest_style(whole(encoders.plain, drawn), of_styles, store.present[plain.concept][:, styles])
    own = nearest_drawing(cut_out(plain.alone, plain.cover), stored, cover)
    return Likeness(
        focus=focus,
        hue=hue,
        hues=hues,
        style=(torch.tensor(styles)[found] == plain.style).float().mean().item(),
        copies=(distance < COPY).float().mean().item(),
        nearest=distance.mean().item(),
        reference=own.mean().item(),
        pictures=len(plain.concept),
    )


def _varied(strategy: FocusStrategy, shown: References, encoders: Encoders, draw: Draw, *, seed: int) -> Tensor:
    embeds = strategy.embed(encoders.alpha, shown.rgb, shown.alpha)
    return draw(embeds, [seed * 1_000_000 + number for number in range(len(embeds))])


def _hues(drawn: Tensor, shown: References) -> tuple[float | None, int]:
    """The share of right hues among references with a clear one, and how many those are."""
    wanted, clear = hue_of(shown.alone, shown.cover)
    came, has = hue_of(drawn, thing_on_ground(drawn))
    right = has & (angle_between(wanted, came) <= WITHIN)
    count = int(clear.sum())
    return (right[clear].float().mean().item() if count else None), count


def table(rows: Sequence[Likeness]) -> str:
    """The rows as markdown."""
    head = ["", "hue within 30°", "own style", "copies", "to the nearest drawing", "the reference itself"]
    lines = [
        [
            row.focus,
            "" if row.hue is None else f"{row.hue:.1%} of {row.hues}",
            f"{row.style:.1%} of {row.pictures}",
            f"{row.copies:.1%}",
            f"{row.nearest:.3f}",
            f"{row.reference:.3f}",
        ]
        for row in rows
    ]
    return markdown(head, lines)


def main(settings: Settings) -> list[Likeness]:
    """Measure and print."""
    quiet_loading()
    settings.use_threads()
    folder, store = Path(resolve(settings.model)), open_store(settings.sprites)
    encoders = open_encoders(folder)
    draw = open_draw(folder, settings)
    turned, plain = (draw_references(store, settings, turned=t) for t in (True, False))
    rows = [
        measure(focus, turned, plain, store, encoders=encoders, draw=draw, seed=settings.seed)
        for focus in settings.focus
    ]
    print(table(rows))
    settings.write(rows)
    return rows


if __name__ == "__main__":
    main(tyro.cli(Settings, description=__doc__))
