import dataclasses

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
