"""The two stages put together from their settings."""

from pathlib import Path

from accelerate import Accelerator

from gencontrol.alpha_clip.model import AlphaCLIP
from gencontrol.sprites.store import open_store
from gencontrol.training.stages.proposing.grounder import GrounderTask, GrounderTraining
from gencontrol.training.stages.proposing.segmenter import SegmenterTask, SegmenterTraining


def build_grounder_task(config: GrounderTraining, *, sprites: Path) -> GrounderTask:
    """The grounder, begun from its CLIP."""
    encoder = AlphaCLIP.from_clip(config.clip).requires_grad_(False)
    return GrounderTask(config, encoder, open_store(sprites), device=Accelerator().device)


def build_segmenter_task(config: SegmenterTraining, *, sprites: Path) -> SegmenterTask:
    """The segmenter, from nothing."""
    return SegmenterTask(config, open_store(sprites), device=Accelerator().device)
