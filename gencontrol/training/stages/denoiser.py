"""Stage 4: the denoiser, conditioned on an image embedding as Stable Diffusion image variation is."""

import copy
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

import torch
from diffusers.models.autoencoders.autoencoder_kl import AutoencoderKL
from diffusers.models.unets.unet_2d_condition import UNet2DConditionModel
from diffusers.schedulers.scheduling_ddim import DDIMScheduler, DDIMSchedulerOutput
from jaxtyping import Float, Int
from PIL import Image
from torch import Tensor, nn
from torch.nn import functional
from torchvision.utils import make_grid

from gencontrol.errors import ConfigError
from gencontrol.images.writing import to_pil
from gencontrol.streams import seeded, stream
from gencontrol.training.data.latents import LatentCache
from gencontrol.training.data.variations import CacheConfig
from gencontrol.training.loop.settings import RunConfig
from gencontrol.training.loop.task import Batch, ParameterGroup
from gencontrol.training.stages.autoencoder import decode


@dataclass(frozen=True, kw_only=True)
class DenoiserTraining:
    """Stage 4: the denoiser."""

    run: RunConfig = field(default_factory=lambda: RunConfig(precision="float32", batch=64, chunk=64, ema=0.9995))
    """How the run goes."""
    start: str = ""
    """A folder that an earlier run exported, to go on from its weights with a new schedule; its shapes are kept."""
    start_clip: str = ""
    """The plain CLIP that `start` was trained with, where it is another than `clip`: a folder or hub id. `start` is
    then moved to the new embeddings first (see `gencontrol.training.stages.moving`)."""
    clip: str = ""
    """The plain CLIP whose looks condition: a folder or hub id."""
    alpha_clip: str = ""
    """The Alpha-CLIP whose looks condition, where the cache asks for them: a folder or hub id."""
    autoencoder: str = ""
    """The autoencoder: a folder."""
    channels: tuple[int, ...] = (64, 96, 160)
    """Width of each level of the U-Net."""
    attention: tuple[bool, ...] = (False, True, True)
    """Which levels attend, to themselves and to the embedding."""
    head_width: int = 32
    """Width of an attention head."""
    dropped: float = 0.1
    """Share of samples without condition (a zero embedding), for classifier-free guidance."""
    embedding_noise: float = 0.1
    """Standard deviation of noise on the embedding, as a share of its own, so that the denoiser forgives drift."""
    mixed: float = 0.0
    """Share of samples conditioned on a random mixture of all of their picture's embeddings; the others on one of them.
    One view alone often does not tell what it shows, and then teaches little; a mixture does."""
    late: float = 0.0
    """Share of timesteps drawn from the last fifth, where the embedding decides the layout; the others from all."""
    cache: CacheConfig = field(default_factory=CacheConfig)
    """What is trained on."""

    def __post_init__(self) -> None:
        for name in ("dropped", "mixed", "late"):
            if not 0 <= getattr(self, name) <= 1:
                raise ConfigError(f"{name}: expected a share in [0, 1], got {getattr(self, name)}.")
        if self.start_clip and not self.start:
            raise ConfigError("start_clip: name the denoiser that was trained with it as `start`.")
        if len(self.channels) != len(self.attention):
            raise ConfigError(
                f"channels and attention: expected one of each a level, got {self.channels}, {self.attention}."
            )


Predict = Callable[[Float[Tensor, "n c h w"], Tensor], Float[Tensor, "n c h w"]]
"""Noisy latents and their timesteps to what is predicted."""


class _Denoise(nn.Module):
    """What a wrapped module's forward pass has to be."""

    def __init__(self, unet: UNet2DConditionModel):
        super().__init__()
        self.unet = unet

    def forward(self, noisy: Tensor, timesteps: Tensor, embeddings: Tensor) -> Tensor:
        """The velocity, for embeddings as one token each."""
        return self.unet(noisy, timesteps, encoder_hidden_states=embeddings[:, None]).sample


class DenoiserTask:
    """Stage 4 as the loop sees it."""

    def __init__(
        self,
        config: DenoiserTraining,
        cache: LatentCache,
        autoencoder: AutoencoderKL,
        test: LatentCache,
        *,
        first: UNet2DConditionModel | None = None,
    ):
        """Build the denoiser from the run's seed.

        Args:
            config: The stage's settings.
            cache: Latents and embeddings.
            autoencoder: For sample sheets and the latents' scale.
            test: What the loss is measured on, and the sheets show variations of.
            first: What the run starts from; None is what the settings say.
        """
        torch.manual_seed(config.run.seed)
        self.config, self.cache = config, cache
        self.autoencoder = autoencoder.eval()
        self.scheduler = build_scheduler()
        # A CPU's convolutions are some 15 % faster in this layout.
        self.module: nn.Module = _Denoise(first or first_unet(config, cache)).to(memory_format=torch.channels_last)
        self._test = test

    def groups(self) -> list[ParameterGroup]:
        """Everything at one step size."""
        return [ParameterGroup(parameters=list(self.module.parameters()))]

    def draw(self, index: int) -> Batch:
        """Clean latents, noise, timesteps and embeddings, some of them dropped."""
        return self._draw(self.cache, stream(self.config.run.seed, index, "denoiser"))

    def _draw(self, cache: LatentCache, generator: torch.Generator) -> Batch:
        count = self.config.run.chunk
        rows = torch.randint(len(cache.latents), (count,), generator=generator)
        weights = view_weights(count, cache.embeddings.shape[1], mixed=self.config.mixed, generator=generator)
        latents = cache.latents[rows].float() * self.autoencoder.config["scaling_factor"]
        embeddings = torch.einsum("nk,nkd->nd", weights, cache.embeddings[rows].float())
        spread = self.config.embedding_noise * embeddings.std(-1, keepdim=True)
        embeddings = embeddings + spread * torch.randn(embeddings.shape, generator=generator)
        kept = torch.rand(count, 1, generator=generator) >= self.config.dropped
        return {
            "latents": latents,
            "noise": torch.randn(latents.shape, generator=generator),
            "timesteps": draw_timesteps(
                count, self.scheduler.config["num_train_timesteps"], late=self.config.late, generator=generator
            ),
            "embeddings": embeddings * kept,
        }

    def losses(self, module: nn.Module, batch: Batch) -> dict[str, Tensor]:
        """Mean squared error of the velocity."""
        return {"velocity": velocity_error(self.scheduler, batch, lambda *at: module(*at, batch["embeddings"]))}

    def evaluate(self, module: nn.Module) -> dict[str, float]:
        """The loss on the test split, always on the same samples under the same noise."""
        batches = [self._draw(self._test, stream(self.config.run.seed, i, "denoiser-test")) for i in range(8)]
        device = next(module.parameters()).device
        placed = [{name: values.to(device) for name, values in batch.items()} for batch in batches]
        losses = [self.losses(module, batch)["velocity"] for batch in placed]
        return {"velocity/test": float(torch.stack(losses).mean())}

    def sheet(self, module: nn.Module) -> Image.Image:
        """Four variations of each of fourteen test embeddings, and eight samples without condition."""
        unet = cast(_Denoise, module).unet
        shown = self._test.embeddings[:14, 0].float()
        embeddings = functional.pad(shown.repeat_interleave(4, 0), (0, 0, 0, 8))
        pictures = sample(unet, self.autoencoder, embeddings, seed=0)
        return to_pil(make_grid(pictures, nrow=8))

    def export(self, module: nn.Module, folder: Path) -> None:
        """Save the UNet2DConditionModel and the scheduler."""
        unet = copy.deepcopy(cast(_Denoise, module).unet)
        unet.to(memory_format=torch.contiguous_format)  # type: ignore[call-overload]  # safetensors wants it.
        unet.save_pretrained(folder / "unet")
        self.scheduler.save_pretrained(folder / "scheduler")


def velocity_error(scheduler: DDIMScheduler, batch: Batch, predict: Predict) -> Float[Tensor, ""]:
    """Mean squared error of the velocity predicted for `latents` with `noise` at `timesteps`, all of a batch."""
    steps = cast(torch.IntTensor, batch["timesteps"])
    noisy = scheduler.add_noise(batch["latents"], batch["noise"], steps)
    target = scheduler.get_velocity(batch["latents"], batch["noise"], steps)
    return (predict(noisy, steps).float() - target).square().mean()


def view_weights(count: int, views: int, *, mixed: float, generator: torch.Generator) -> Float[Tensor, "n k"]:
    """Weights that sum to 1: uniform over the simplex for a share `mixed` of the samples, one view for the others."""
    which = torch.randint(views, (count,), generator=generator)
    single = functional.one_hot(which, views).float()
    # Normalised exponentials are uniform over the simplex (a Dirichlet distribution of concentration 1).
    mixture = functional.normalize(torch.empty(count, views).exponential_(generator=generator), p=1.0, dim=-1)
    return torch.where(torch.rand(count, 1, generator=generator) < mixed, mixture, single)


def draw_timesteps(count: int, steps: int, *, late: float, generator: torch.Generator) -> Int[Tensor, " n"]:
    """Timesteps from all `steps`, and a share `late` of them from the last fifth.

    In a picture of one thing on plain ground the layout is decided there, from the embedding alone; a U-Net, which has
    no coordinates but its padding, learns it last.
    """
    everywhere = torch.randint(steps, (count,), generator=generator)
    noisy = torch.randint(steps - steps // 5, steps, (count,), generator=generator)
    return torch.where(torch.rand(count, generator=generator) < late, noisy, everywhere)


def build_scheduler() -> DDIMScheduler:
    """Velocity prediction with a cosine schedule that ends in pure noise.

    Latents of 16 by 16 lose their picture under less noise than Stable Diffusion's of 64 by 64, whose schedule would
    spend most of its steps where nothing is to be seen; Nichol and Dhariwal's (arXiv 2102.09672) was made for small
    pictures.

    Plain backgrounds need it: otherwise sampling starts from a state that training never saw, and every picture keeps
    a medium brightness. Source: Lin et al., "Common Diffusion Noise Schedules and Sample Steps are Flawed",
    arXiv 2305.08891.
    """
    return DDIMScheduler(
        beta_schedule="squaredcos_cap_v2",
        prediction_type="v_prediction",
        rescale_betas_zero_snr=True,
        timestep_spacing="trailing",
        clip_sample=False,
        set_alpha_to_one=True,
    )


def first_unet(config: DenoiserTraining, cache: LatentCache) -> UNet2DConditionModel:
    """What the run starts from: random weights, or an earlier run's."""
    if not config.start:
        return build_unet(config, cache)
    return UNet2DConditionModel.from_pretrained(config.start, subfolder="unet")


def build_unet(config: DenoiserTraining, cache: LatentCache) -> UNet2DConditionModel:
    """A U-Net for the cache's latents and embeddings."""
    down = tuple("CrossAttnDownBlock2D" if a else "DownBlock2D" for a in config.attention)
    up = tuple("CrossAttnUpBlock2D" if a else "UpBlock2D" for a in reversed(config.attention))
    # As one mapping: diffusers annotates the heads' tuple as of length one.
    shape: dict[str, Any] = {
        "sample_size": cache.latents.shape[-1],
        "in_channels": cache.latents.shape[1],
        "out_channels": cache.latents.shape[1],
        "down_block_types": down,
        "up_block_types": up,
        "block_out_channels": config.channels,
        "layers_per_block": 1,
        "attention_head_dim": tuple(c // config.head_width for c in config.channels),
        "cross_attention_dim": cache.embeddings.shape[-1],
        "norm_num_groups": 16,
    }
    return UNet2DConditionModel(**shape)


def denoise(latents: Float[Tensor, "n c h w"], predict: Predict, *, steps: int) -> Float[Tensor, "n c h w"]:
    """From noise to latents, in so many steps."""
    scheduler = build_scheduler()
    scheduler.set_timesteps(steps)
    for t in scheduler.timesteps:
        step = scheduler.step(predict(latents, t), int(t), latents)
        latents = cast(DDIMSchedulerOutput, step).prev_sample
    return latents


def sample(
    unet: UNet2DConditionModel,
    autoencoder: AutoencoderKL,
    embeddings: Float[Tensor, "n d"],
    *,
    seed: int,
    steps: int = 25,
    guidance: float = 3.0,
) -> Float[Tensor, "n 3 h w"]:
    """Pictures in [0, 1] for embeddings, for sample sheets; users have the pipelines."""
    generator = seeded(seed)
    side = unet.config["sample_size"]
    # Drawn on the CPU, so that a seed gives one picture on every machine.
    latents = torch.randn(len(embeddings), unet.config["in_channels"], side, side, generator=generator).to(unet.device)
    embeddings = embeddings.to(unet.device)
    condition = torch.cat([torch.zeros_like(embeddings), embeddings])[:, None]

    def predict(noisy: Tensor, t: Tensor) -> Tensor:
        without, given = unet(torch.cat([noisy, noisy]), t, encoder_hidden_states=condition).sample.chunk(2)
        return without + guidance * (given - without)

    latents = denoise(latents, predict, steps=steps).to(autoencoder.device)
    decoded = decode(autoencoder, latents / autoencoder.config["scaling_factor"])
    return (decoded.clamp(-1, 1) + 1) / 2
