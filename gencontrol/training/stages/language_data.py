"""The language head's stage put together: views of scenes, seen once by the frozen tower, and the task."""

from pathlib import Path
from typing import Any

from accelerate import Accelerator

from gencontrol.configuration import to_mapping
from gencontrol.files import sha256
from gencontrol.sprites.compose import SceneConfig
from gencontrol.sprites.store import open_store
from gencontrol.training.language.cache import open_set, prepare
from gencontrol.training.language.samples import Viewer
from gencontrol.training.stages.language import LanguageTask, LanguageTraining
from gencontrol.training.stages.relations_data import open_encoder


def build_language_task(config: LanguageTraining, *, folder: Path, sprites: Path) -> LanguageTask:
    """Draw and see the scenes that are missing, and build the task.

    Args:
        config: The stage's settings.
        folder: The run's own; views lie in its `cache`, or where `config.cache` says.
        sprites: The prepared sprite store.
    """
    store = open_store(sprites)
    encoder = open_encoder(config.encoder)
    plans = {
        "train": (config.scenes, config.pictures, config.scene_seed),
        "test": (_tested(config.scenes), config.tests, 1),
    }
    made: dict[str, Any] = {"sprites": sha256(sprites), "encoder": config.encoder}
    accelerator = Accelerator()
    # Of many processes each makes its share of the files.
    share = slice(accelerator.process_index, None, accelerator.num_processes)
    where = Path(config.cache) if config.cache else folder / "cache"
    for name, (scenes, count, seed) in plans.items():
        tower = encoder.vision.to(accelerator.device)
        viewer = Viewer(store=store.to(accelerator.device), config=scenes, tower=tower, processor=encoder.processor)
        told = made | {"scenes": to_mapping(scenes)}
        prepare(viewer, where / name, scenes=count, seed=seed, made_with=told, share=share)
    accelerator.wait_for_everyone()
    sets = {name: open_set(where / name, count) for name, (_, count, _) in plans.items()}
    facts = {"encoder": config.encoder, "steps": config.run.steps, "seed": config.run.seed}
    return LanguageTask(config, encoder, store.concepts, sets, facts=facts)


def _tested(scenes: SceneConfig) -> SceneConfig:
    return SceneConfig(**{**vars(scenes), "split": "test"})
