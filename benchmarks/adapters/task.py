"""Training, on the loop that trains the package's own models: first the base on texts, then an adapter beside it."""

import copy
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, cast

import torch
from diffusers.models.autoencoders.autoencoder_kl import AutoencoderKL
from diffusers.models.unets.unet_2d_condition import UNet2DConditionModel
from jaxtyping import Float
from PIL import Image
from torch import Tensor, nn
from torchvision.utils import make_grid

from benchmarks.adapters.parts import (
    Kind,
    adapter_parameters,
    adapter_weights,
    new_adapter,
    read_texts,
    save_adapter,
    stock_pipeline,
    text_unet,
    with_adapter,
)
from benchmarks.adapters.samples import Samples
from gencontrol.alpha_clip.model import AlphaCLIP
from gencontrol.conditioning.token_towers import token_tower
from gencontrol.conditioning.tokens import zero_pixels
from gencontrol.images.writing import to_pil
from gencontrol.sprites.captions import concept_prompts
from gencontrol.sprites.store import SpriteStore
from gencontrol.streams import stream
from gencontrol.training.loop.settings import RunConfig
from gencontrol.training.loop.task import Batch, ParameterGroup
from gencontrol.training.stages.autoencoder import decode
from gencontrol.training.stages.denoiser import build_scheduler, denoise, draw_timesteps, velocity_error

Stage = Literal["text", "base", "plus"]
"""The base itself, or one of the adapters."""
SHOWN = 16
"""Pictures on a sheet."""


@dataclass(frozen=True, kw_only=True)
class AdapterTraining:
    """How a stage is trained."""

    run: RunConfig = field(
        default_factory=lambda: RunConfig(
            steps=2000,
            batch=32,
            chunk=32,
            learning_rate=1e-3,
            schedule="constant",
            decay=0.3,
            weight_decay=0.01,
            precision="float32",
            ema=0.998,
            evaluate_every=250,
            sheet_every=500,
        )
    )
    """How the run goes."""
    stage: Stage = "text"
    """What is trained."""
    told: float = 0.9
    """Share of samples that are told the thing's name in the text, for the base; for adapters a third of it."""
    shown: float = 0.9
    """Share of samples whose picture an adapter is given; the others are given the host's "nothing"."""
    late: float = 0.3
    """See `DenoiserTraining.late`."""


class _Denoise(nn.Module):
    def __init__(self, unet: UNet2DConditionModel):
        super().__init__()
        self.unet = unet

    def forward(self, noisy: Tensor, timesteps: Tensor, text: Tensor, image: Tensor | None) -> Tensor:
        """The velocity; images (b, d) or tokens (b, t, w) are one reference each."""
        added = None if image is None else {"image_embeds": [image[:, None]]}
        return self.unet(noisy, timesteps, encoder_hidden_states=text, added_cond_kwargs=added).sample


class AdapterTask:
    """A stage as the loop sees it."""

    def __init__(
        self,
        config: AdapterTraining,
        store: SpriteStore,
        *,
        samples: Samples,
        tests: Samples,
        clip: AlphaCLIP,
        autoencoder: AutoencoderKL,
        start: Path,
    ):
        """Build what is trained.

        Args:
            config: The stage's settings.
            store: For names.
            samples: To train on.
            tests: To measure the loss on.
            clip: The plain encoder, with its text tower.
            autoencoder: For sheets and the latents' scale.
            start: For the base, an image-variation pipeline in the layout of `tiny`; for adapters, the trained base.
        """
        torch.manual_seed(config.run.seed)
        self.config, self.samples, self.tests = config, samples, tests
        self.clip, self.autoencoder, self.scheduler = clip, autoencoder.eval(), build_scheduler()
        assert clip.text is not None
        self.texts = read_texts(clip, concept_prompts(store.concepts))
        self.empty = read_texts(clip, [""])
        self.module: nn.Module = _Denoise(self._first(start)).to(memory_format=torch.channels_last)

    def _first(self, start: Path) -> UNet2DConditionModel:
        assert self.clip.text is not None
        if self.config.stage == "text":
            return text_unet(start, self.clip.text.config.hidden_size)
        unet = UNet2DConditionModel.from_pretrained(start, subfolder="unet")
        weights = new_adapter(unet, self.clip.vision, self.kind)
        unet = with_adapter(stock_pipeline(unet, self.clip, self.autoencoder), weights)
        unet.requires_grad_(False)
        for parameter in adapter_parameters(unet):
            parameter.requires_grad_(True)
        return unet

    @property
    def kind(self) -> Kind:
        """Which adapter."""
        assert self.config.stage != "text"
        return self.config.stage

    def groups(self) -> list[ParameterGroup]:
        """Everything that is trained, at one step size."""
        return [ParameterGroup(parameters=[p for p in self.module.parameters() if p.requires_grad])]

    def draw(self, index: int) -> Batch:
        """Latents, noise, timesteps, texts, and what an adapter is given."""
        return self._draw(self.samples, stream(self.config.run.seed, index, "adapters"))

    def _draw(self, samples: Samples, generator: torch.Generator) -> Batch:
        config, count = self.config, self.config.run.chunk
        rows = torch.randint(len(samples.latents), (count,), generator=generator)
        latents = samples.latents[rows].float() * self.autoencoder.config["scaling_factor"]
        told = torch.rand(count, 1, 1, generator=generator) < config.told / (1 if config.stage == "text" else 3)
        batch = {
            "latents": latents,
            "noise": torch.randn(latents.shape, generator=generator),
            "timesteps": draw_timesteps(
                count, self.scheduler.config["num_train_timesteps"], late=config.late, generator=generator
            ),
            "text": torch.where(told, self.texts[samples.concept[rows]], self.empty),
        }
        if config.stage != "text":
            given = (samples.embeds if self.kind == "base" else samples.tokens)[rows].float()
            shown = torch.rand(count, generator=generator) < config.shown
            nothing = self.nothing().expand_as(given)
            batch["image"] = torch.where(shown.view(-1, *(1,) * (given.ndim - 1)), given, nothing)
        return batch

    @torch.no_grad()
    def nothing(self) -> Float[Tensor, "1 ..."]:
        """What guidance departs from, as the stock pipeline has it: zeros, or the tokens of zero pixels."""
        if self.kind == "base":
            return torch.zeros(1, self.clip.embed_dim)
        tower = token_tower(self.clip)
        return tower.hidden(zero_pixels(tower)[:, : tower.channels], None, layer="penultimate").float()

    def losses(self, module: nn.Module, batch: Batch) -> dict[str, Tensor]:
        """Mean squared error of the velocity."""
        given = (batch["text"], batch.get("image"))
        return {"velocity": velocity_error(self.scheduler, batch, lambda *at: module(*at, *given))}

    def evaluate(self, module: nn.Module) -> dict[str, float]:
        """The loss on the test split, always on the same samples under the same noise."""
        batches = [self._draw(self.tests, stream(self.config.run.seed, i, "adapters-test")) for i in range(8)]
        losses = [self.losses(module, batch)["velocity"] for batch in batches]
        return {"velocity/test": float(torch.stack(losses).mean())}

    @torch.no_grad()
    def sheet(self, module: nn.Module) -> Image.Image:
        """What is drawn of test samples: of their names, or of their pictures with an empty text."""
        text = self.texts[self.tests.concept[:SHOWN]]
        image = nothing = None
        if self.config.stage != "text":
            image = (self.tests.embeds if self.kind == "base" else self.tests.tokens)[:SHOWN].float()
            text, nothing = self.empty.expand_as(text), self.nothing().expand_as(image)
        latents = self._sample(module, text, image, nothing)
        pictures = decode(self.autoencoder, latents / self.autoencoder.config["scaling_factor"])
        return to_pil(make_grid((pictures.clamp(-1, 1) + 1) / 2, nrow=8))

    def _sample(
        self, module: nn.Module, text: Tensor, image: Tensor | None, nothing: Tensor | None, *, guidance: float = 3.0
    ) -> Tensor:
        like = self.tests.latents[: len(text)]
        noise = torch.randn(like.shape, generator=stream(self.config.run.seed, 0, "adapters-sheet"))

        def predict(noisy: Tensor, t: Tensor) -> Tensor:
            without = module(noisy, t, self.empty.expand_as(text), nothing)
            return without + guidance * (module(noisy, t, text, image) - without)

        return denoise(noise, predict, steps=10)

    def export(self, module: nn.Module, folder: Path) -> None:
        """Save the stock pipeline, or the adapter's file."""
        unet = copy.deepcopy(cast(_Denoise, module).unet)
        unet.to(memory_format=torch.contiguous_format)  # type: ignore[call-overload]  # safetensors wants it.
        if self.config.stage == "text":
            stock_pipeline(unet, self.clip, self.autoencoder).save_pretrained(folder)
            return
        folder.mkdir(parents=True, exist_ok=True)
        save_adapter(adapter_weights(unet), folder / "adapter.safetensors")
