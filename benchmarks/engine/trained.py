"""An Alpha-CLIP trained on a folder of pairs, and what it recognises."""

from dataclasses import dataclass
from pathlib import Path

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional

from gencontrol.alpha_clip.model import AlphaCLIP
from gencontrol.sprites.captions import concept_prompts
from gencontrol.sprites.catalog import training_styles
from gencontrol.sprites.store import SpriteStore
from gencontrol.training.loop.reporting import Reporter
from gencontrol.training.loop.settings import RunConfig
from gencontrol.training.loop.train import train
from gencontrol.training.stages.alpha_clip import AlphaClipTraining
from gencontrol.training.stages.recognition import recognise, recognition_set
from gencontrol.training.stages.registry import Places, build_alpha_clip_task

SPRITES = 3
"""In each scene, of which one is marked."""


@dataclass(frozen=True, kw_only=True)
class Recognised:
    """What an encoder names right."""

    top1: float
    """Share of scenes, [0, 1]."""


def trained_on(pairs: Path, folder: Path, *, clip: str, steps: int, seed: int) -> Path:
    """Train a plain CLIP into an Alpha-CLIP on a folder of pairs, or go on.

    Args:
        pairs: Where `pairs.jsonl` lies.
        folder: The run's own.
        clip: Which: a preset, folder or hub id.
        steps: Of 64 pairs.
        seed: Of the run.

    Returns:
        The folder of the export.
    """
    run = RunConfig(
        steps=steps,
        batch=64,
        chunk=64,
        learning_rate=1e-3,
        schedule="constant",
        decay=0.3,
        warmup=min(50, steps),
        ema=0.99,
        seed=seed,
        log_every=25,
        evaluate_every=0,
        sheet_every=0,
        checkpoint_every=50,
    )
    export = folder / "export"
    if not export.is_dir():
        config = AlphaClipTraining(run=run, base=clip, rest_scale=0.4, whole_share=0.1, smoothing=0.0)
        task = build_alpha_clip_task(config, Places(folder=folder, sprites=Path(), pairs=pairs))
        with Reporter(folder, steps=steps) as report:
            train(task, run, folder=folder, report=report)
    return export


@torch.inference_mode()
def recognised(store: SpriteStore, clip: str, export: Path | None, *, count: int) -> Recognised:
    """What is named right of the marked one of three sprites; without an export by the plain CLIP, which sees no mask.

    Args:
        store: The sprites.
        clip: The plain CLIP.
        export: The Alpha-CLIP's folder.
        count: Scenes.
    """
    encoder = AlphaCLIP.from_clip(clip) if export is None else AlphaCLIP.from_pretrained(export)
    size = encoder.processor.geometry.size
    test = recognition_set(store, sprites=SPRITES, size=size, count=count, styles=training_styles(), seed=7)
    names = functional.normalize(encoder.encode_text(concept_prompts(store.concepts)).float(), dim=-1)

    def encode(rgb: Float[Tensor, "b 3 h w"], alpha: Float[Tensor, "b h w"]) -> Float[Tensor, "b d"]:
        parts = zip(rgb.split(100), alpha.split(100), strict=True)
        return torch.cat([encoder.encode_pixels(encoder.processor(*part)) for part in parts])

    return Recognised(top1=recognise(encode, names, test).top1)
