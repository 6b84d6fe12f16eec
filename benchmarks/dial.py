"""Does a level turn attention as a dial does? Graded alpha maps on test scenes, and variations drawn from them.

    python -m benchmarks.dial --sprites runs/sprites/sprites.npz
    python -m benchmarks.dial --model runs/assembled --binary gencontrol/models/tiny --drawn 100

Scenes of two, three and four sprites that are all well visible, each sprite with a level of its own out of 0, .25, .5,
.75 and 1. The *share* of a sprite is the softmax of the encoder's cosines over the scene's own names, at its own scale;
a level of a_i asks for a_i / sum a. *Error*: mean absolute difference of the two. *Never falls*: sweeps of one level
over the five, the others at a half, whose share falls nowhere by more than .02. *Order*: rank correlation within the
scene of levels and cosines, less the whole picture's cosines, since every name has an offset of its own. *Faint*: top-1
of all names with the mask as it is, and with a quarter of it. `--drawn` also draws variations of two sprites at levels
a and 1 - a, and prints how many of them the judge calls the first sprite rather than the second.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import torch
import tyro
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional

from benchmarks.focus.report import markdown
from benchmarks.focus.rows import open_encoders, whole
from benchmarks.focus.variation import SIZE, Draw, JudgePictures, open_draw
from benchmarks.judge.model import open_judge
from benchmarks.settings import Drawing, Judged, OnThreads, Written
from gencontrol.alpha_clip.model import AlphaCLIP
from gencontrol.focus import focus_strategy
from gencontrol.models.registry import resolve
from gencontrol.runs.notices import quiet_loading
from gencontrol.sprites.captions import concept_prompts
from gencontrol.sprites.store import SpriteStore, open_store
from gencontrol.training.data.levels import wanted_shares
from gencontrol.training.stages.graded import (
    LEVELS,
    GradedSet,
    Heed,
    at_once,
    falls,
    graded_set,
    scene_shares,
    share_error,
    sweep,
)

SPRITES = (2, 3, 4)
"""In the scenes of each column."""
OTHERS = 0.5
"""Level of the others while one is swept."""
FAINT = 0.25
"""Factor on a faint mask."""


@dataclass(frozen=True, kw_only=True)
class Settings(Judged, OnThreads, Drawing, Written):
    """What to measure."""

    model: str = "tiny"
    """A preset or a folder in the layout of `tiny`."""
    binary: str | None = None
    """A folder in the same layout whose Alpha-CLIP was trained on masks alone, for a row of its own."""
    scenes: int = 250
    """Of each number of sprites."""
    drawn: int = 0
    """Scenes of two sprites whose variations are drawn and judged; needs the whole model."""
    seed: int = 1
    """Of scenes and noise."""


@dataclass(frozen=True, kw_only=True)
class Row:
    """A way to heed levels, on scenes of one number of sprites; shares in [0, 1]."""

    name: str
    """What it is."""
    sprites: int
    """In each scene."""
    error: float
    """Of shares against a / sum a."""
    never_falls: float
    """Sweeps whose share never falls."""
    order: float
    """Mean rank correlation within a scene."""
    mask: float
    """Top-1 with the mask of one sprite."""
    faint: float
    """Top-1 with a quarter of it."""


def one_pass(encoder: AlphaCLIP) -> Heed:
    """The map of all levels in one look at the whole picture."""
    return at_once(partial(focus_strategy("alpha").embed, encoder))


def biased(encoder: AlphaCLIP) -> Heed:
    """Attention of the class token weighted by the map; no trained alpha."""
    return at_once(partial(focus_strategy("attention").embed, encoder))


def passes(encoder: AlphaCLIP) -> Heed:
    """One look for each sprite with its mask, unit-length embeddings weighted by level."""
    alpha = focus_strategy("alpha")

    def embed(rgb: Tensor, parts: Tensor, levels: Tensor) -> Tensor:
        looks = [functional.normalize(alpha.embed(encoder, rgb, part), dim=-1) for part in parts.unbind(1)]
        return (torch.stack(looks, dim=1) * levels[..., None]).sum(1)

    return embed


def by_strength(encoder: AlphaCLIP) -> Heed:
    """From the whole picture to the sprite of the highest level, as far as that level says."""
    alpha = focus_strategy("alpha")

    def embed(rgb: Tensor, parts: Tensor, levels: Tensor) -> Tensor:
        rows, first = torch.arange(len(rgb)), levels.argmax(-1)
        region = functional.normalize(alpha.embed(encoder, rgb, parts[rows, first]), dim=-1)
        return torch.lerp(functional.normalize(whole(encoder, rgb), dim=-1), region, levels[rows, first][:, None])

    return embed


@torch.inference_mode()
def measure(
    name: str, embed: Heed, test: GradedSet, *, names: Float[Tensor, "c d"], encoder: AlphaCLIP, scale: float
) -> Row:
    """One row on one set of scenes.

    Args:
        name: Of the row.
        embed: What is measured.
        test: The scenes.
        names: Unit-length embeddings of all names.
        encoder: Whose all-ones embedding is the whole picture's.
        scale: Factor on cosines.
    """
    count = test.levels.shape[1]
    mixed = embed(test.rgb, test.alpha, test.levels)
    shares = scene_shares(mixed, names, test.concepts, scale=scale)
    own = functional.normalize(mixed, dim=-1) - functional.normalize(whole(encoder, test.rgb), dim=-1)
    first = torch.zeros(len(test.rgb), count)
    first[:, 0] = 1
    swept = sweep(
        embed,
        names,
        rgb=test.rgb,
        alpha=test.alpha,
        concepts=test.concepts,
        levels=torch.full_like(test.levels, OTHERS),
        scale=scale,
    )
    return Row(
        name=name,
        sprites=count,
        error=share_error(shares, wanted_shares(test.levels), test.concepts >= 0).mean().item(),
        never_falls=1 - falls(swept).double().mean().item(),
        order=rank_correlation((own @ names.T).gather(1, test.concepts), test.levels).mean().item(),
        mask=_top1(embed(test.rgb, test.alpha, first), names, test),
        faint=_top1(embed(test.rgb, test.alpha, FAINT * first), names, test),
    )


def rank_correlation(values: Float[Tensor, "b k"], levels: Float[Tensor, "b k"]) -> Float[Tensor, " b"]:
    """Spearman's, within rows without equal numbers."""
    count = values.shape[1]
    ranks = [part.argsort(-1).argsort(-1).double() for part in (values, levels)]
    distance = (ranks[0] - ranks[1]).square().sum(-1)
    return 1 - 6 * distance / (count * (count**2 - 1))


def _top1(embeds: Float[Tensor, "b d"], names: Float[Tensor, "c d"], test: GradedSet) -> float:
    return ((embeds @ names.T).argmax(-1) == test.concepts[:, 0]).double().mean().item()


@torch.inference_mode()
def drawn_shares(
    embed: Heed, test: GradedSet, *, draw: Draw, judge: JudgePictures, seed: int
) -> list[tuple[float, float]]:
    """How many variations the judge calls the first of two sprites rather than the second, at levels a and 1 - a."""
    rows, found = torch.arange(len(test.rgb)), []
    seeds = [seed * 1_000_000 + number for number in range(len(test.rgb))]
    for level in LEVELS:
        levels = torch.tensor([level, 1 - level]).expand(len(test.rgb), 2)
        said = judge(draw(embed(test.rgb, test.alpha, levels), seeds)).log_probabilities
        ahead = said[rows, test.concepts[:, 0]] > said[rows, test.concepts[:, 1]]
        found.append((level, ahead.double().mean().item()))
    return found


def name_table(encoder: AlphaCLIP, store: SpriteStore) -> Float[Tensor, "c d"]:
    """Unit-length embeddings of all names."""
    return encoder.encode_text(concept_prompts(store.concepts), normalize=True)


def table(rows: Sequence[Row]) -> str:
    """The rows as markdown."""
    head = ["", "sprites", "error", "never falls", "order", "mask", "a quarter of it"]
    lines = [
        [
            row.name,
            str(row.sprites),
            f"{row.error:.3f}",
            f"{row.never_falls:.1%}",
            f"{row.order:.3f}",
            f"{row.mask:.1%}",
            f"{row.faint:.1%}",
        ]
        for row in rows
    ]
    return markdown(head, lines)


def drawn_table(shares: Sequence[tuple[str, list[tuple[float, float]]]]) -> str:
    """Shares of the first sprite among what was drawn, as markdown."""
    return markdown(
        ["", *(f"{level:g} : {1 - level:g}" for level in LEVELS)],
        [[name, *(f"{share:.1%}" for _, share in found)] for name, found in shares],
    )


def main(settings: Settings) -> list[Row]:
    """Measure and print."""
    quiet_loading()
    settings.use_threads()
    folder, store = Path(resolve(settings.model)), open_store(settings.sprites)
    encoder = open_encoders(folder).alpha
    ways = {
        "graded map, one pass": (one_pass(encoder), encoder),
        "a pass for each, weighted": (passes(encoder), encoder),
        "attention of the class token": (biased(encoder), encoder),
        "strength of the highest": (by_strength(encoder), encoder),
    }
    if settings.binary is not None:
        other = open_encoders(Path(resolve(settings.binary))).alpha
        ways["graded map, tower trained on masks"] = (one_pass(other), other)
    rows = [
        measure(name, embed, test, names=name_table(tower, store), encoder=tower, scale=_scale(tower))
        for test in _sets(store, settings)
        for name, (embed, tower) in ways.items()
    ]
    print(table(rows))
    if settings.drawn:
        _draw_dial(settings, folder, store, {name: embed for name, (embed, tower) in ways.items() if tower is encoder})
    settings.write(rows)
    return rows


def _sets(store: SpriteStore, settings: Settings) -> list[GradedSet]:
    return [graded_set(store, sprites=n, size=SIZE, count=settings.scenes, seed=settings.seed) for n in SPRITES]


def _scale(encoder: AlphaCLIP) -> float:
    assert encoder.logit_scale is not None
    return encoder.logit_scale.exp().item()


def _draw_dial(settings: Settings, folder: Path, store: SpriteStore, ways: dict[str, Heed]) -> None:
    judge = open_judge(settings.judge)
    judge.check_concepts(store)
    draw = open_draw(folder, settings)
    test = graded_set(store, sprites=2, size=SIZE, count=settings.drawn, seed=settings.seed)
    shares = [
        (name, drawn_shares(ways[name], test, draw=draw, judge=judge, seed=settings.seed))
        for name in ("graded map, one pass", "a pass for each, weighted")
    ]
    print(f"\nVariations called the first of two sprites at levels a : 1 - a, {len(test.rgb)} scenes\n")
    print(drawn_table(shares))


if __name__ == "__main__":
    main(tyro.cli(Settings, description=__doc__))
