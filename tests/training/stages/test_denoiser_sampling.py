"""The denoiser's settings, what it draws to learn from, and its sample sheets."""

import dataclasses

import pytest
import torch
from diffusers.models.unets.unet_2d_condition import UNet2DConditionModel

from gencontrol.errors import ConfigError
from gencontrol.streams import stream
from gencontrol.training.data.latents import LatentCache
from gencontrol.training.data.variations import CacheConfig
from gencontrol.training.loop.settings import RunConfig
from gencontrol.training.stages.denoiser import DenoiserTask, DenoiserTraining, build_scheduler, build_unet, sample

RUN = RunConfig(steps=4, batch=16, chunk=16, precision="float32")
CONFIG = DenoiserTraining(run=RUN, channels=(16, 32), attention=(True, False), head_width=16)


def cache() -> LatentCache:
    """Twenty pictures; embeddings of two views each."""
    generator = torch.Generator().manual_seed(0)
    latents, embeddings = torch.randn(20, 4, 4, 4, generator=generator), torch.randn(20, 2, 8, generator=generator)
    return LatentCache(latents=latents.half(), embeddings=embeddings.half())


@pytest.fixture(scope="module")
def task(tiny) -> DenoiserTask:
    return DenoiserTask(CONFIG, cache(), tiny.vae(), cache())


def unet_of(task: DenoiserTask) -> UNet2DConditionModel:
    unet = task.module.unet
    assert isinstance(unet, UNet2DConditionModel)
    return unet


def test_defaults() -> None:
    assert DenoiserTraining() == DenoiserTraining(
        run=RunConfig(precision="float32", batch=64, chunk=64, ema=0.9995),
        start="",
        clip="",
        autoencoder="",
        channels=(64, 96, 160),
        attention=(False, True, True),
        head_width=32,
        dropped=0.1,
        embedding_noise=0.1,
        mixed=0.0,
        late=0.0,
        cache=CacheConfig(),
    )


@pytest.mark.parametrize("name", ["dropped", "mixed", "late"])
def test_shares_run_from_0_to_1(name: str) -> None:
    for share in (0.0, 1.0):
        dataclasses.replace(CONFIG, **{name: share})
    for share in (-0.01, 1.01):
        with pytest.raises(ConfigError, match=rf"{name}: expected a share in \[0, 1\], got {share}"):
            dataclasses.replace(CONFIG, **{name: share})


def test_the_network_has_the_shapes_that_are_asked_for() -> None:
    config = build_unet(dataclasses.replace(CONFIG, channels=(32, 64), attention=(False, True)), cache()).config
    expected = {
        "sample_size": 4,
        "in_channels": 4,
        "out_channels": 4,
        "down_block_types": ("DownBlock2D", "CrossAttnDownBlock2D"),
        "up_block_types": ("CrossAttnUpBlock2D", "UpBlock2D"),
        "block_out_channels": (32, 64),
        "layers_per_block": 1,
        "attention_head_dim": (2, 4),
        "cross_attention_dim": 8,
        "norm_num_groups": 16,
    }
    assert {name: config[name] for name in expected} == expected


def test_the_schedule_does_not_clip_and_ends_a_sampling_at_the_picture() -> None:
    scheduler = build_scheduler()
    settings = ("clip_sample", "set_alpha_to_one", "rescale_betas_zero_snr")
    assert [scheduler.config[name] for name in settings] == [False, True, True]
    assert scheduler.final_alpha_cumprod == 1


def test_a_batch_is_made_of_the_cache(task: DenoiserTask) -> None:
    plain = dataclasses.replace(CONFIG, dropped=0.0, embedding_noise=0.0)
    exact = DenoiserTask(plain, cache(), task.autoencoder, cache()).draw(3)
    latents = cache().latents.float() * task.autoencoder.config["scaling_factor"]
    rows = [(latents == drawn).flatten(1).all(1).nonzero().item() for drawn in exact["latents"]]
    views = cache().embeddings[torch.tensor(rows)].float()
    assert (views == exact["embeddings"][:, None]).all(-1).any(-1).all()
    # A tenth of each embedding's own spread is noise, and a tenth is dropped.
    noisy = DenoiserTask(
        dataclasses.replace(CONFIG, run=dataclasses.replace(RUN, batch=2000, chunk=2000)), cache(), task.autoencoder,
        cache(),
    ).draw(0)["embeddings"]  # fmt: skip
    kept = noisy[noisy.any(-1)]
    assert len(kept) / 2000 == pytest.approx(0.9, abs=0.02)
    flat = cache().embeddings.float().flatten(0, 1)
    nearest = flat[torch.cdist(kept, flat).argmin(-1)]
    spread = (kept - nearest).std(dim=-1) / nearest.std(dim=-1)
    assert spread.mean().item() == pytest.approx(0.1, abs=0.01)


def test_the_same_eight_test_batches_are_looked_at(task: DenoiserTask) -> None:
    drawn = [task._draw(cache(), stream(0, index, "denoiser-test")) for index in range(8)]
    with torch.no_grad():
        losses = [task.losses(task.module, batch)["velocity"].item() for batch in drawn]
        assert task.evaluate(task.module)["velocity/test"] == pytest.approx(sum(losses) / 8, rel=1e-5)


def test_guidance_leads_from_without_to_beyond_the_embedding(task: DenoiserTask, monkeypatch) -> None:
    unet, one, other = unet_of(task), torch.ones(1, 8), -2 * torch.ones(1, 8)

    def drawn(embedding: torch.Tensor, guidance: float) -> torch.Tensor:
        with torch.no_grad():
            return sample(unet, task.autoencoder, embedding, seed=3, steps=1, guidance=guidance)

    with torch.no_grad():
        default = sample(unet, task.autoencoder, one, seed=3)
        assert torch.equal(default, sample(unet, task.autoencoder, one, seed=3, steps=25, guidance=3.0))
    # One step is linear in the guidance; so is the picture, if the decoder only shows the latents.
    monkeypatch.setattr("gencontrol.training.stages.denoiser.decode", lambda _, latents: 0.01 * latents[:, :3])
    assert torch.equal(drawn(one, 0.0), drawn(other, 0.0)) and not torch.equal(drawn(one, 1.0), drawn(other, 1.0))
    without, given, beyond = (drawn(one, guidance) for guidance in (0.0, 1.0, 2.0))
    assert torch.allclose(beyond - given, given - without, atol=1e-5) and (given - without).abs().max() > 1e-3


def test_a_sheet_shows_four_of_each_of_fourteen_and_eight_without(task: DenoiserTask, monkeypatch) -> None:
    asked: list[torch.Tensor] = []

    def instead(unet, autoencoder, embeddings, *, seed):
        asked.append(embeddings)
        return torch.full((len(embeddings), 3, 16, 16), float(seed))

    monkeypatch.setattr("gencontrol.training.stages.denoiser.sample", instead)
    sheet = task.sheet(task.module)
    assert sheet.size == (8 * 18 + 2, 8 * 18 + 2) and sheet.getextrema() == ((0, 0),) * 3
    (embeddings,) = asked
    assert embeddings.shape == (64, 8) and not embeddings[56:].any()
    assert torch.equal(embeddings[:56], cache().embeddings[:14, 0].float().repeat_interleave(4, 0))
