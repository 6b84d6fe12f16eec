"""The segmenter of `tiny`: a small SAM that finds the thing in a box, from scenes with exact masks."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

import torch
from jaxtyping import Bool, Float
from PIL import Image
from torch import Tensor, nn
from torch.nn import functional
from torchvision.utils import make_grid
from transformers import SamConfig, SamImageProcessor, SamModel, SamProcessor

from gencontrol.errors import ConfigError
from gencontrol.images.writing import to_pil
from gencontrol.sprites.compose import SceneConfig, Scenes, compose
from gencontrol.sprites.store import CPU, SpriteStore
from gencontrol.streams import stream
from gencontrol.training.loop.settings import RunConfig
from gencontrol.training.loop.task import Batch, ParameterGroup
from gencontrol.training.stages.proposing.card import write_card
from gencontrol.training.stages.proposing.phrases import seen_in

MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
"""Of the stock processor."""


@dataclass(frozen=True, kw_only=True)
class SamShape:
    """Shape of a small SAM."""

    size: int = 64
    """Side of the square picture in pixels."""
    patch: int = 8
    """Side of a patch; masks come at a quarter of it."""
    width: int = 96
    """Of the tower."""
    layers: int = 3
    """Blocks of the tower; the last one looks at all of the picture, the others at windows of four patches."""
    inner: int = 64
    """Width of the decoder."""

    def __post_init__(self) -> None:
        if self.size % self.patch or self.width % 4 or self.inner % 8:
            raise ConfigError(
                f"shape: expected a size of whole patches, a width of whole fours and an inner of whole eights, got "
                f"size {self.size}, patch {self.patch}, width {self.width}, inner {self.inner}."
            )


@dataclass(frozen=True, kw_only=True)
class SegmenterTraining:
    """Training of the segmenter."""

    run: RunConfig = field(default_factory=lambda: RunConfig(batch=32, chunk=32))
    """How the run goes."""
    shape: SamShape = field(default_factory=SamShape)
    """Its shape."""
    boxes: int = 3
    """Of each picture, drawn from its sprites."""
    shake: float = 0.12
    """How far each side of a box is off, as a share of the box's: boxes that a grounder finds are."""
    tests: int = 256
    """Scenes of the test split that the run looks at."""
    scenes: SceneConfig = field(default_factory=SceneConfig)
    """What is composed; its size is the shape's."""

    def __post_init__(self) -> None:
        if self.scenes.size != self.shape.size:
            raise ConfigError(f"scenes.size: expected the shape's {self.shape.size}, got {self.scenes.size}.")
        if not 0 <= self.shake <= 0.4 or not 1 <= self.boxes <= 8:
            raise ConfigError(f"expected a shake of 0 to 0.4 and 1 to 8 boxes, got {self.shake} and {self.boxes}.")


def sam_config(shape: SamShape) -> SamConfig:
    """transformers' configuration of that shape."""
    seen = {"image_size": shape.size, "patch_size": shape.patch}
    tower = {
        "hidden_size": shape.width,
        "output_channels": shape.inner,
        "num_hidden_layers": shape.layers,
        "num_attention_heads": 4,
        "window_size": 4,
        "global_attn_indexes": [shape.layers - 1],
        "num_pos_feats": shape.inner // 2,
        "mlp_dim": 2 * shape.width,
        # The usual one is half of the width, which makes of places that are near each other unrelated codes.
        "scale": 1.0,
        # The usual one is 1e-10.
        "initializer_range": 0.02,
    }
    decoder = {"hidden_size": shape.inner, "mlp_dim": 2 * shape.inner, "num_attention_heads": 4}
    return SamConfig(
        vision_config=tower | seen,
        prompt_encoder_config={"hidden_size": shape.inner, "mask_input_channels": 8} | seen,
        mask_decoder_config=decoder | {"iou_head_hidden_dim": shape.inner},
    )


class _Asked(nn.Module):
    """What a wrapped module's forward pass has to be: pictures and boxes to masks and how good they are."""

    def __init__(self, sam: Any):
        super().__init__()
        self.sam = sam

    def forward(
        self, pixels: Float[Tensor, "b 3 s s"], boxes: Float[Tensor, "b n 4"]
    ) -> tuple[Float[Tensor, "b n m m"], Float[Tensor, "b n"]]:
        found = self.sam(pixel_values=pixels, input_boxes=boxes, multimask_output=False)
        return found.pred_masks[:, :, 0], found.iou_scores[:, :, 0]


class SegmenterTask:
    """The stage as the loop sees it."""

    def __init__(self, config: SegmenterTraining, store: SpriteStore, *, device: torch.device = CPU):
        """Build the segmenter from the run's seed.

        Args:
            config: The stage's settings.
            store: The sprites.
            device: Where the scenes of the training are composed; those of tests are on the CPU.
        """
        torch.manual_seed(config.run.seed)
        self.config, self.store, self.drawn = config, store, store.to(device)
        sam: Any = SamModel(sam_config(config.shape))
        # Prompts that are masks: no box is one.
        sam.prompt_encoder.mask_embed.requires_grad_(False)
        self.module: nn.Module = _Asked(sam)

    def groups(self) -> list[ParameterGroup]:
        """Everything at one step size."""
        return [ParameterGroup(parameters=[p for p in self.module.parameters() if p.requires_grad])]

    def draw(self, index: int) -> Batch:
        """Pictures, shaken boxes of some of their sprites, and masks."""
        run = self.config.run
        scenes = compose(self.drawn, self.config.scenes, batch=run.chunk, seed=run.seed, index=index)
        return self._asked(scenes, stream(run.seed, index, "boxes"), shake=self.config.shake)

    def _asked(self, scenes: Scenes, generator: torch.Generator, *, shake: float) -> dict[str, Tensor]:
        seen = seen_in(scenes)
        weights = torch.where(seen, 1.0, 1e-6)
        slots = torch.multinomial(weights, self.config.boxes, replacement=True, generator=generator)
        boxes = scenes.boxes.gather(1, slots[..., None].expand(-1, -1, 4))
        rows = torch.arange(len(slots))[:, None]
        mean, std = (scenes.rgb.new_tensor(values)[:, None, None] for values in (MEAN, STD))
        return {
            "pixels": (scenes.rgb - mean) / std,
            "boxes": shaken(boxes, torch.rand(boxes.shape, generator=generator), shake, side=scenes.rgb.shape[-1]),
            "masks": scenes.alpha[rows, slots],
            "used": seen.gather(1, slots),
        }

    def losses(self, module: nn.Module, batch: Batch) -> dict[str, Tensor]:
        """Cross-entropy and dice of the masks, and the error of how good they are said to be."""
        logits, said = module(batch["pixels"], batch["boxes"])
        return mask_losses(logits.float(), said.float(), batch["masks"], batch["used"])

    @torch.no_grad()
    def evaluate(self, module: nn.Module) -> dict[str, float]:
        """Mean intersection over union of masks of exact boxes, of shaken ones, and of exact boxes taken for masks."""
        return {
            "iou": self._mean(module, 0.0),
            "iou_shaken": self._mean(module, self.config.shake),
            "iou_of_boxes": self._mean(None, 0.0),
        }

    def _mean(self, module: nn.Module | None, shake: float) -> float:
        found, used = [], []
        for index in range(-(-self.config.tests // 32)):
            batch = self._asked(self._tests(32, index), stream(1, index, "boxes"), shake=shake)
            masks = boxed(batch["boxes"], batch["masks"].shape[-1]) if module is None else self._masks(module, batch)
            found.append(mask_overlaps(masks, batch["masks"] > 0.5))
            used.append(batch["used"])
        return float(torch.cat(found)[torch.cat(used)].mean())

    def _tests(self, count: int, index: int) -> Scenes:
        config = SceneConfig(**{**vars(self.config.scenes), "split": "test", "blur": 0.0})
        return compose(self.store, config, batch=count, seed=1, index=index)

    def _masks(self, module: nn.Module, batch: Batch) -> Bool[Tensor, "b n s s"]:
        device = next(module.parameters()).device
        logits, _ = module(batch["pixels"].to(device), batch["boxes"].to(device))
        return enlarged(logits.float().cpu(), batch["masks"].shape[-1]) > 0

    @torch.no_grad()
    def sheet(self, module: nn.Module) -> Image.Image:
        """Test scenes, and beneath each of them what was found in its first box, and what is there."""
        scenes = self._tests(8, 0)
        batch = self._asked(scenes, stream(1, 0, "boxes"), shake=0.0)
        found = self._masks(module, batch)[:, 0].float()
        shown = [scenes.rgb * (0.3 + 0.7 * mask[:, None]) for mask in (found, batch["masks"][:, 0])]
        return to_pil(make_grid(torch.cat([scenes.rgb, *shown]), nrow=8))

    def export(self, module: nn.Module, folder: Path) -> None:
        """Save a SAM as `open_segmenter` reads it, in half precision, with its card."""
        sam = cast(Any, module).sam
        sam.half().save_pretrained(folder)
        sam.float()
        sam_processor(self.config.shape).save_pretrained(folder)
        write_card(folder, "segmenter", self.config.run)


def sam_processor(shape: SamShape) -> SamProcessor:
    """How pictures and boxes are prepared."""
    mask = shape.size // 4
    pictures = SamImageProcessor(
        size={"longest_edge": shape.size},
        pad_size={"height": shape.size, "width": shape.size},
        mask_size={"longest_edge": mask},
        mask_pad_size={"height": mask, "width": mask},
        image_mean=list(MEAN),
        image_std=list(STD),
    )
    return SamProcessor(pictures)


def shaken(boxes: Float[Tensor, "b n 4"], draw: Float[Tensor, "b n 4"], shake: float, *, side: int) -> Tensor:
    """Boxes (x0, y0, x1, y1) whose sides are off by up to a share of theirs, within the picture.

    Args:
        boxes: In pixels.
        draw: Uniform in [0, 1).
        shake: That share.
        side: Of the picture, in pixels.
    """
    sides = (boxes[..., 2:] - boxes[..., :2]).repeat(1, 1, 2)
    return (boxes + shake * sides * (2 * draw - 1)).clamp(0, side)


def enlarged(logits: Float[Tensor, "b n m m"], size: int) -> Float[Tensor, "b n s s"]:
    """Masks at the picture's size."""
    return functional.interpolate(logits, size=(size, size), mode="bilinear", align_corners=False)


def boxed(boxes: Float[Tensor, "b n 4"], size: int) -> Bool[Tensor, "b n s s"]:
    """The boxes themselves as masks of a picture of that side."""
    x0, y0, x1, y1 = boxes[..., None].unbind(-2)
    middle = torch.arange(size) + 0.5
    columns, rows = (middle >= x0) & (middle < x1), (middle >= y0) & (middle < y1)
    return rows[..., :, None] & columns[..., None, :]


def mask_overlaps(one: Bool[Tensor, "*n h w"], other: Bool[Tensor, "*n h w"]) -> Float[Tensor, "*n"]:
    """Intersection over union; 0 where both are empty."""
    both, either = (one & other).sum((-1, -2)), (one | other).sum((-1, -2))
    return both / either.clamp(min=1)


def mask_losses(
    logits: Float[Tensor, "b n m m"],
    said: Float[Tensor, "b n"],
    masks: Float[Tensor, "b n s s"],
    used: Bool[Tensor, "b n"],
) -> dict[str, Tensor]:
    """How wrong masks are, as scalars: cross-entropy by pixel, dice by mask, and the squared error of their scores.

    Args:
        logits: At any size.
        said: What the segmenter takes each mask's intersection over union to be.
        masks: What is there, [0, 1].
        used: Which of them count.
    """
    large = enlarged(logits, masks.shape[-1])
    weight = used.float() / used.sum().clamp(min=1)
    likely = large.sigmoid()
    pixels = functional.binary_cross_entropy_with_logits(large, masks, reduction="none").mean((-1, -2))
    dice = 1 - (2 * (likely * masks).sum((-1, -2)) + 1) / (likely.sum((-1, -2)) + masks.sum((-1, -2)) + 1)
    true = mask_overlaps(large.detach() > 0, masks > 0.5)
    terms = {"pixels": 2 * pixels, "dice": dice, "scores": 0.5 * (said - true).square()}
    return {name: (values * weight).sum() for name, values in terms.items()}
