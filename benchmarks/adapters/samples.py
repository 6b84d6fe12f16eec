"""What is trained on: pictures of one thing as latents, its name, and the encoder's view of the thing elsewhere."""

from collections.abc import Callable
from dataclasses import dataclass, replace

import torch
from diffusers.models.autoencoders.autoencoder_kl import AutoencoderKL
from jaxtyping import Float, Int
from torch import Tensor

from gencontrol.alpha_clip.model import AlphaCLIP
from gencontrol.conditioning.token_towers import token_tower
from gencontrol.sprites.compose import SceneConfig
from gencontrol.sprites.store import SpriteStore
from gencontrol.training.data.variations import BATCH, CacheConfig, CachedLook, draw_pictures
from gencontrol.training.stages.autoencoder import encode

DATA = CacheConfig(
    picture=SceneConfig(
        size=128, counts=(1.0,), backgrounds=(1.0, 0.0, 0.0, 0.0, 0.0), turn=0.1, mirror=0.0, jitter=0.05, blur=0.0
    ),
    picture_side=(0.8, 0.9),
    picture_spread=0.3,
    paper=0.8,
    condition=SceneConfig(size=64, counts=(1.0,)),
    same_style=0.9,
    looks=(CachedLook(alone=True),),
)
"""Whole pictures of one thing: published adapters, too, have never seen a mask in training."""


@dataclass(frozen=True, kw_only=True)
class Samples:
    """Samples in memory."""

    latents: Float[Tensor, "n c h w"]
    """Unscaled means of the autoencoder's latents, float16."""
    concept: Int[Tensor, " n"]
    """What is drawn."""
    embeds: Float[Tensor, "n d"]
    """Un-normalised image embeddings of the same thing elsewhere, float16."""
    tokens: Float[Tensor, "n t w"]
    """The tower's tokens of the same, as plus adapters take them, float16."""


@torch.no_grad()
def draw(
    store: SpriteStore,
    *,
    count: int,
    autoencoder: AutoencoderKL,
    clip: AlphaCLIP,
    config: CacheConfig = DATA,
    told: Callable[[int], None] = lambda done: None,
) -> Samples:
    """`count` samples, a multiple of 64.

    Args:
        store: The sprites.
        count: How many.
        autoencoder: Of the latents.
        clip: The plain encoder.
        config: What is drawn.
        told: Is given how many there are, now and then.
    """
    assert count % BATCH == 0, count
    tower = token_tower(clip)
    parts: list[Samples] = []
    for index in range(count // BATCH):
        picture, (shown,) = draw_pictures(config, store, index, BATCH)
        pixels = clip.processor(shown.rgb, torch.ones_like(shown.alpha))
        parts.append(
            Samples(
                latents=encode(autoencoder, picture.rgb * 2 - 1).mean.half(),
                concept=picture.layout.concept[:, 0],
                embeds=clip.encode_pixels(pixels).half(),
                tokens=tower.hidden(pixels[:, : tower.channels], None, layer="penultimate").half(),
            )
        )
        told((index + 1) * BATCH)
    names = ("latents", "concept", "embeds", "tokens")
    return Samples(**{name: torch.cat([getattr(part, name) for part in parts]) for name in names})


def draw_tests(store: SpriteStore, *, count: int, autoencoder: AutoencoderKL, clip: AlphaCLIP) -> Samples:
    """The same of the test split."""
    split = {name: replace(getattr(DATA, name), split="test") for name in ("picture", "condition")}
    return draw(store, count=count, autoencoder=autoencoder, clip=clip, config=replace(DATA, **split))
