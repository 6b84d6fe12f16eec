"""A denoiser moved to another encoder's embeddings."""

import dataclasses
from pathlib import Path

import pytest
import torch
from diffusers.models.unets.unet_2d_condition import UNet2DConditionModel

from gencontrol.errors import ConfigError, PairingError
from gencontrol.sprites.compose import SceneConfig
from gencontrol.training.data.variations import CacheConfig, CachedLook
from gencontrol.training.loop.settings import RunConfig
from gencontrol.training.stages.denoiser import DenoiserTraining
from gencontrol.training.stages.moving import fit_map, map_between, moved
from gencontrol.training.stages.registry import Places, build_denoiser_task

CACHE = CacheConfig(
    samples=64, shard=64, picture=SceneConfig(size=128, counts=(1.0,), backgrounds=(1.0, 0.0, 0.0, 0.0, 0.0)),
    condition=SceneConfig(size=16, counts=(1.0,)), looks=(CachedLook(alone=True),),
)  # fmt: skip


def noise(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def test_the_map_is_found_and_the_ridge_shrinks_it() -> None:
    matrix, given = noise(6, 4), noise(200, 6, seed=1)
    torch.testing.assert_close(fit_map(given, given @ matrix, ridge=0.0), matrix, atol=1e-5, rtol=0)
    near = fit_map(given, given @ matrix)
    assert 1e-5 < (near - matrix).abs().max() < 0.01 and near.norm() < matrix.norm()
    # A direction that is never seen is led nowhere, instead of anywhere.
    given[:, 5] = 0
    assert (fit_map(given, given @ matrix)[5] == 0).all()


def test_a_moved_denoiser_draws_from_the_new_what_it_drew_from_the_old(tiny_folder: Path) -> None:
    unet = UNet2DConditionModel.from_pretrained(tiny_folder, subfolder="unet")
    width, side = unet.config["cross_attention_dim"], unet.config["sample_size"]
    matrix, given = noise(width + 3, width), noise(2, 1, width + 3, seed=1)
    latents, step = noise(2, unet.config["in_channels"], side, side, seed=2), torch.tensor([500, 20])
    other = moved(unet, matrix)
    assert other.config["cross_attention_dim"] == width + 3
    with torch.inference_mode():
        expected = unet(latents, step, encoder_hidden_states=given @ matrix).sample
        found = other(latents, step, encoder_hidden_states=given).sample
        without = [
            network(latents, step, torch.zeros(2, 1, w)).sample for network, w in ((unet, width), (other, width + 3))
        ]
    torch.testing.assert_close(found, expected, atol=1e-4, rtol=1e-4)
    torch.testing.assert_close(without[0], without[1], atol=1e-6, rtol=0)
    with pytest.raises(PairingError, match=f"takes embeddings of width {width}, and those .* have {width + 1}"):
        moved(unet, noise(5, width + 1))


def test_the_map_is_fitted_on_every_look(sprite_store) -> None:
    config = dataclasses.replace(CACHE, looks=(CachedLook(alone=True, views=2),))
    matrix = noise(3, 2)
    drawn: list[int] = []

    def new(rgb: torch.Tensor, alpha: torch.Tensor) -> torch.Tensor:
        drawn.append(len(rgb))
        return (rgb * alpha[:, None]).mean((2, 3))

    def old(rgb: torch.Tensor, alpha: torch.Tensor) -> torch.Tensor:
        return (rgb * alpha[:, None]).mean((2, 3)) @ matrix

    found = map_between(config, sprite_store, new=[new, new], old=[old, old], pictures=128)
    assert sum(drawn) == 256
    seen = torch.tensor([0.1, 0.2, 0.3])
    torch.testing.assert_close(seen @ found, seen @ matrix, atol=0.02, rtol=0)


def test_a_run_starts_from_a_denoiser_of_another_encoder(
    tiny_folder: Path, sprite_file: Path, tmp_path: Path, monkeypatch
) -> None:
    clip = str(tiny_folder / "clip")
    with pytest.raises(ConfigError, match="start_clip: name the denoiser that was trained with it as `start`"):
        DenoiserTraining(start_clip=clip)
    config = DenoiserTraining(
        run=RunConfig(chunk=4, batch=4), clip=clip, autoencoder=str(tiny_folder / "vae"), start=str(tiny_folder),
        start_clip=clip, cache=CACHE,
    )  # fmt: skip
    monkeypatch.setattr("gencontrol.training.stages.moving.PICTURES", 64)
    task = build_denoiser_task(config, Places(folder=tmp_path, sprites=sprite_file))
    own = UNet2DConditionModel.from_pretrained(tiny_folder, subfolder="unet").state_dict()
    first = task.module.get_submodule("unet").state_dict()
    changed = {name for name, values in first.items() if not torch.equal(values, own[name])}
    # From an encoder to itself: what reads the condition is moved by nearly nothing, and nothing else is.
    assert changed and all(".attn2.to_" in name for name in changed)
    # A run that goes on does not fit the map again: its weights come from its checkpoint.
    (tmp_path / "checkpoints" / "step-00000002").mkdir(parents=True)
    (tmp_path / "checkpoints" / "step-00000002" / "index.json").touch()
    again = build_denoiser_task(config, Places(folder=tmp_path, sprites=sprite_file))
    for name, values in again.module.get_submodule("unet").state_dict().items():
        assert torch.equal(values, own[name])
