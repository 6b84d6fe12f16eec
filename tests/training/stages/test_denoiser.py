import dataclasses

import pytest
import torch
from diffusers.models.unets.unet_2d_condition import UNet2DConditionModel
from diffusers.schedulers.scheduling_ddim import DDIMScheduler

from gencontrol.configuration import from_mapping, to_mapping
from gencontrol.errors import ConfigError, InputError
from gencontrol.sprites.compose import SceneConfig
from gencontrol.training.data.latents import LatentCache, draw_test_samples, open_cache, prepare_cache
from gencontrol.training.data.variations import CacheConfig, draw_pictures
from gencontrol.training.loop.settings import RunConfig
from gencontrol.training.loop.train import train
from gencontrol.training.stages.denoiser import (
    DenoiserTask,
    DenoiserTraining,
    build_scheduler,
    draw_timesteps,
    sample,
    view_weights,
)

CACHE = CacheConfig(
    samples=128, shard=64, picture=SceneConfig(size=32, counts=(1.0,), backgrounds=(1.0, 0.0, 0.0, 0.0, 0.0)),
    condition=SceneConfig(size=16, counts=(1.0,)),
)  # fmt: skip
RUN = RunConfig(
    steps=40, batch=16, chunk=16, learning_rate=3e-3, warmup=5, precision="float32", ema=0.5, evaluate_every=0,
    sheet_every=0, log_every=10,
)  # fmt: skip
CONFIG = DenoiserTraining(run=RUN, channels=(16, 16), attention=(True, False), head_width=16, cache=CACHE)


def fake_cache():
    """Latents that the embedding determines: its first entry is their mean."""
    generator = torch.Generator().manual_seed(0)
    value = torch.rand(200, generator=generator) * 4 - 2
    latents = value[:, None, None, None].expand(-1, 4, 4, 4)
    embeddings = torch.zeros(200, 1, 8)
    embeddings[:, 0, 0], embeddings[:, 0, 1] = value, 1.0
    return LatentCache(latents=latents.half(), embeddings=embeddings.half())


@pytest.fixture
def autoencoder(tiny):
    return tiny.vae()


def test_the_embedding_steers_what_is_drawn(autoencoder, tmp_path):
    cache = fake_cache()
    autoencoder.register_to_config(scaling_factor=1.0)
    run = dataclasses.replace(RUN, steps=150, learning_rate=1e-2)
    task = DenoiserTask(dataclasses.replace(CONFIG, run=run, embedding_noise=0.0), cache, autoencoder, cache)
    reports = []
    module = train(task, run, folder=tmp_path, report=reports.append)
    assert reports[-1].losses["velocity"] < 0.5 * reports[0].losses["velocity"]
    unet = UNet2DConditionModel.from_pretrained(tmp_path / "export" / "unet")
    scheduler = DDIMScheduler.from_pretrained(tmp_path / "export" / "scheduler")
    assert isinstance(scheduler, DDIMScheduler)
    scheduler.set_timesteps(10)
    means = []
    for value in (-1.5, 1.5):
        latents = torch.randn(4, 4, 4, 4, generator=torch.Generator().manual_seed(0))
        condition = torch.zeros(4, 1, 8)
        condition[..., 0], condition[..., 1] = value, 1.0
        with torch.inference_mode():
            for t in scheduler.timesteps:
                latents = scheduler.step(unet(latents, t, condition).sample, int(t), latents).prev_sample  # type: ignore
        means.append(float(latents.mean()))
    assert means[0] < -0.7 and means[1] > 0.7
    assert module is not task.module


def test_the_loss_is_measured_on_the_test_samples(autoencoder):
    autoencoder.register_to_config(scaling_factor=1.0)
    cache, loud = fake_cache(), fake_cache()
    loud = LatentCache(latents=10 * loud.latents, embeddings=loud.embeddings)
    quiet, other = (DenoiserTask(CONFIG, cache, autoencoder, test) for test in (cache, loud))
    with torch.inference_mode():
        first, again = (quiet.evaluate(quiet.module)["velocity/test"] for _ in range(2))
        # An untrained network's error is the target's own size: latents ten times as large are seen.
        assert other.evaluate(quiet.module)["velocity/test"] > 5 * first
    assert first == again


def test_test_samples_are_of_the_test_split(sprite_store):
    def draw(config):
        return draw_test_samples(
            config, sprite_store, count=64, to_latents=lambda rgb: rgb, looks=[lambda rgb, alpha: rgb.flatten(1)] * 2
        )

    samples = draw(CACHE)
    split = {k: dataclasses.replace(getattr(CACHE, k), split="test") for k in ("picture", "condition")}
    picture, conditions = draw_pictures(from_mapping(CacheConfig, to_mapping(CACHE) | split), sprite_store, 0, 64)
    assert torch.equal(samples.latents, picture.rgb.half())
    assert torch.equal(samples.embeddings[:, 1], conditions[1].rgb.flatten(1).half())
    assert not torch.equal(samples.latents, draw_pictures(CACHE, sprite_store, 0, 64)[0].rgb.half())


def test_conditions_are_dropped_and_noised(autoencoder):
    cache = fake_cache()
    task = DenoiserTask(dataclasses.replace(CONFIG, dropped=0.5), cache, autoencoder, fake_cache())
    batches = [task.draw(i)["embeddings"] for i in range(8)]
    dropped = (torch.cat(batches) == 0).all(-1).float().mean()
    assert 0.3 < dropped < 0.7
    assert torch.equal(batches[0], task.draw(0)["embeddings"])
    # Entries that are zero in the cache are the noise alone, as large as a share of the embedding's own deviation.
    given = torch.cat(batches)[(torch.cat(batches) != 0).any(-1)]
    spread = given[:, :2].abs().mean() * CONFIG.embedding_noise
    assert 0.2 * spread < given[:, 2:].std() < spread


@pytest.mark.parametrize("late", [0.0, 0.5, 1.0])
def test_a_share_of_the_timesteps_is_late(late):
    drawn = draw_timesteps(4000, 1000, late=late, generator=torch.Generator().manual_seed(0))
    # What is drawn from everywhere falls into the last fifth by chance, one time in five.
    assert float((drawn >= 800).float().mean()) == pytest.approx(late + 0.2 * (1 - late), abs=0.03)
    assert 0 <= int(drawn.min()) and 990 < int(drawn.max()) < 1000


def test_the_schedule_ends_in_pure_noise():
    scheduler = build_scheduler()
    assert scheduler.alphas_cumprod[-1] < 1e-6
    scheduler.set_timesteps(10)
    assert int(scheduler.timesteps[0]) == 999


def test_sampling_is_seeded_and_in_range(autoencoder):
    task = DenoiserTask(CONFIG, fake_cache(), autoencoder, fake_cache())
    unet = task.module.unet
    assert isinstance(unet, UNet2DConditionModel)
    first, again = (sample(unet, autoencoder, torch.ones(2, 8), seed=3, steps=2) for _ in range(2))
    assert torch.equal(first, again) and first.min() >= 0 and first.max() <= 1
    assert not torch.equal(first[0], first[1])


def test_levels_and_attention_must_match():
    with pytest.raises(ConfigError, match="one of each a level"):
        DenoiserTraining(channels=(16, 32), attention=(True,))


@pytest.mark.parametrize(("samples", "shard"), [(128, 32), (100, 64), (0, 64)])
def test_the_cache_is_whole_shards_of_whole_batches(samples, shard):
    with pytest.raises(ConfigError, match=rf"multiple of 64; got {samples} and {shard}"):
        CacheConfig(samples=samples, shard=shard)


def test_pictures_and_conditions_show_the_same_sprite_elsewhere(sprite_store):
    picture, conditions = draw_pictures(CACHE, sprite_store, 0, 16)
    assert len(conditions) == 2
    for other in conditions:
        assert torch.equal(other.layout.concept, picture.concept)
        assert not torch.allclose(other.layout.centre, picture.layout.centre)
    assert picture.layout.side.min() >= 0.6 and picture.visible.min() > 0.99
    assert picture.rgb.shape[-1] == 32 and conditions[0].rgb.shape[-1] == 16


@pytest.mark.parametrize(("share", "least", "most"), [(0.0, 0.0, 0.4), (0.5, 0.4, 0.8), (1.0, 1.0, 1.0)])
def test_the_share_of_conditions_in_the_pictures_style(sprite_store, share, least, most):
    config = dataclasses.replace(CACHE, same_style=share)
    picture, conditions = draw_pictures(config, sprite_store, 0, 64)
    same = [other.layout.style == picture.style for other in conditions]
    # By chance a sixth of the others are in the same style too.
    assert least <= float(torch.cat(same).float().mean()) <= most
    if share == 1.0:
        assert torch.equal(conditions[0].layout.colour, picture.layout.colour)


def test_views_are_mixed_uniformly_over_the_simplex_or_taken_alone():
    generator = torch.Generator().manual_seed(0)
    weights = view_weights(4000, 3, mixed=0.75, generator=generator)
    torch.testing.assert_close(weights.sum(-1), torch.ones(4000))
    single = weights.max(-1).values == 1
    assert abs(float(single.float().mean()) - 0.25) < 0.03
    # Over a simplex of three corners, a coordinate has mean 1/3 and variance 1/18; taken alone, 2/9.
    torch.testing.assert_close(weights.mean(0), torch.full((3,), 1 / 3), atol=0.02, rtol=0)
    assert abs(float(weights[~single].var(0).mean()) - 1 / 18) < 0.005
    assert abs(float(weights[single].var(0).mean()) - 2 / 9) < 0.01


def test_mixed_views_condition_the_denoiser(autoencoder):
    # Views of picture i lie at (i, 0) and (i, 1): a mixture keeps the first entry and is between in the second.
    embeddings = torch.zeros(20, 2, 8)
    embeddings[..., 0] = torch.arange(20.0)[:, None]
    embeddings[:, 1, 1] = 1.0
    cache = LatentCache(latents=fake_cache().latents[:20], embeddings=embeddings.half())
    config = dataclasses.replace(CONFIG, mixed=1.0, dropped=0.0, embedding_noise=0.0)
    drawn = DenoiserTask(config, cache, autoencoder, fake_cache()).draw(0)["embeddings"]
    torch.testing.assert_close(drawn[:, 0], drawn[:, 0].round(), atol=1e-5, rtol=0)
    assert ((drawn[:, 1] > 0) & (drawn[:, 1] < 1)).all()


@pytest.mark.parametrize("name", ["dropped", "mixed", "late"])
def test_shares_are_shares(name):
    with pytest.raises(ConfigError, match=rf"{name}: expected a share in \[0, 1\], got 1.5"):
        from_mapping(DenoiserTraining, {name: 1.5})


def test_paper_whitens_the_backgrounds_of_pictures_alone(sprite_store):
    plain = draw_pictures(CACHE, sprite_store, 0, 8)
    pale = draw_pictures(dataclasses.replace(CACHE, paper=0.75), sprite_store, 0, 8)
    torch.testing.assert_close(pale[0].background, 0.75 + 0.25 * plain[0].background)
    assert torch.equal(pale[0].alpha, plain[0].alpha)
    assert torch.equal(pale[1][0].rgb, plain[1][0].rgb)
    with pytest.raises(ConfigError, match=r"paper: expected a share in \[0, 1\], got 2"):
        dataclasses.replace(CACHE, paper=2.0)


def test_pictures_without_spread_show_the_sprite_in_the_middle(sprite_store):
    picture, conditions = draw_pictures(dataclasses.replace(CACHE, picture_spread=0.0), sprite_store, 0, 8)
    torch.testing.assert_close(picture.layout.centre, torch.full_like(picture.layout.centre, 0.5))
    assert (conditions[0].layout.centre - 0.5).abs().max() > 0.05
    halfway = draw_pictures(dataclasses.replace(CACHE, picture_spread=0.5), sprite_store, 0, 8)[0].layout.centre
    anywhere = draw_pictures(CACHE, sprite_store, 0, 8)[0].layout.centre
    torch.testing.assert_close(halfway - 0.5, (anywhere - 0.5) / 2)
    with pytest.raises(ConfigError, match=r"picture_spread: expected a share in \[0, 1\], got -1.0"):
        dataclasses.replace(CACHE, picture_spread=-1.0)


def test_a_run_goes_on_from_an_earlier_ones_export(autoencoder, tmp_path):
    run = dataclasses.replace(RUN, steps=2)
    first = train(DenoiserTask(CONFIG, fake_cache(), autoencoder, fake_cache()), run, folder=tmp_path / "first")
    config = dataclasses.replace(CONFIG, start=str(tmp_path / "first" / "export"))
    task = DenoiserTask(config, fake_cache(), autoencoder, fake_cache())
    for name, weight in task.module.state_dict().items():
        assert torch.equal(weight, first.state_dict()[name])


def test_the_cache_is_resumable_and_complete(sprite_store, tmp_path):
    calls = []

    def to_latents(rgb):
        calls.append(len(rgb))
        return rgb[:, :, ::4, ::4]

    def look(rgb, alpha):
        return (rgb * alpha[:, None]).mean((2, 3))

    def prepare(config=CACHE, share=slice(None), clip="one"):
        prepare_cache(
            config,
            sprite_store,
            to_latents=to_latents,
            looks=[look, look],
            folder=tmp_path,
            made_with={"clip": clip},
            share=share,
        )

    prepare(share=slice(1, None, 2))
    assert sum(calls) == 64 and [p.name for p in tmp_path.glob("*.safetensors")] == ["latents-00001.safetensors"]
    prepare(share=slice(0, None, 2))
    whole = open_cache(CACHE, tmp_path)
    assert whole.latents.shape == (128, 3, 8, 8) and whole.embeddings.shape == (128, 2, 3)
    (tmp_path / "latents-00001.safetensors").unlink()
    with pytest.raises(InputError, match="lacks 1 files"):
        open_cache(CACHE, tmp_path)
    calls.clear()
    prepare()
    assert sum(calls) == 64 and torch.equal(open_cache(CACHE, tmp_path).latents, whole.latents)
    with pytest.raises(ConfigError, match=r"made with other settings \(paper 0.0 -> 0.5\)"):
        prepare(dataclasses.replace(CACHE, paper=0.5))
    with pytest.raises(ConfigError, match=r"made with other settings \(clip one -> two\)"):
        prepare(clip="two")
    (tmp_path / "settings.json").unlink()
    with pytest.raises(ConfigError, match="does not say how it was made"):
        prepare()
