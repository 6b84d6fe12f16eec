"""The relation module's stage put together: its samples, drawn beside an encoder, and the task."""

from pathlib import Path
from typing import Any

from accelerate import Accelerator

from gencontrol.alpha_clip.model import AlphaCLIP
from gencontrol.configuration import to_mapping
from gencontrol.files import sha256
from gencontrol.models.registry import resolve_encoder
from gencontrol.relations.learned.texts import relation_texts
from gencontrol.sprites.staging.scenes import StagingConfig
from gencontrol.sprites.store import open_store
from gencontrol.training.relating.cache import open_set, prepare
from gencontrol.training.relating.samples import MaskKind, Sampler
from gencontrol.training.stages.relations import RelationTask, RelationTraining

KINDS: tuple[MaskKind, ...] = ("exact", "box", "grabcut", "rough")
"""What `RelationTraining.masks` are the shares of."""


def open_encoder(name: str) -> AlphaCLIP:
    """The Alpha-CLIP of a preset, a folder or a hub id, in float32 and not trained."""
    path, inside = resolve_encoder(name, has_alpha=True)
    return AlphaCLIP.from_pretrained(path, subfolder=inside).requires_grad_(False)


def build_relation_task(config: RelationTraining, *, folder: Path, sprites: Path) -> RelationTask:
    """Draw the samples that are missing, and build the task.

    Args:
        config: The stage's settings.
        folder: The run's own; samples lie in its `cache`.
        sprites: The prepared sprite store.
    """
    store = open_store(sprites)
    encoder = open_encoder(config.encoder)
    texts = relation_texts(encoder)
    shares = tuple(zip(KINDS, config.masks, strict=True))
    plans = {
        "pictures": (config.scenes, config.pictures, 1, 0),
        "clips": (config.moving, config.clips, config.frames, 0),
        "test/pictures": (_tested(config.scenes), config.tests, 1, 1),
        "test/clips": (_tested(config.moving), config.tests, config.frames, 1),
    }
    made: dict[str, Any] = {"sprites": sha256(sprites), "encoder": config.encoder, "masks": list(config.masks)}
    accelerator = Accelerator()
    # Of many processes each makes its share of the files.
    share = slice(accelerator.process_index, None, accelerator.num_processes)
    for name, (scenes, count, frames, seed) in plans.items():
        masks: tuple[tuple[MaskKind, float], ...] = shares if seed == 0 else (("exact", 1.0),)
        seeing = (encoder, texts) if frames == 1 else (None, None)
        sampler = Sampler(store=store, config=scenes, encoder=seeing[0], texts=seeing[1], masks=masks, frames=frames)
        told = made | {"scenes": to_mapping(scenes), "frames": frames}
        prepare(sampler, folder / "cache" / name, count=count, seed=seed, made_with=told, share=share)
    accelerator.wait_for_everyone()
    sets = {name: open_set(folder / "cache" / name, count) for name, (_, count, _, _) in plans.items()}
    facts = {"encoder": config.encoder, "width": encoder.embed_dim, "steps": config.run.steps, "seed": config.run.seed}
    facts |= {"start": config.start} if config.start else {}
    return RelationTask(config, sets, facts)


def _tested(scenes: StagingConfig) -> StagingConfig:
    return StagingConfig(**{**vars(scenes), "split": "test"})
