"""Settings of the denoiser's cache."""

import dataclasses

import pytest
import torch

from gencontrol.errors import ConfigError
from gencontrol.sprites.compose import SceneConfig
from gencontrol.training.data.latents import CacheConfig, draw_pictures, draw_samples


@pytest.mark.parametrize("name", ["paper", "picture_spread"])
def test_shares_run_from_0_to_1(name: str) -> None:
    for share in (0.0, 0.5, 1.0):
        assert getattr(dataclasses.replace(CacheConfig(), **{name: share}), name) == share
    for share in (-0.01, 1.01):
        with pytest.raises(ConfigError, match=rf"{name}: expected a share in \[0, 1\], got {share}"):
            dataclasses.replace(CacheConfig(), **{name: share})


@pytest.mark.parametrize("changes", [{"shard": 0}, {"shard": 33}, {"samples": 0}, {"samples": 96, "shard": 64}])
def test_shards_are_whole(changes: dict[str, int]) -> None:
    with pytest.raises(ConfigError, match="samples, shard: expected a multiple of the shard"):
        dataclasses.replace(CacheConfig(), **changes)


def test_defaults() -> None:
    assert CacheConfig() == CacheConfig(
        samples=49152,
        shard=1024,
        picture=SceneConfig(size=128, counts=(1.0,), backgrounds=(0.6, 0.4, 0.0, 0.0, 0.0), blur=0.0),
        picture_side=(0.6, 0.9),
        picture_spread=1.0,
        paper=0.0,
        condition=SceneConfig(size=64, counts=(1.0,)),
        condition_side=(0.25, 0.95),
        same_style=0.5,
        conditions=2,
        seed=0,
    )
    CacheConfig(samples=64, shard=64)


def test_a_seed_gives_the_pictures_that_the_shipped_weights_have_learnt_from(sprite_store) -> None:
    """Means over pictures and conditions: whoever alters a number of theirs alters what published results mean."""
    config = CacheConfig(
        picture=SceneConfig(size=32, counts=(1.0,)), condition=SceneConfig(size=16, counts=(1.0,)), paper=0.25,
        picture_spread=0.5, conditions=3, seed=5,
    )  # fmt: skip
    picture, others = draw_pictures(config, sprite_store, 2, 48)
    found = [picture.rgb, picture.layout.centre[..., 0], picture.layout.side]
    found += [other.rgb for other in others] + [other.layout.side for other in others]
    assert [values.double().mean().item() for values in found] == pytest.approx(
        [0.52902, 0.49837, 0.75036, 0.43722, 0.46811, 0.45533, 0.60116, 0.60621, 0.61843], rel=2e-3
    )
    assert [other.style.sum().item() for other in others] == [124, 126, 130]


def test_a_shard_is_its_own_pictures_in_batches_of_64(sprite_store) -> None:
    scenes = {"picture": SceneConfig(size=16, counts=(1.0,)), "condition": SceneConfig(size=8, counts=(1.0,))}
    config = dataclasses.replace(CacheConfig(samples=256, shard=128, conditions=1), **scenes)
    made = draw_samples(
        config,
        sprite_store,
        1,
        to_latents=lambda rgb: rgb * torch.ones((), requires_grad=True),
        to_embeddings=lambda rgb: rgb.flatten(1),
    )
    pictures = [draw_pictures(config, sprite_store, index, 64) for index in (2, 3)]
    assert not made["latents"].requires_grad
    assert torch.equal(made["latents"], torch.cat([picture.rgb for picture, _ in pictures]).half())
    assert torch.equal(made["embeddings"][:, 0], torch.cat([c[0].rgb.flatten(1) for _, c in pictures]).half())
