"""Shards of the denoiser's cache."""

import dataclasses

import torch

from gencontrol.sprites.compose import SceneConfig
from gencontrol.training.data.latents import draw_samples
from gencontrol.training.data.variations import CacheConfig, CachedLook, draw_pictures


def test_a_shard_is_its_own_pictures_in_batches_of_64(sprite_store) -> None:
    scenes = {"picture": SceneConfig(size=16, counts=(1.0,)), "condition": SceneConfig(size=8, counts=(1.0,))}
    config = dataclasses.replace(
        CacheConfig(samples=256, shard=128, looks=(CachedLook(alone=True, views=2),)), **scenes
    )
    made = draw_samples(
        config,
        sprite_store,
        1,
        to_latents=lambda rgb: rgb * torch.ones((), requires_grad=True),
        looks=[lambda rgb, alpha: rgb.flatten(1), lambda rgb, alpha: alpha.flatten(1).repeat(1, 3)],
    )
    pictures = [draw_pictures(config, sprite_store, index, 64) for index in (2, 3)]
    assert not made["latents"].requires_grad
    assert torch.equal(made["latents"], torch.cat([picture.rgb for picture, _ in pictures]).half())
    first = torch.cat([shown[0].rgb.flatten(1) for _, shown in pictures])
    second = torch.cat([shown[1].alpha.flatten(1).repeat(1, 3) for _, shown in pictures])
    assert torch.equal(made["embeddings"], torch.stack([first, second], 1).half())
