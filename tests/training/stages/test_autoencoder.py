import dataclasses
import math

import numpy as np
import pytest
import torch
from diffusers.models.autoencoders.autoencoder_kl import AutoencoderKL

from gencontrol.errors import ConfigError
from gencontrol.sprites.compose import SceneConfig, compose
from gencontrol.training.loop.settings import RunConfig
from gencontrol.training.loop.train import train
from gencontrol.training.stages.autoencoder import (
    AutoencoderTask,
    AutoencoderTraining,
    build_autoencoder,
    decode,
    edge_errors,
    encode,
    random_crops,
)

RUN = RunConfig(
    steps=40, batch=8, chunk=8, learning_rate=3e-3, warmup=2, precision="float32", ema=0.5, evaluate_every=0,
    sheet_every=0,
)  # fmt: skip
CONFIG = AutoencoderTraining(
    run=RUN, channels=(8, 16), latent_channels=4, norm_groups=4, crop=16, scenes=SceneConfig(size=32, counts=(1.0,))
)


def test_it_learns_to_reconstruct_and_saves_a_scale(sprite_store, tmp_path):
    task = AutoencoderTask(CONFIG, sprite_store)
    with torch.inference_mode():
        before = task.evaluate(task.module)["psnr"]
    average = train(task, RUN, folder=tmp_path)
    with torch.inference_mode():
        assert task.evaluate(average)["psnr"] > before + 1
        assert task.sheet(average).size[0] > 8 * 32
    stock = AutoencoderKL.from_pretrained(tmp_path / "export")
    latents = encode(stock, task._test).mean.detach()
    assert abs(float((latents * stock.config["scaling_factor"]).std()) - 1) < 0.01
    assert latents.shape == (32, 4, 16, 16) and decode(stock, latents).shape == (32, 3, 32, 32)


def test_the_decoder_alone_goes_on_and_latents_stay_valid(sprite_store, tmp_path):
    train(AutoencoderTask(CONFIG, sprite_store), dataclasses.replace(RUN, steps=2), folder=tmp_path / "first")
    first = AutoencoderKL.from_pretrained(tmp_path / "first" / "export")
    run = dataclasses.replace(RUN, steps=20)
    config = dataclasses.replace(CONFIG, run=run, start=str(tmp_path / "first" / "export"), decoder_only=True)
    task = AutoencoderTask(config, sprite_store)
    with torch.inference_mode():
        before = task.evaluate(task.module)["psnr"]
    average = train(task, run, folder=tmp_path / "second")
    second = AutoencoderKL.from_pretrained(tmp_path / "second" / "export")
    assert second.config["scaling_factor"] == first.config["scaling_factor"]
    for name, weight in first.state_dict().items():
        kept = name.startswith(("encoder.", "quant_conv."))
        assert not kept or torch.equal(weight, second.state_dict()[name]), name
    with torch.inference_mode():
        assert task.evaluate(average)["psnr"] > before + 0.5


def test_a_decoder_alone_needs_an_encoder():
    with pytest.raises(ConfigError, match="whose encoder is to be kept"):
        AutoencoderTraining(decoder_only=True)


def test_edges_see_a_blur_that_means_do_not():
    stripes = torch.zeros(1, 3, 8, 8)
    stripes[..., ::2] = 1
    grey = torch.full_like(stripes, 0.5)
    assert edge_errors(stripes, stripes).item() == 0
    assert edge_errors(stripes + 0.3, stripes).item() < 1e-6
    assert edge_errors(grey, stripes).item() == 1.0


def test_crops_are_parts_of_their_pictures():
    pictures = torch.arange(2 * 3 * 6 * 6).float().view(2, 3, 6, 6)
    crops = random_crops(pictures, 4, torch.Generator().manual_seed(0))
    for picture, crop in zip(pictures, crops, strict=True):
        windows = picture.unfold(1, 4, 1).unfold(2, 4, 1).permute(1, 2, 0, 3, 4).reshape(-1, 3, 4, 4)
        assert any(torch.equal(crop, w) for w in windows)


def test_test_scenes_are_the_test_splits(sprite_store):
    task = AutoencoderTask(CONFIG, sprite_store)
    test, training = (
        compose(sprite_store, dataclasses.replace(CONFIG.scenes, split=split), batch=32, seed=0).rgb * 2 - 1
        for split in ("test", "train")
    )
    assert torch.equal(task._test, test) and not torch.equal(task._test, training)


def test_defaults():
    assert AutoencoderTraining() == AutoencoderTraining(
        run=RunConfig(precision="float32", batch=32, chunk=16),
        start="",
        decoder_only=False,
        channels=(24, 48, 96, 96),
        latent_channels=8,
        norm_groups=8,
        crop=64,
        edge_weight=1.0,
        kl_weight=1e-6,
        scenes=SceneConfig(size=128, counts=(0.7, 0.3), backgrounds=(0.3, 0.3, 0.2, 0.1, 0.1), blur=0.0),
    )


def test_latents_start_at_a_twentieth_of_noise():
    autoencoder = build_autoencoder(CONFIG)
    config = autoencoder.config
    assert (config["block_out_channels"], config["layers_per_block"], config["sample_size"]) == ((8, 16), 1, 32)
    assert config["mid_block_add_attention"] is False
    latents = encode(autoencoder, torch.zeros(1, 3, 16, 16))
    assert latents.mean.shape == (1, 4, 8, 8)
    assert torch.allclose(latents.std, torch.full_like(latents.std, math.exp(-3)))


def test_crops_lie_anywhere():
    pictures = torch.arange(7.0).expand(200, 1, 5, 7) + 10 * torch.arange(5.0)[:, None]
    corners = random_crops(pictures, 4, torch.Generator().manual_seed(0))[:, 0, 0, 0]
    assert set(corners.tolist()) == {10.0 * row + column for row in range(2) for column in range(4)}


def test_a_batch_has_crops_from_black_to_white_and_noise_of_its_latents(sprite_store):
    task = AutoencoderTask(dataclasses.replace(CONFIG, channels=(8, 8, 16)), sprite_store)
    batch = task.draw(0)
    assert batch["pixels"].shape == (8, 3, 16, 16) and batch["noise"].shape == (8, 4, 4, 4)
    assert batch["pixels"].min() < -0.5 and batch["pixels"].max() > 0.5 and batch["pixels"].abs().max() <= 1
    assert not torch.equal(batch["pixels"], task.draw(1)["pixels"])


def test_what_errors_count(sprite_store):
    task = AutoencoderTask(dataclasses.replace(CONFIG, edge_weight=2.0, kl_weight=0.5), sprite_store)
    pixels = torch.zeros(2, 3, 4, 4)
    decoded = pixels.clone()
    decoded[0, :, :, ::2] = 0.4  # stripes: a fifth off on average, and 0.4 between neighbours, in one of two

    class Fixed(torch.nn.Module):
        def forward(self, pixels, noise):
            return decoded, torch.tensor([3.0, 5.0])

    losses = task.losses(Fixed(), {"pixels": pixels, "noise": pixels})
    assert {k: v.item() for k, v in losses.items()} == pytest.approx({"pixels": 0.1, "edges": 0.4, "kl": 2.0})


def test_figures_are_decibels_of_the_whole_range_and_sheets_show_sixteen(sprite_store, monkeypatch):
    task = AutoencoderTask(CONFIG, sprite_store)
    assert len(task._test) == 32 and task._test.min() < -0.5
    # A tenth of the range of two.
    monkeypatch.setattr(task, "_reconstruct", lambda module: task._test + 0.2)
    assert task.evaluate(task.module)["psnr"] == pytest.approx(20, abs=0.01)
    monkeypatch.setattr(task, "_reconstruct", lambda module: torch.ones_like(task._test))
    sheet = task.sheet(task.module)
    assert sheet.size == (8 * 34 + 2, 4 * 34 + 2)
    rows = [np.asarray(sheet)[2 + 34 * row : 34 + 34 * row, 2:34] for row in range(4)]
    shown = ((task._test[[0, 8]] + 1) * 127.5).permute(0, 2, 3, 1).numpy()
    assert (rows[1] == 255).all() and (rows[3] == 255).all()
    assert abs(rows[0] - shown[0]).max() <= 1 and abs(rows[2] - shown[1]).max() <= 1
