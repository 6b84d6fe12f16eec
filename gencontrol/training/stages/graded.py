"""Graded alpha: the loss that makes a level a share of attention, and the figures that a dial is judged by."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor
from torch.nn import functional

from gencontrol.sprites.compose import SceneConfig, compose
from gencontrol.sprites.store import SpriteStore
from gencontrol.streams import stream
from gencontrol.training.data.levels import LEAST_VISIBLE, wanted_shares
from gencontrol.training.stages.recognition import EncodeRegion

Heed = Callable[[Float[Tensor, "b 3 h w"], Float[Tensor, "b k h w"], Float[Tensor, "b k"]], Float[Tensor, "b d"]]
"""Scenes, the visible parts of their things and a level for each to image embeddings, of any length."""

LEVELS = (0.0, 0.25, 0.5, 0.75, 1.0)
"""At which a dial is read."""


@dataclass(frozen=True, kw_only=True)
class GradedSet:
    """Test scenes whose sprites are all well visible, with a level for each."""

    name: str
    """For logs: how many sprites."""
    rgb: Float[Tensor, "b 3 h w"]
    """The scenes, [0, 1]."""
    alpha: Float[Tensor, "b k h w"]
    """The sprites' visible parts, [0, 1]."""
    concepts: Int[Tensor, "b k"]
    """What they are."""
    levels: Float[Tensor, "b k"]
    """Distinct ones of `LEVELS`."""


def graded_set(store: SpriteStore, *, sprites: int, size: int, count: int = 128, seed: int = 0) -> GradedSet:
    """Compose test scenes of a number of sprites in the known styles; those with a hidden sprite are left out."""
    counts = tuple(float(n == sprites) for n in range(1, 9))
    scenes = compose(store, SceneConfig(size=size, counts=counts, split="test", blur=0.0), batch=2 * count, seed=seed)
    clear = (scenes.visible >= LEAST_VISIBLE).all(-1).nonzero()[:count, 0]
    draw = torch.rand(len(clear), len(LEVELS), generator=stream(seed, sprites, "levels")).argsort(-1)[:, :sprites]
    return GradedSet(
        name=str(sprites),
        rgb=scenes.rgb[clear],
        alpha=scenes.alpha[clear],
        concepts=scenes.concept[clear],
        levels=torch.tensor(LEVELS)[draw],
    )


@torch.no_grad()
def dial_figures(
    encode: EncodeRegion, names: Float[Tensor, "c d"], test: GradedSet, *, scale: float
) -> dict[str, float]:
    """The mean error of the shares, and how many sweeps of one level, the others at a half, never fall."""
    heed = at_once(encode)
    found = scene_shares(heed(test.rgb, test.alpha, test.levels), names.to(test.rgb), test.concepts, scale=scale)
    error = share_error(found, wanted_shares(test.levels), test.concepts >= 0).mean().item()
    swept = sweep(
        heed,
        names,
        rgb=test.rgb,
        alpha=test.alpha,
        concepts=test.concepts,
        levels=torch.full_like(test.levels, 0.5),
        scale=scale,
    )
    rising = 1 - falls(swept).double().mean().item()
    return {f"share-error/{test.name}": error, f"rising/{test.name}": rising}


def at_once(encode: EncodeRegion) -> Heed:
    """One look at the map of all levels."""
    return lambda rgb, parts, levels: encode(rgb, (parts * levels[..., None, None]).sum(1))


def share_losses(
    image: Float[Tensor, "b d"],
    names: Float[Tensor, "c d"],
    concepts: Int[Tensor, "b k"],
    shares: Float[Tensor, "b k"],
    *,
    scale: Float[Tensor, ""],
    among_all: float = 0.4,
) -> Float[Tensor, " b"]:
    """How far the shares of a scene's names are from what its levels ask for.

    The Kullback-Leibler divergence of the softmax over the scene's own names, and `among_all` times that over all
    names, which keeps other names out.

    Args:
        image: Unit-length embeddings.
        names: Unit-length embeddings of all names.
        concepts: What is in each scene, padded with -1.
        shares: Wanted, summing to 1 over each row; a row of zeros gives a loss of 0.
        scale: Factor on the cosines.
        among_all: Weight of the second term.
    """
    logits = scale * image @ names.T
    there = concepts >= 0
    own = logits.gather(1, concepts.clamp(min=0)).masked_fill(~there, float("-inf"))
    entropy = torch.special.xlogy(shares, shares).sum(-1)
    graded = shares.sum(-1) > 0

    def cross(log_probability: Tensor) -> Tensor:
        return -(shares * log_probability.masked_fill(~there, 0.0)).sum(-1)

    within = cross(functional.log_softmax(own, dim=-1))
    among = cross(functional.log_softmax(logits, dim=-1).gather(1, concepts.clamp(min=0)))
    return torch.where(graded, within + entropy + among_all * (among + entropy), 0.0)


def scene_shares(
    image: Float[Tensor, "b d"],
    names: Float[Tensor, "c d"],
    concepts: Int[Tensor, "b k"],
    *,
    scale: Float[Tensor, ""] | float,
) -> Float[Tensor, "b k"]:
    """The softmax over each scene's own names; 0 for padding."""
    logits = scale * functional.normalize(image.float(), dim=-1) @ names.T
    own = logits.gather(1, concepts.clamp(min=0)).masked_fill(concepts < 0, float("-inf"))
    return own.softmax(-1)


def share_error(
    found: Float[Tensor, "b k"], wanted: Float[Tensor, "b k"], there: Bool[Tensor, "b k"]
) -> Float[Tensor, " n"]:
    """Absolute differences of shares, one for each thing that is there."""
    return (found - wanted).abs()[there]


@torch.no_grad()
def sweep(
    heed: Heed,
    names: Float[Tensor, "c d"],
    *,
    rgb: Float[Tensor, "b 3 h w"],
    alpha: Float[Tensor, "b k h w"],
    concepts: Int[Tensor, "b k"],
    levels: Float[Tensor, "b k"],
    scale: float,
    at: Sequence[float] = LEVELS,
) -> Float[Tensor, "b n"]:
    """Turn the dial of each scene's first thing, the others' fixed: its share at each level.

    Args:
        heed: What heeds levels.
        names: Unit-length embeddings of all names.
        rgb: The scenes.
        alpha: Visible parts of the things, which do not overlap.
        concepts: What they are, padded with -1.
        levels: Of all things; the first one's is replaced.
        scale: Factor on the cosines.
        at: The levels to read the dial at.
    """
    found = []
    for level in at:
        turned = levels.clone()
        turned[:, 0] = level
        found.append(scene_shares(heed(rgb, alpha, turned), names.to(rgb), concepts, scale=scale)[:, 0])
    return torch.stack(found, dim=1)


def falls(swept: Float[Tensor, "b n"], *, slack: float = 0.02) -> Bool[Tensor, " b"]:
    """Whether a share falls anywhere on its sweep, by more than the slack."""
    return (swept.diff(dim=-1) < -slack).any(-1)
