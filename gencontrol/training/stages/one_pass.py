"""One pass for several regions, distilled from a pass for each; the tower itself is not changed."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import cast

import torch
from jaxtyping import Float
from PIL import Image, ImageDraw
from torch import Tensor, nn
from torch.nn import functional
from transformers import CLIPVisionModelWithProjection

from gencontrol.alpha_clip.model import AlphaCLIP
from gencontrol.alpha_clip.one_pass.change import OnePass, OnePassConfig
from gencontrol.alpha_clip.one_pass.forward import encode_together, united
from gencontrol.errors import ConfigError
from gencontrol.sprites.compose import SceneConfig
from gencontrol.training.data.taught import Lessons
from gencontrol.training.loop.settings import RunConfig
from gencontrol.training.loop.task import Batch, ParameterGroup


@dataclass(frozen=True, kw_only=True)
class OnePassTraining:
    """Training of one pass for several regions."""

    run: RunConfig = field(default_factory=lambda: RunConfig(batch=64, chunk=64, learning_rate=2e-3))
    """How the run goes; a batch is one chunk, whose scenes have as many regions."""
    encoder: str = "tiny"
    """What is trained for it, and its own teacher: a preset, folder or hub id."""
    start: str = ""
    """An encoder that an earlier run exported, to go on from what is beside its tower with a new schedule."""
    one_pass: OnePassConfig = field(default_factory=OnePassConfig)
    """Shape of the weights beside the tower."""
    cosine: float = 5.0
    """Weight of 1 - the cosine of both embeddings."""
    names: float = 1.0
    """Weight of how far their shares among all names are apart, the Kullback-Leibler divergence."""
    chunks: int = 400
    """So many chunks are drawn and kept in the run's folder, and then come again; 0 draws new ones all the time."""
    alpha_kinds: tuple[float, ...] = (0.6, 0.1, 0.05, 0.15, 0.1)
    """Relative frequency of exact, soft, partial, box and grown maps."""
    left_out: float = 0.3
    """Share of the scenes of which some things are no regions."""
    tests: int = 128
    """Scenes of the test split that the run looks at, for each number of regions."""
    scenes: SceneConfig = field(default_factory=lambda: SceneConfig(counts=(0.0, 2.0, 2.0, 2.0, 1.0, 1.0, 1.0, 1.5)))
    """What is composed, where pictures come from the sprite world."""

    def __post_init__(self) -> None:
        if self.run.batch != self.run.chunk:
            raise ConfigError(f"run.batch: expected one chunk of {self.run.chunk} a step, got {self.run.batch}.")
        if self.chunks < 0 or self.tests < 1:
            raise ConfigError(f"chunks, tests: expected 0 and 1 at least, got {self.chunks} and {self.tests}.")
        if not 0 <= self.left_out <= 1:
            raise ConfigError(f"left_out: expected a share from 0 to 1, got {self.left_out}.")


class Looking(nn.Module):
    """What a wrapped module's forward pass has to be; the frozen tower is handed in, and so in no checkpoint."""

    def __init__(self, one_pass: OnePass):
        super().__init__()
        self.one_pass = one_pass

    def forward(self, vision: CLIPVisionModelWithProjection, pixels: Tensor, alphas: Tensor) -> Tensor:
        """See `encode_together`."""
        return encode_together(vision, self.one_pass, pixels, alphas)


class OnePassTask:
    """The stage as the loop sees it."""

    def __init__(
        self,
        config: OnePassTraining,
        encoder: AlphaCLIP,
        lessons: Lessons,
        *,
        tests: Mapping[str, Mapping[str, Tensor]],
        texts: Sequence[str] = (),
    ):
        """Draw the weights from the run's seed, whatever the encoder has been trained for already.

        Args:
            config: The stage's settings.
            encoder: Frozen; its text tower, if it has one, reads `texts`.
            lessons: What is learned from.
            tests: Chunks like those of `Lessons.draw` to watch, by name.
            texts: Names by the ids that lessons know, or any others.
        """
        torch.manual_seed(config.run.seed)
        self.config, self.encoder, self.lessons, self.tests = config, encoder, lessons, tests
        self.module: nn.Module = Looking(_first(config, encoder))
        scale = encoder.logit_scale
        self.names = torch.zeros(0, encoder.embed_dim)
        if texts and encoder.text is not None and scale is not None:
            self.names = _embedded(encoder, texts)
        self.scale = 1.0 if scale is None else float(scale.detach().exp())

    def groups(self) -> list[ParameterGroup]:
        """Everything at one step size."""
        return [ParameterGroup(parameters=list(self.module.parameters()))]

    def draw(self, index: int) -> Batch:
        """A chunk of pictures with their teacher's answers."""
        return self.lessons.draw(index)

    def losses(self, module: nn.Module, batch: Batch) -> dict[str, Tensor]:
        """How far the embeddings, and their shares among all names, are from the teacher's."""
        found = self._seen(module, batch)[batch["used"]]
        taught = batch["taught"][batch["used"]]
        losses = {"cosine": self.config.cosine * (1 - (found * taught).sum(-1)).mean()}
        if len(self.names):
            losses["names"] = self.config.names * shares_apart(found, taught, self.names, scale=self.scale).mean()
        return losses

    @torch.no_grad()
    def evaluate(self, module: nn.Module) -> dict[str, float]:
        """For each number of regions the mean cosine to the teacher's, and how much of its accuracy is kept."""
        figures = {}
        for name, test in self.tests.items():
            found, taught = self._seen(module, test).cpu()[test["used"]], test["taught"][test["used"]]
            figures[f"cosine/{name}"] = (found * taught).sum(-1).mean().item()
            concepts = test["concepts"][test["used"]]
            if len(self.names) and bool((concepts >= 0).all()):
                mine, theirs = (accuracy(embeds, self.names.cpu(), concepts) for embeds in (found, taught))
                figures[f"kept/{name}"] = mine / max(theirs, 1e-9)
        return figures

    def sheet(self, module: nn.Module) -> Image.Image:
        """The figures in words."""
        lines = [f"{name} {value:.4f}" for name, value in self.evaluate(module).items()]
        image = Image.new("RGB", (240, 14 * len(lines) + 8), "white")
        ImageDraw.Draw(image).multiline_text((4, 2), "\n".join(lines), fill="black", spacing=2)
        return image

    def export(self, module: nn.Module, folder: Path) -> None:
        """Save the encoder with what was trained beside its tower."""
        encoder = self.encoder
        AlphaCLIP(
            encoder.vision,
            processor=encoder.processor,
            text=encoder.text,
            logit_scale=encoder.logit_scale,
            tokenizer=encoder.tokenizer,
            one_pass=cast(Looking, module).one_pass,
        ).save_pretrained(folder)

    def _seen(self, module: nn.Module, batch: Mapping[str, Tensor]) -> Float[Tensor, "b k d"]:
        device = self.encoder.device
        rgb, alphas = batch["rgb"].to(device), batch["alphas"].to(device)
        pixels = self.encoder.processor.normalize(torch.cat([rgb, united(alphas)[:, None]], dim=1))
        return functional.normalize(module(self.encoder.vision, pixels, alphas).float(), dim=-1)


def _first(config: OnePassTraining, encoder: AlphaCLIP) -> OnePass:
    if not config.start:
        return OnePass(encoder.vision.config, config.one_pass)
    found = AlphaCLIP.from_pretrained(config.start).one_pass
    if found is None or found.config != config.one_pass:
        has = "nothing for one pass" if found is None else f"weights of another shape, {found.config}"
        raise ConfigError(f"start: {config.start} has {has}; expected {config.one_pass}.")
    return found.train()


def shares_apart(
    found: Float[Tensor, "n d"], taught: Float[Tensor, "n d"], names: Float[Tensor, "c d"], *, scale: float
) -> Float[Tensor, " n"]:
    """The Kullback-Leibler divergence of the softmax over names from the taught one; all of unit length."""
    mine, theirs = ((scale * embeds @ names.T).log_softmax(-1) for embeds in (found, taught))
    return functional.kl_div(mine, theirs, reduction="none", log_target=True).sum(-1)


def accuracy(embeds: Float[Tensor, "n d"], names: Float[Tensor, "c d"], concepts: Tensor) -> float:
    """Share of the embeddings whose nearest name is their own."""
    return ((embeds @ names.T).argmax(-1) == concepts).double().mean().item()


@torch.no_grad()
def _embedded(encoder: AlphaCLIP, texts: Sequence[str]) -> Tensor:
    parts = [texts[start : start + 256] for start in range(0, len(texts), 256)]
    return torch.cat([encoder.encode_text(part, normalize=True) for part in parts]).float()
