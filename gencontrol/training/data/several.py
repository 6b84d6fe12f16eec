"""Pictures with several regions each: what one pass learns from."""

import functools
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Protocol, runtime_checkable

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from gencontrol.sprites.compose import SceneConfig, compose
from gencontrol.sprites.store import SpriteStore
from gencontrol.streams import stream
from gencontrol.training.data.alpha_maps import vary_alpha
from gencontrol.training.data.folder_pairs import FolderPair, FolderPairs

MOST = 8
"""Regions of a picture that are looked at."""
_LEAST_VISIBLE = 0.1
"""Of a sprite that counts as a region."""


@dataclass(frozen=True, kw_only=True)
class Several:
    """A chunk of pictures; rows past a picture's regions hold empty maps. Planes lie on the source's device."""

    rgb: Float[Tensor, "b 3 s s"]
    """Colours in [0, 1]."""
    alphas: Float[Tensor, "b k s s"]
    """A map for each region, [0, 1]."""
    used: Bool[Tensor, "b k"]
    """Which rows hold a region."""
    concepts: Int[Tensor, "b k"]
    """What each region shows, where that is known; -1 elsewhere."""


@runtime_checkable
class SeveralSource(Protocol):
    """Where pictures with regions come from."""

    def draw(self, index: int, count: int) -> Several:
        """Chunk `index`: a function of the source's seed, the index and the count alone."""
        ...


@dataclass(frozen=True, kw_only=True)
class SpriteRegions:
    """Regions of composed scenes; all scenes of a chunk have as many sprites."""

    store: SpriteStore
    """The sprites."""
    scenes: SceneConfig
    """How scenes are drawn."""
    seed: int
    """Of the stream."""
    alpha_kinds: tuple[float, ...] = (1.0,)
    """Relative frequency of kinds of maps, see `vary_alpha`."""
    left_out: float = 0.0
    """Share of the scenes of which some things are no regions."""

    def draw(self, index: int, count: int) -> Several:
        """Compose a chunk."""
        generator = stream(self.seed, index, "several")
        shares = torch.tensor(self.scenes.counts)
        number = int(torch.multinomial(shares, 1, generator=generator))
        config = replace(self.scenes, counts=tuple(float(n == number) for n in range(len(shares))))
        scenes = compose(self.store, config, batch=count, seed=self.seed, index=index)
        used = scenes.used & (scenes.visible >= _LEAST_VISIBLE) & self._chosen(scenes.used, generator)
        maps = vary_alpha(scenes.alpha.flatten(0, 1), self.alpha_kinds, generator).view(scenes.alpha.shape)
        kept = used[..., None, None].to(maps.device)
        return Several(rgb=scenes.rgb, alphas=maps * kept, used=used, concepts=scenes.concept)

    def _chosen(self, used: Bool[Tensor, "b k"], generator: torch.Generator) -> Bool[Tensor, "b k"]:
        """All of a scene's things; of a share of the scenes about half of them, two at least."""
        order = torch.rand(used.shape, generator=generator).argsort(-1).argsort(-1)
        half = torch.rand(used.shape, generator=generator) < 0.5
        some = torch.rand(len(used), 1, generator=generator) < self.left_out
        return ~some | half | (order < 2)


@dataclass(frozen=True, kw_only=True)
class FolderRegions:
    """Regions of pictures in a folder: lines of its listing that name one image are that image's."""

    pairs: FolderPairs
    """The folder."""

    def draw(self, index: int, count: int) -> Several:
        """Read a chunk; of an image with many regions a random choice is looked at."""
        generator = stream(self.pairs.seed, index, "several of a folder")
        images = list(self._by_image)
        chosen = torch.randint(len(images), (count,), generator=generator).tolist()
        found = [self._planes(images[number], generator) for number in chosen]
        most = max(len(planes) for planes in found)
        rgb = torch.stack([planes[0, :3] for planes in found])
        alphas = rgb.new_zeros(count, most, *rgb.shape[-2:])
        used = torch.zeros(count, most, dtype=torch.bool)
        for row, planes in enumerate(found):
            alphas[row, : len(planes)] = vary_alpha(planes[:, 3], self.pairs.alpha_kinds, generator)
            used[row, : len(planes)] = True
        return Several(rgb=rgb, alphas=alphas, used=used, concepts=torch.full_like(used, -1, dtype=torch.long))

    @functools.cached_property
    def _by_image(self) -> Mapping[str, list[FolderPair]]:
        found: dict[str, list[FolderPair]] = {}
        for row in self.pairs.pairs:
            found.setdefault(row.image, []).append(row)
        return found

    def _planes(self, image: str, generator: torch.Generator) -> Float[Tensor, "k 5 s s"]:
        rows = self._by_image[image]
        some = torch.randperm(len(rows), generator=generator)[:MOST].tolist()
        return torch.stack([self.pairs.planes(rows[number]) for number in some])
