"""The stage of one pass put together: its encoder, where its pictures come from, and what is watched."""

from dataclasses import replace
from pathlib import Path
from typing import Any

from accelerate import Accelerator
from torch import Tensor

from gencontrol.alpha_clip.model import AlphaCLIP
from gencontrol.configuration import to_mapping
from gencontrol.files import sha256
from gencontrol.models.fingerprint import weights_mark
from gencontrol.models.location import Location
from gencontrol.models.registry import resolve_encoder
from gencontrol.relations.naming import readable
from gencontrol.sprites.captions import concept_prompts
from gencontrol.sprites.store import SpriteStore, open_store
from gencontrol.training.data.folder_pairs import FolderPairs, read_listing
from gencontrol.training.data.several import FolderRegions, SpriteRegions
from gencontrol.training.data.taught import Lessons, Teacher, compact, opened
from gencontrol.training.stages.one_pass import OnePassTask, OnePassTraining

WATCHED = (2, 3, 4, 8)
"""Regions in the scenes that a run is watched by."""
MOST_TEXTS = 1024
"""Captions of a folder that embeddings are compared by."""


def build_one_pass_task(
    config: OnePassTraining, *, folder: Path, sprites: Path, pairs: Path | None = None
) -> OnePassTask:
    """Open the encoder and the pictures.

    Args:
        config: The stage's settings.
        folder: The run's own; chunks lie in its `cache`.
        sprites: The prepared sprite store.
        pairs: A folder of region-text pairs, instead of the sprite world.
    """
    place, inside = resolve_encoder(config.encoder, has_alpha=True)
    encoder = AlphaCLIP.from_pretrained(place, subfolder=inside).requires_grad_(False).to(Accelerator().device)
    teacher = Teacher(encoder=encoder, precision=config.run.precision)
    made_with = {"encoder": weights_mark(Location(name=place, subfolder=inside)), "seed": config.run.seed}
    made_with |= {"alpha_kinds": list(config.alpha_kinds), "precision": config.run.precision}
    if pairs is not None:
        listed = folder_regions(config, pairs, size=encoder.image_size)
        made_with |= {"pairs": str(pairs.resolve()), "listing": sha256(pairs / "pairs.jsonl")}
        test = FolderRegions(pairs=replace(listed.pairs, seed=config.run.seed + 1, alpha_kinds=(1.0,)))
        tests = {"regions": opened(compact(test.draw(0, config.tests), teacher))}
        lessons = _lessons(config, listed, teacher, folder, made_with)
        return OnePassTask(config, encoder, lessons, tests=tests, texts=listed.pairs.texts[:MOST_TEXTS])
    store = open_store(sprites)
    scenes = replace(config.scenes, size=encoder.image_size)
    made_with |= {"sprites": sha256(sprites), "scenes": to_mapping(scenes), "left_out": config.left_out}
    source = SpriteRegions(
        store=store.to(encoder.device),
        scenes=scenes,
        seed=config.run.seed,
        alpha_kinds=config.alpha_kinds,
        left_out=config.left_out,
    )
    tests = {str(n): watched_chunk(store, teacher, regions=n, count=config.tests) for n in WATCHED}
    lessons = _lessons(config, source, teacher, folder, made_with)
    return OnePassTask(config, encoder, lessons, tests=tests, texts=_names(encoder, store))


def _names(encoder: AlphaCLIP, store: SpriteStore) -> list[str]:
    """A text for each concept; none where the encoder cannot read all, and then embeddings alone are compared."""
    names = [concept.name for concept in store.concepts]
    can = encoder.text is not None and len(readable(encoder, names)) == len(names)
    return concept_prompts(store.concepts) if can else []


def folder_regions(config: OnePassTraining, folder: Path, *, size: int) -> FolderRegions:
    """The regions of a folder's pictures, padded to the encoder's size."""
    listing = read_listing(folder)
    return FolderRegions(
        pairs=FolderPairs(folder=folder, pairs=listing, size=size, seed=config.run.seed, alpha_kinds=config.alpha_kinds)
    )


def watched_chunk(
    store: SpriteStore, teacher: Teacher, *, regions: int, count: int, seed: int = 0
) -> dict[str, Tensor]:
    """Scenes of the test split, all of whose things are regions, with the teacher's answers."""
    counts = tuple(float(n == regions) for n in range(1, 9))
    scenes = replace(OnePassTraining().scenes, counts=counts, split="test", blur=0.0, size=teacher.encoder.image_size)
    source = SpriteRegions(store=store, scenes=scenes, seed=seed)
    return opened(compact(source.draw(0, count), teacher))


def _lessons(config: OnePassTraining, source: Any, teacher: Teacher, folder: Path, made_with: Any) -> Lessons:
    return Lessons(
        source=source,
        teacher=teacher,
        count=config.run.chunk,
        folder=folder / "cache",
        made_with=made_with,
        chunks=config.chunks,
    )
