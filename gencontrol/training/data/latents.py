"""The denoiser's cached data: latents of pictures of a thing, and embeddings of looks at it elsewhere."""

import json
import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from jaxtyping import Float
from safetensors.torch import save_file
from torch import Tensor

from gencontrol.configuration import to_mapping
from gencontrol.errors import ConfigError, InputError
from gencontrol.files import atomic_file
from gencontrol.sprites.store import SpriteStore
from gencontrol.training.data.shards import is_whole, load_shard, read_settings
from gencontrol.training.data.variations import BATCH, CacheConfig, Look, draw_pictures

_log = logging.getLogger(__name__)

Encode = Callable[[Float[Tensor, "b 3 h w"]], Tensor]
"""Pictures in [0, 1] to latents."""


@dataclass(frozen=True, kw_only=True)
class LatentCache:
    """All cached samples in memory."""

    latents: Float[Tensor, "n c h w"]
    """Unscaled means of the autoencoder's latents, float16."""
    embeddings: Float[Tensor, "n k d"]
    """Un-normalised image embeddings of looks at the same sprite in other scenes, float16."""


def prepare_cache(
    config: CacheConfig,
    store: SpriteStore,
    *,
    to_latents: Encode,
    looks: Sequence[Look],
    folder: Path,
    made_with: Mapping[str, str],
    share: slice = slice(None),
) -> None:
    """Write what is missing of the cache's files (safetensors) below `folder`.

    Args:
        config: What is cached; it is kept beside the files.
        store: The sprites.
        to_latents: Pictures to unscaled latents.
        looks: One for each view of each of the configuration's looks, in their order.
        folder: The cache's own.
        made_with: Digests of the sprites and the networks by name, so that a cache is of one make.
        share: Which of the files this process makes, of all by number.

    Raises:
        ConfigError: The folder holds files that were made with other settings.
    """
    _check_settings(to_mapping(config) | dict(made_with), folder)
    for index in range(config.samples // config.shard)[share]:
        path = _shard_path(folder, index)
        if is_whole(path):
            continue
        tensors = draw_samples(config, store, index, to_latents=to_latents, looks=looks)
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
    saved = read_settings(path)
    changed = [f"{key} {saved.get(key)} -> {now[key]}" for key in now if saved.get(key) != now[key]]
    if changed:
        raise ConfigError(
            f"The cache in {folder} was made with other settings ({', '.join(changed)}). Use them, or another folder."
        )


def open_cache(config: CacheConfig, folder: Path) -> LatentCache:
    """Read the whole cache.

    Raises:
        InputError: Files are missing or broken.
    """
    paths = [_shard_path(folder, i) for i in range(config.samples // config.shard)]
    missing = [p.name for p in paths if not p.is_file()]
    if missing:
        raise InputError(
            f"The cache in {folder} lacks {len(missing)} files ({missing[0]} is the first): prepare it again."
        )
    shards = [load_shard(p) for p in paths]
    return LatentCache(
        latents=torch.cat([s["latents"] for s in shards]), embeddings=torch.cat([s["embeddings"] for s in shards])
    )


@torch.no_grad()
def draw_samples(
    config: CacheConfig, store: SpriteStore, index: int, *, to_latents: Encode, looks: Sequence[Look]
) -> dict[str, Tensor]:
    """One shard of samples."""
    latents, embeddings = [], []
    parts = config.shard // BATCH
    for part in range(index * parts, (index + 1) * parts):
        picture, shown = draw_pictures(config, store, part, BATCH)
        latents.append(to_latents(picture.rgb).half().cpu())
        seen = [look(scene.rgb, scene.alpha) for look, scene in zip(looks, shown, strict=True)]
        embeddings.append(torch.stack(seen, dim=1).half().cpu())
    # A single part may come in the layout of the network that made it, and files hold contiguous tensors alone.
    return {"latents": torch.cat(latents).contiguous(), "embeddings": torch.cat(embeddings).contiguous()}


def draw_test_samples(
    config: CacheConfig, store: SpriteStore, *, count: int = 256, to_latents: Encode, looks: Sequence[Look]
) -> LatentCache:
    """As many samples of the test split (a multiple of 64): scenes and backgrounds that training never sees."""
    test = replace(
        config,
        samples=count,
        shard=count,
        picture=replace(config.picture, split="test"),
        condition=replace(config.condition, split="test"),
    )
    return LatentCache(**draw_samples(test, store, 0, to_latents=to_latents, looks=looks))


def _shard_path(folder: Path, index: int) -> Path:
    return folder / f"latents-{index:05d}.safetensors"
