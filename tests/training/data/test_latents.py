"""Settings of the denoiser's cache."""

import dataclasses

import pytest

from gencontrol.errors import ConfigError
from gencontrol.training.data.latents import CacheConfig


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
