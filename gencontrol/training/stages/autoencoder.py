"""Stage 3: the autoencoder whose latents the denoiser works in."""

import copy
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, cast

import torch
from diffusers.models.autoencoders.autoencoder_kl import AutoencoderKL
from diffusers.models.autoencoders.vae import DecoderOutput, DiagonalGaussianDistribution
from diffusers.models.modeling_outputs import AutoencoderKLOutput
from jaxtyping import Float
from PIL import Image
from torch import Tensor, nn
from torchvision.utils import make_grid

from gencontrol.errors import ConfigError
from gencontrol.images.writing import to_pil
from gencontrol.sprites.compose import SceneConfig, compose
from gencontrol.sprites.store import CPU, SpriteStore
from gencontrol.streams import stream
from gencontrol.training.loop.settings import RunConfig
from gencontrol.training.loop.task import Batch, ParameterGroup
from gencontrol.training.stages.initial_weights import preserve_variance

START_LOG_VARIANCE = -6.0
"""Log variance of the latents of an untrained autoencoder: a standard deviation of 0.05."""


@dataclass(frozen=True, kw_only=True)
class AutoencoderTraining:
    """Stage 3: the autoencoder."""

    run: RunConfig = field(default_factory=lambda: RunConfig(precision="float32", batch=32, chunk=16))
    """How the run goes."""
    start: str = ""
    """A folder that an earlier run exported, to go on from its weights with a new schedule; its shapes are kept."""
    decoder_only: bool = False
    """Keep the encoder as `start` has it: latents, and so a denoiser that was trained on them, stay valid."""
    channels: tuple[int, ...] = (24, 48, 96, 96)
    """Width of each level; every level but the last halves the picture."""
    latent_channels: int = 8
    """Channels of the latents."""
    norm_groups: int = 8
    """Groups of the group norms; divides every width."""
    crop: int = 64
    """Side of the crops that are trained on, in pixels."""
    edge_weight: float = 1.0
    """Weight of the error of the picture's differences between neighbours: sharp outlines."""
    kl_weight: float = 1e-6
    """Weight of the divergence from a unit normal, as in Rombach et al., arXiv 2112.10752."""
    scenes: SceneConfig = field(
        default_factory=lambda: SceneConfig(
            size=128, counts=(0.7, 0.3), backgrounds=(0.3, 0.3, 0.2, 0.1, 0.1), blur=0.0
        )
    )
    """What is composed."""

    def __post_init__(self) -> None:
        if self.decoder_only and not self.start:
            raise ConfigError("decoder_only: name the autoencoder whose encoder is to be kept as `start`.")


class _Reconstruction(nn.Module):
    """Encode, sample, decode: what a wrapped module's forward pass has to be."""

    def __init__(self, autoencoder: AutoencoderKL):
        super().__init__()
        self.autoencoder = autoencoder

    def forward(self, pixels: Tensor, noise: Tensor) -> tuple[Tensor, Tensor]:
        """Reconstruction of pixels in [-1, 1] from latents with the given unit noise, and the KL per picture."""
        latents = encode(self.autoencoder, pixels)
        return decode(self.autoencoder, latents.mean + latents.std * noise), latents.kl()


class AutoencoderTask:
    """Stage 3 as the loop sees it."""

    def __init__(self, config: AutoencoderTraining, store: SpriteStore, *, device: torch.device = CPU):
        """Build the autoencoder from the run's seed.

        Args:
            config: The stage's settings.
            store: The sprites.
            device: Where the scenes of the training are composed; those of tests are on the CPU.
        """
        torch.manual_seed(config.run.seed)
        self.config, self.store = config, store.to(device)
        autoencoder = AutoencoderKL.from_pretrained(config.start) if config.start else build_autoencoder(config)
        # A CPU's convolutions are some 10 % faster in this layout.
        self.module: nn.Module = _Reconstruction(autoencoder).to(memory_format=torch.channels_last)
        if config.decoder_only:
            for part in (autoencoder.encoder, autoencoder.quant_conv):
                assert part is not None
                part.requires_grad_(False)
        self._test = compose(store, test_scenes(config.scenes), batch=32, seed=0).rgb * 2 - 1

    def groups(self) -> list[ParameterGroup]:
        """Everything that is trained, at one step size."""
        return [ParameterGroup(parameters=[p for p in self.module.parameters() if p.requires_grad])]

    def draw(self, index: int) -> Batch:
        """Crops in [-1, 1] and the latents' noise."""
        config = self.config
        scenes = compose(self.store, config.scenes, batch=config.run.chunk, seed=config.run.seed, index=index)
        generator = stream(config.run.seed, index, "autoencoder")
        pixels = random_crops(scenes.rgb * 2 - 1, config.crop, generator)
        side = config.crop // 2 ** (len(config.channels) - 1)
        noise = torch.randn(len(pixels), config.latent_channels, side, side, generator=generator)
        return {"pixels": pixels, "noise": noise}

    def losses(self, module: nn.Module, batch: Batch) -> dict[str, Tensor]:
        """Absolute error, error of edges, and the KL."""
        decoded, kl = module(batch["pixels"], batch["noise"])
        return {
            "pixels": (decoded - batch["pixels"]).abs().mean(),
            "edges": self.config.edge_weight * edge_errors(decoded, batch["pixels"]).mean(),
            "kl": self.config.kl_weight * kl.mean(),
        }

    def evaluate(self, module: nn.Module) -> dict[str, float]:
        """Peak signal-to-noise ratio in dB on test scenes."""
        error = (self._reconstruct(module) - self._test).square().mean((1, 2, 3)) / 4
        return {"psnr": float((-10 * error.log10()).mean())}

    def sheet(self, module: nn.Module) -> Image.Image:
        """Test scenes above their reconstructions."""
        drawn = self._reconstruct(module)
        both = torch.cat([self._test[:8], drawn[:8], self._test[8:16], drawn[8:16]])
        return to_pil(make_grid((both.clamp(-1, 1) + 1) / 2, nrow=8))

    def export(self, module: nn.Module, folder: Path) -> None:
        """Save the AutoencoderKL, its scaling factor set so that latents have unit variance."""
        autoencoder = copy.deepcopy(cast(_Reconstruction, module).autoencoder)
        if not self.config.decoder_only:
            with torch.inference_mode():
                latents = encode(autoencoder, self._test.to(autoencoder.device)).mean
            autoencoder.register_to_config(scaling_factor=round(1 / float(latents.std()), 4))
        autoencoder.to(memory_format=torch.contiguous_format)  # type: ignore[call-overload]  # safetensors wants it.
        autoencoder.save_pretrained(folder)

    def _reconstruct(self, module: nn.Module) -> Tensor:
        autoencoder = cast(_Reconstruction, module).autoencoder
        pixels = self._test.to(autoencoder.device)
        return decode(autoencoder, encode(autoencoder, pixels).mean).clamp(-1, 1).cpu()


def build_autoencoder(config: AutoencoderTraining) -> AutoencoderKL:
    """A plain AutoencoderKL without attention: it takes any multiple of its reduction as picture size."""
    levels = len(config.channels)
    # As one mapping: diffusers annotates these tuples as of length one.
    shape: dict[str, Any] = {
        "down_block_types": ("DownEncoderBlock2D",) * levels,
        "up_block_types": ("UpDecoderBlock2D",) * levels,
        "block_out_channels": config.channels,
        "layers_per_block": 1,
        "latent_channels": config.latent_channels,
        "norm_num_groups": config.norm_groups,
        "sample_size": config.scenes.size,
        "mid_block_add_attention": False,
    }
    autoencoder = AutoencoderKL(**shape)
    preserve_variance(autoencoder)
    # Nothing is lost between encoder and decoder, and latents start nearly free of noise.
    before, after, channels = autoencoder.quant_conv, autoencoder.post_quant_conv, config.latent_channels
    assert before is not None and before.bias is not None and after is not None
    with torch.no_grad():
        nn.init.dirac_(before.weight)
        before.weight[channels:] = 0
        before.bias[channels:] = START_LOG_VARIANCE
        nn.init.dirac_(after.weight)
    return autoencoder


def encode(autoencoder: AutoencoderKL, pixels: Float[Tensor, "b 3 h w"]) -> DiagonalGaussianDistribution:
    """The latents' distribution for pixels in [-1, 1]."""
    return cast(AutoencoderKLOutput, autoencoder.encode(pixels)).latent_dist


def decode(autoencoder: AutoencoderKL, latents: Float[Tensor, "b c h w"]) -> Float[Tensor, "b 3 height width"]:
    """Pixels in about [-1, 1] for unscaled latents."""
    return cast(DecoderOutput, autoencoder.decode(cast(torch.FloatTensor, latents))).sample


def test_scenes(scenes: SceneConfig) -> SceneConfig:
    """The same kind of scenes out of the test split."""
    return replace(scenes, split="test")


def random_crops(
    pictures: Float[Tensor, "b c h w"], size: int, generator: torch.Generator
) -> Float[Tensor, "b c size size"]:
    """One square crop of each picture at a random place."""
    top = torch.randint(pictures.shape[-2] - size + 1, (len(pictures),), generator=generator).tolist()
    left = torch.randint(pictures.shape[-1] - size + 1, (len(pictures),), generator=generator).tolist()
    return torch.stack([p[:, y : y + size, x : x + size] for p, y, x in zip(pictures, top, left, strict=True)])


def edge_errors(first: Float[Tensor, "b c h w"], second: Float[Tensor, "b c h w"]) -> Float[Tensor, " b"]:
    """Mean absolute difference of the pictures' horizontal and vertical differences."""
    error = first - second
    across, down = error.diff(dim=-1).abs().mean((1, 2, 3)), error.diff(dim=-2).abs().mean((1, 2, 3))
    return across + down
