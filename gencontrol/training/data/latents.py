"""The denoiser's cached data: latents of pictures of one sprite, and embeddings of the same sprite seen elsewhere.

Picture and condition are different drawings of one thing: another place, size, turn and background, and often another
style. So the denoiser learns what an embedding says about the thing itself: what a region's embedding can tell it.
"""

import json
import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import torch
from jaxtyping import Bool, Float
from safetensors.torch import load_file, save_file
from torch import Tensor

from gencontrol.configuration import to_mapping
from gencontrol.errors import ConfigError, InputError
from gencontrol.files import atomic_file
from gencontrol.sprites.compose import SceneConfig, Scenes, compose, render
from gencontrol.sprites.layout import Layout
from gencontrol.sprites.store import SpriteStore
from gencontrol.streams import stream

_log = logging.getLogger(__name__)

_BATCH = 64
"""Pictures drawn and encoded at once; another number is another stream of pictures."""

Encode = Callable[[Float[Tensor, "b 3 h w"]], Tensor]
"""Pictures in [0, 1] to latents or to embeddings."""


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
    """Range of a sprite's side in the scene that the embedding sees."""
    same_style: float = 0.5
    """Share of conditions in the picture's own style and colours; the others are in any style of `condition`."""
    conditions: int = 2
    """Embeddings of each picture's sprite."""
    seed: int = 0
    """Of the stream."""

    def __post_init__(self) -> None:
        for name in ("paper", "picture_spread"):
            if not 0 <= getattr(self, name) <= 1:
                raise ConfigError(f"{name}: expected a share in [0, 1], got {getattr(self, name)}.")
        if self.shard < 1 or self.shard % _BATCH or self.samples < 1 or self.samples % self.shard:
            raise ConfigError(
                f"samples, shard: expected a multiple of the shard, and a shard that is a multiple of {_BATCH}; "
                f"got {self.samples} and {self.shard}."
            )
        for name in ("picture", "condition"):
            counts = getattr(self, name).counts
            if len(counts) != 1:
                raise ConfigError(f"{name}.counts: expected [1.0], pictures of one sprite, got {list(counts)}.")


@dataclass(frozen=True, kw_only=True)
class LatentCache:
    """All cached samples in memory."""

    latents: Float[Tensor, "n c h w"]
    """Unscaled means of the autoencoder's latents, float16."""
    embeddings: Float[Tensor, "n k d"]
    """Un-normalised image embeddings of the same sprite in other scenes, float16."""


def prepare_cache(
    config: CacheConfig,
    store: SpriteStore,
    *,
    to_latents: Encode,
    to_embeddings: Encode,
    folder: Path,
    made_with: Mapping[str, str],
    share: slice = slice(None),
) -> None:
    """Write what is missing of the cache's files (safetensors) below `folder`.

    Args:
        config: What is cached; it is kept beside the files.
        store: The sprites.
        to_latents: Pictures to unscaled latents.
        to_embeddings: Pictures to un-normalised embeddings.
        folder: The cache's own.
        made_with: Digests of the sprites and the networks by name, so that a cache is of one make.
        share: Which of the files this process makes, of all by number.

    Raises:
        ConfigError: The folder holds files that were made with other settings.
    """
    _check_settings(to_mapping(config) | dict(made_with), folder)
    for index in range(config.samples // config.shard)[share]:
        path = _shard_path(folder, index)
        if path.is_file():
            continue
        tensors = draw_samples(config, store, index, to_latents=to_latents, to_embeddings=to_embeddings)
        with atomic_file(path) as temporary:
            save_file(tensors, temporary)
        _log.info("Cached samples %d to %d of %d", index * config.shard, (index + 1) * config.shard, config.samples)


def _check_settings(now: dict[str, Any], folder: Path) -> None:
    """Write the settings into a new cache; compare them with an old one's, and trust no files that came without."""
    path = folder / "settings.json"
    if not path.is_file():
        if any(folder.glob("*.safetensors")):
            raise ConfigError(f"The cache in {folder} does not say how it was made: remove it, or use another folder.")
        with atomic_file(path) as temporary:
            temporary.write_text(json.dumps(now, indent=2))
        return
    saved = json.loads(path.read_text())
    changed = [f"{key} {saved.get(key)} -> {now[key]}" for key in now if saved.get(key) != now[key]]
    if changed:
        raise ConfigError(
            f"The cache in {folder} was made with other settings ({', '.join(changed)}). Use them, or another folder."
        )


def open_cache(config: CacheConfig, folder: Path) -> LatentCache:
    """Read the whole cache.

    Raises:
        InputError: Files are missing.
    """
    paths = [_shard_path(folder, i) for i in range(config.samples // config.shard)]
    missing = [p.name for p in paths if not p.is_file()]
    if missing:
        raise InputError(
            f"The cache in {folder} lacks {len(missing)} files ({missing[0]} is the first): prepare it again."
        )
    shards = [load_file(p) for p in paths]
    return LatentCache(
        latents=torch.cat([s["latents"] for s in shards]), embeddings=torch.cat([s["embeddings"] for s in shards])
    )


@torch.no_grad()
def draw_samples(
    config: CacheConfig, store: SpriteStore, index: int, *, to_latents: Encode, to_embeddings: Encode
) -> dict[str, Tensor]:
    """One shard of samples."""
    latents, embeddings = [], []
    parts = config.shard // _BATCH
    for part in range(index * parts, (index + 1) * parts):
        picture, conditions = draw_pictures(config, store, part, _BATCH)
        latents.append(to_latents(picture.rgb).half())
        embeddings.append(torch.stack([to_embeddings(c.rgb) for c in conditions], dim=1).half())
    # A single part may come in the layout of the network that made it, and files hold contiguous tensors alone.
    return {"latents": torch.cat(latents).contiguous(), "embeddings": torch.cat(embeddings).contiguous()}


def draw_test_samples(
    config: CacheConfig, store: SpriteStore, *, count: int = 256, to_latents: Encode, to_embeddings: Encode
) -> LatentCache:
    """As many samples of the test split (a multiple of 64): scenes and backgrounds that training never sees."""
    test = replace(
        config,
        samples=count,
        shard=count,
        picture=replace(config.picture, split="test"),
        condition=replace(config.condition, split="test"),
    )
    return LatentCache(**draw_samples(test, store, 0, to_latents=to_latents, to_embeddings=to_embeddings))


def draw_pictures(config: CacheConfig, store: SpriteStore, index: int, batch: int) -> tuple[Scenes, list[Scenes]]:
    """Pictures of one sprite each, and other scenes of the same sprites."""
    generator = stream(config.seed, index, "cache")
    picture = compose(store, config.picture, batch=batch, seed=config.seed, index=index)
    picture = replace(picture, background=torch.lerp(picture.background, torch.tensor(1.0), config.paper))
    picture = _redrawn(
        store, picture, picture.layout, config.picture_side, spread=config.picture_spread, generator=generator
    )
    conditions = []
    for k in range(config.conditions):
        # A stream of its own for each, beside the pictures'.
        other = compose(store, config.condition, batch=batch, seed=config.seed + 1 + k, index=index)
        kept = torch.rand(batch, 1, generator=generator) < config.same_style
        shown = _restyled(picture.layout, other.layout, kept)
        conditions.append(_redrawn(store, other, shown, config.condition_side, generator=generator))
    return picture, conditions


def _restyled(layout: Layout, other: Layout, kept: Bool[Tensor, "b 1"]) -> Layout:
    """The layout in the other's style and colours where its own are not kept."""
    style = torch.where(kept, layout.style, other.style)
    return replace(layout, style=style, colour=torch.where(kept[..., None, None], layout.colour, other.colour))


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


def _shard_path(folder: Path, index: int) -> Path:
    return folder / f"latents-{index:05d}.safetensors"
