"""Region-text pairs: a picture, an alpha map, a text that is true of what the alpha shows, and what else is."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Protocol, runtime_checkable

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from gencontrol.sprites.captions import random_caption
from gencontrol.sprites.compose import SceneConfig, Scenes, compose, isolate
from gencontrol.sprites.descriptions import describe
from gencontrol.sprites.store import SpriteStore
from gencontrol.streams import stream
from gencontrol.training.data.alpha_maps import vary_alpha
from gencontrol.training.data.levels import draw_levels, graded_maps


@dataclass(frozen=True, kw_only=True)
class Pairs:
    """A chunk of region-text pairs; pictures and maps lie on the source's device, all else on the CPU."""

    rgb: Float[Tensor, "b 3 h w"]
    """Colours in [0, 1]."""
    alpha: Float[Tensor, "b h w"]
    """Where to look, [0, 1]; 1 on all of the picture for a whole-image pair, and 0 where it was padded."""
    texts: list[str]
    """What is there."""
    text_concepts: Int[Tensor, "b m"]
    """Ids of what each text names, padded with -1."""
    image_concepts: Int[Tensor, "b m"]
    """Ids of what the picture shows where its alpha looks, padded with -1."""
    opposites: list[str] | None = None
    """Of each pair a text that is false of the picture though all that it names is there; empty where there is none."""
    whole: Bool[Tensor, " b"]
    """Which are whole-image pairs."""
    shares: Float[Tensor, "b m"] | None = None
    """Shares of attention that a graded map asks for, of each of `image_concepts`; a row of zeros has no such map."""
    alone: Float[Tensor, "b 3 h w"] | None = None
    """The pictures with nothing but what the alpha shows, where that is known: the anchor's pictures."""


@runtime_checkable
class PairSource(Protocol):
    """Where region-text pairs come from."""

    def draw(self, index: int, count: int) -> Pairs:
        """Chunk `index`: a function of the source's seed, the index and the count alone."""
        ...


@dataclass(frozen=True, kw_only=True)
class SpritePairs:
    """Pairs from composed scenes."""

    store: SpriteStore
    """The sprites."""
    scenes: SceneConfig
    """How scenes are drawn."""
    seed: int
    """Of the stream."""
    whole_share: float = 0.1
    """r_s of the Alpha-CLIP paper: share of pairs with alpha 1 everywhere and a text about the whole; 0.1 was best."""
    alpha_kinds: tuple[float, ...] = (0.5, 0.1, 0.1, 0.1, 0.1, 0.1)
    """Relative frequency of exact, soft, partial, box, grown and faint alpha maps."""
    with_alone: bool = False
    """Also draw each picture with nothing but the marked sprite."""
    growth: int = 0
    """Chunks over which scenes grow from one sprite to the configured counts."""
    described: float = 0.0
    """Share of whole-image pairs whose text also says where things are, how large, or which colour they have."""
    graded: float = 0.0
    """Share of the pairs with a map that holds a level for each sprite."""
    blanked: float = 0.0
    """Share of the pairs of one region whose picture is painted over outside of it."""

    def draw(self, index: int, count: int) -> Pairs:
        """Compose a chunk."""
        config = replace(self.scenes, counts=grown_counts(self.scenes.counts, index, self.growth))
        scenes = compose(self.store, config, batch=count, seed=self.seed, index=index)
        generator = stream(self.seed, index, "pairs")
        slot = choose_slot(scenes, generator)
        whole = torch.rand(count, generator=generator) < self.whole_share
        rows = torch.arange(count)
        marked = vary_alpha(scenes.alpha[rows, slot], self.alpha_kinds, generator)
        named = torch.where(whole[:, None], _some(scenes, generator), scenes.concept.gather(1, slot[:, None]))
        pairs = Pairs(
            rgb=scenes.rgb,
            alpha=torch.where(_over_planes(whole, marked), 1.0, marked),
            texts=[random_caption(self.store.concepts, _listed(row), generator) for row in named],
            text_concepts=pad_ids(_without_repeats(named)),
            image_concepts=pad_ids(torch.where(whole[:, None], scenes.concept, _only(scenes.concept, slot))),
            whole=whole,
            alone=self._alone(scenes, slot, whole) if self.with_alone else None,
        )
        if self.described:
            pairs = self._with_descriptions(pairs, scenes, index)
        if self.blanked:
            pairs = self._blanked(pairs, scenes.alpha[rows, slot], index)
        return self._graded(pairs, scenes, index) if self.graded else pairs

    def _blanked(self, pairs: Pairs, exact: Tensor, index: int) -> Pairs:
        """Grey outside of the exact part, in a share of the pairs of one region."""
        generator = stream(self.seed, index, "blanked")
        chosen = (torch.rand(len(exact), generator=generator) < self.blanked) & ~pairs.whole
        painted = _GREY + (pairs.rgb - _GREY) * exact[:, None]
        return replace(pairs, rgb=torch.where(_over_planes(chosen, painted), painted, pairs.rgb))

    def _graded(self, pairs: Pairs, scenes: Scenes, index: int) -> Pairs:
        """Maps of levels in the place of a share of the pairs; their text names what has the highest one."""
        generator = stream(self.seed, index, "levels")
        levels = draw_levels(scenes, generator)
        graded = graded_maps(scenes, levels, generator)
        chosen = (torch.rand(len(levels), generator=generator) < self.graded) & (levels > 0).any(-1)
        highest = scenes.concept.gather(1, levels.argmax(-1, keepdim=True))
        texts = list(pairs.texts)
        for row in chosen.nonzero()[:, 0].tolist():
            texts[row] = random_caption(self.store.concepts, highest[row].tolist(), generator)
        empty = [""] * len(texts) if pairs.opposites is None else pairs.opposites
        opposites = ["" if c else text for c, text in zip(chosen.tolist(), empty, strict=True)]
        return replace(
            pairs,
            rgb=torch.where(_over_planes(chosen, scenes.rgb), scenes.rgb, pairs.rgb),
            alpha=torch.where(_over_planes(chosen, graded.alpha), graded.alpha, pairs.alpha),
            texts=texts,
            text_concepts=torch.where(chosen[:, None], pad_ids(highest), pairs.text_concepts),
            image_concepts=torch.where(chosen[:, None], pad_ids(scenes.concept), pairs.image_concepts),
            whole=pairs.whole & ~chosen,
            shares=pad_shares(graded.shares * chosen[:, None]),
            opposites=None if pairs.opposites is None else opposites,
        )

    def _with_descriptions(self, pairs: Pairs, scenes: Scenes, index: int) -> Pairs:
        """Put descriptions in the place of some captions, and their opposites beside them."""
        generator = stream(self.seed, index, "descriptions")
        wanted = (torch.rand(len(pairs.whole), generator=generator) < self.described) & pairs.whole
        texts, ids, opposites = list(pairs.texts), pairs.text_concepts.clone(), [""] * len(pairs.texts)
        found = describe(self.store, scenes, generator)
        for row in wanted.nonzero()[:, 0].tolist():
            description = found[row]
            if description is not None:
                texts[row], opposites[row] = description.text, description.opposite
                ids[row] = pad_ids(scenes.concept[row, list(description.slots)][None])[0]
        return replace(pairs, texts=texts, text_concepts=ids, opposites=opposites)

    def _alone(self, scenes: Scenes, slot: Tensor, whole: Tensor) -> Tensor:
        lone = isolate(self.store, scenes, slot)
        return torch.where(_over_planes(whole, scenes.rgb), scenes.rgb, lone.rgb)


def _over_planes(rows: Bool[Tensor, " b"], planes: Tensor) -> Bool[Tensor, "b ..."]:
    """A choice of rows, where planes are and with as many axes."""
    return rows.to(planes.device).view(-1, *(1,) * (planes.ndim - 1))


def grown_counts(counts: tuple[float, ...], index: int, growth: int) -> tuple[float, ...]:
    """Frequencies of the numbers of sprites at chunk `index`: from one sprite only, linearly to `counts`."""
    share = 1.0 if index >= growth else index / growth
    singles, *more = (c / sum(counts) for c in counts)
    return (1 - share + share * singles, *(share * c for c in more))


_LEAST_NAMED = 0.15
"""Visible share of a sprite from which a text about the whole picture may name it."""
_GREY = 0.5
"""What is painted over a picture outside of its region."""
SLOTS = 8
"""Width of the padded lists of ids: the most sprites that a scene has."""


def pad_ids(ids: Int[Tensor, "b k"]) -> Int[Tensor, "b 8"]:
    """The lists at their common width, so that chunks can be joined."""
    return torch.nn.functional.pad(ids, (0, SLOTS - ids.shape[1]), value=-1)


def pad_shares(shares: Float[Tensor, "b k"]) -> Float[Tensor, "b 8"]:
    """The shares at the width of lists of ids."""
    return torch.nn.functional.pad(shares, (0, SLOTS - shares.shape[1]))


def single_ids(count: int) -> Int[Tensor, "count 8"]:
    """The lists of texts that name one concept each, in the concepts' order."""
    return pad_ids(torch.arange(count)[:, None])


def choose_slot(scenes: Scenes, generator: torch.Generator, *, least: float = 0.35) -> Int[Tensor, " b"]:
    """A random sprite of each scene, at least `least` of it visible where there is such a one."""
    seen = (scenes.visible >= least) & scenes.used
    weights = torch.where(seen.any(-1, keepdim=True), seen, scenes.used).float()
    return torch.multinomial(weights, 1, generator=generator)[:, 0]


def _only(concept: Tensor, slot: Tensor) -> Tensor:
    kept = torch.arange(concept.shape[1]) == slot[:, None]
    return torch.where(kept, concept, -1)


def _some(scenes: Scenes, generator: torch.Generator) -> Int[Tensor, "b k"]:
    """A random non-empty choice of each scene's concepts, in random order; of what is seen, where anything is."""
    seen = scenes.used & (scenes.visible >= _LEAST_NAMED)
    seen = torch.where(seen.any(-1, keepdim=True), seen, scenes.used)
    draw = torch.rand(scenes.concept.shape, generator=generator).masked_fill(~seen, 2.0)
    order = draw.argsort(-1)
    # Captions of more than four names would be longer than the text tower takes.
    count = seen.sum(-1, keepdim=True).clamp(max=4)
    taken = 1 + (torch.rand(len(draw), 1, generator=generator) * count).long().clamp(max=count - 1)
    shuffled = scenes.concept.gather(1, order)
    return shuffled.masked_fill(torch.arange(draw.shape[1]) >= taken, -1)


def _without_repeats(named: Tensor) -> Tensor:
    """Keep the first of equal ids in each row (a broadcast single id comes repeated)."""
    equal = named[:, :, None] == named[:, None, :]
    earlier = torch.ones(named.shape[1], named.shape[1], dtype=torch.bool).tril(-1)
    return named.masked_fill((equal & earlier).any(-1), -1)


def _listed(row: Tensor) -> Sequence[int]:
    return list(dict.fromkeys(i for i in row.tolist() if i >= 0))
