"""The grounder of `tiny`: a small OWLv2 that finds what captions name, from scenes with their captions' boxes."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

import torch
from jaxtyping import Float, Int
from PIL import Image, ImageDraw
from torch import Tensor, nn
from torchvision.utils import make_grid

from gencontrol.alpha_clip.model import AlphaCLIP
from gencontrol.images.writing import to_pil
from gencontrol.sprites.compose import SceneConfig, Scenes, compose
from gencontrol.sprites.store import CPU, SpriteStore
from gencontrol.streams import stream
from gencontrol.training.loop.settings import RunConfig
from gencontrol.training.loop.task import Batch, ParameterGroup
from gencontrol.training.stages.proposing.card import write_card
from gencontrol.training.stages.proposing.dense import (
    best_boxes,
    dense_losses,
    overlaps,
    patch_middles,
    to_corners,
    to_middles,
)
from gencontrol.training.stages.proposing.owl import owl_from, save_owl
from gencontrol.training.stages.proposing.phrases import asked_of, embedded, phrases_of, seen_in


@dataclass(frozen=True, kw_only=True)
class GrounderTraining:
    """Training of the grounder."""

    run: RunConfig = field(default_factory=lambda: RunConfig(batch=32, chunk=32))
    """How the run goes; its learning rate is the heads'."""
    clip: str = "tiny"
    """The plain CLIP whose towers it begins with: a preset, folder or hub id; its words are the grounder's."""
    blocks: int = 5
    """Of the CLIP's tower, from the first on, that are kept."""
    tower_scale: float = 0.3
    """Step size of the tower, as a factor on the heads'; the text side is not trained."""
    absent: int = 24
    """Phrases of each picture beside its own, of things that are not there."""
    tests: int = 256
    """Scenes of the test split that the run looks at."""
    scenes: SceneConfig = field(default_factory=SceneConfig)
    """What is composed."""


class _Asked(nn.Module):
    """What a wrapped module's forward pass has to be: pictures and embedded phrases to logits and boxes."""

    def __init__(self, owl: Any):
        super().__init__()
        self.owl = owl

    def forward(
        self, pixels: Float[Tensor, "b 3 s s"], phrases: Float[Tensor, "b q d"]
    ) -> tuple[Float[Tensor, "b p q"], Float[Tensor, "b p 4"]]:
        features, _ = self.owl.image_embedder(pixels)
        flat = features.flatten(1, 2)
        return self.owl.class_predictor(flat, phrases)[0], self.owl.box_predictor(flat, features)


class GrounderTask:
    """The stage as the loop sees it."""

    def __init__(self, config: GrounderTraining, encoder: AlphaCLIP, store: SpriteStore, *, device: torch.device = CPU):
        """Build the grounder, and embed every phrase that there is.

        Args:
            config: The stage's settings.
            encoder: A plain CLIP that reads whole words.
            store: The sprites.
            device: Where the scenes of the training are composed; those of tests are on the CPU.
        """
        torch.manual_seed(config.run.seed)
        self.config, self.encoder, self.store, self.drawn = config, encoder, store, store.to(device)
        owl: Any = owl_from(encoder, blocks=config.blocks)
        owl.set_attn_implementation("eager")  # The faster one of so few tokens on a CPU.
        for part in (owl.owlv2.text_model, owl.owlv2.text_projection, owl.objectness_head, owl.owlv2.visual_projection):
            part.requires_grad_(False)
        owl.owlv2.logit_scale.requires_grad_(False)
        self.texts, self.concept = phrases_of(store.concepts)
        self.phrases = embedded(owl, encoder, self.texts)
        tower: Any = encoder.vision.config
        grid = tower.image_size // tower.patch_size
        self.middles = patch_middles(grid, grid)
        self.module: nn.Module = _Asked(owl)

    def groups(self) -> list[ParameterGroup]:
        """The heads at full step size, the tower at its own."""
        tower, heads = [], []
        for name, parameter in self.module.named_parameters():
            if parameter.requires_grad:
                (tower if ".vision_model." in name else heads).append(parameter)
        return [ParameterGroup(parameters=heads), ParameterGroup(parameters=tower, scale=self.config.tower_scale)]

    def draw(self, index: int) -> Batch:
        """Pictures, phrases of what is there and of what is not, and boxes."""
        run = self.config.run
        scenes = compose(self.drawn, self.config.scenes, batch=run.chunk, seed=run.seed, index=index)
        # As many phrases in every chunk, however many sprites its fullest scene has.
        absent = self.config.absent + _SLOTS - scenes.concept.shape[1]
        return self._asked(scenes, asked_of(scenes, self.concept, absent, stream(run.seed, index, "phrases")))

    def _asked(self, scenes: Scenes, texts: Int[Tensor, "b q"]) -> dict[str, Tensor]:
        concept = torch.where(seen_in(scenes), scenes.concept, -1)
        boxes = to_middles(scenes.boxes / scenes.rgb.shape[-1])
        spare = -1 - torch.arange(concept.shape[1])[None]  # Slots without a thing match no phrase.
        named = torch.where(concept >= 0, concept, spare)
        return {
            "pixels": self.encoder.processor(scenes.rgb, torch.ones_like(scenes.rgb[:, 0]))[:, :3],
            "phrases": self.phrases[texts],
            "boxes": _padded(boxes),
            "true_of": _padded(named[:, :, None] == self.concept[texts][:, None]),
        }

    def losses(self, module: nn.Module, batch: Batch) -> dict[str, Tensor]:
        """Focal loss of the names; of the boxes the distance of their sides and their overlap."""
        logits, found = module(batch["pixels"], batch["phrases"])
        middles = self.middles.to(logits.device)
        losses = dense_losses(logits, found, boxes=batch["boxes"], true_of=batch["true_of"], middles=middles)
        return {name: _WEIGHTS[name] * loss for name, loss in losses.items()}

    @torch.no_grad()
    def evaluate(self, module: nn.Module) -> dict[str, float]:
        """Shares of phrases whose best box overlaps the thing's by more than half, and how far; and how often a phrase
        of what is there scores above one of what is not."""
        ious, above = [], []
        for start in range(0, self.config.tests, 32):
            scenes = self._tests(min(32, self.config.tests - start), start // 32)
            texts = asked_of(scenes, self.concept, 8, stream(1, start, "phrases"), template=1)
            logits, found, batch = self._found(module, scenes, texts)
            there = batch["true_of"][:, : scenes.concept.shape[1], : scenes.concept.shape[1]]
            row, slot = torch.diagonal(there, dim1=1, dim2=2).nonzero(as_tuple=True)
            ious.append(overlaps(best_boxes(logits, found)[row, slot], batch["boxes"][row, slot]))
            best = logits.amax(1)
            above.append((best[row, slot, None] > best[row, scenes.concept.shape[1] :]).float().flatten())
        iou = torch.cat(ious)
        return {
            "found": float((iou > 0.5).float().mean()),
            "iou": float(iou.mean()),
            "above_absent": float(torch.cat(above).mean()),
        }

    def _tests(self, count: int, index: int) -> Scenes:
        config = SceneConfig(**{**vars(self.config.scenes), "split": "test", "blur": 0.0})
        return compose(self.store, config, batch=count, seed=1, index=index)

    def _found(self, module: nn.Module, scenes: Scenes, texts: Tensor) -> tuple[Tensor, Tensor, dict[str, Tensor]]:
        device = next(module.parameters()).device
        batch = self._asked(scenes, texts)
        logits, found = module(batch["pixels"].to(device), batch["phrases"].to(device))
        return logits.float().cpu(), found.float().cpu(), batch

    @torch.no_grad()
    def sheet(self, module: nn.Module) -> Image.Image:
        """Test scenes, each with the best box of each of its phrases."""
        scenes = self._tests(8, 0)
        texts = asked_of(scenes, self.concept, 0, stream(1, 0, "phrases"), template=1)
        logits, found, _ = self._found(module, scenes, texts)
        boxes = to_corners(best_boxes(logits, found)) * scenes.rgb.shape[-1]
        image = to_pil(make_grid(scenes.rgb, nrow=4, padding=0))
        image = image.resize((image.width * 3, image.height * 3))
        draw, side = ImageDraw.Draw(image), 3 * scenes.rgb.shape[-1]
        for row, slot in seen_in(scenes).nonzero().tolist():
            left, top = side * (row % 4), side * (row // 4)
            x0, y0, x1, y1 = (3 * boxes[row, slot]).tolist()
            draw.rectangle((left + x0, top + y0, left + x1, top + y1), outline="red")
            draw.text((left + x0 + 2, top + y0), self.texts[int(texts[row, slot])], fill="white")
        return image

    def export(self, module: nn.Module, folder: Path) -> None:
        """Save an OWLv2 as `open_grounder` reads it, with its card."""
        save_owl(cast(Any, module).owl, self.encoder, folder)
        write_card(folder, "grounder", self.config.run)


_WEIGHTS = {"names": 1.0, "sides": 5.0, "overlap": 2.0}
"""Of the terms of the loss."""
_SLOTS = 8
"""The most sprites that a scene has: chunks are as wide, so that they can be joined."""


def _padded(slots: Tensor) -> Tensor:
    room = slots.new_zeros(len(slots), _SLOTS - slots.shape[1], *slots.shape[2:])
    return torch.cat([slots, room], dim=1)
