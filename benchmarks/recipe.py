"""What matters in the recipe of Alpha-CLIP: short runs that differ in one thing from the first.

    python -m benchmarks.recipe --sprites runs/sprites/sprites.npz

Every run starts from the same plain CLIP, sees the same scenes in the same order and has the same number of steps.
A run is kept below the output folder and gone on with, so that a table may be made in several sittings.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import MappingProxyType
from typing import Annotated, Any, cast

import torch
import tyro
from tyro.conf import arg

from benchmarks.settings import OnSprites, OnThreads
from gencontrol.alpha_clip.model import AlphaCLIP
from gencontrol.configuration import from_yaml, nearest
from gencontrol.errors import InputError
from gencontrol.models.registry import resolve_encoder
from gencontrol.sprites.captions import concept_prompts
from gencontrol.sprites.catalog import training_styles
from gencontrol.sprites.store import SpriteStore, open_store
from gencontrol.training.loop.train import train
from gencontrol.training.stages.alpha_clip import AlphaClipTask, AlphaClipTraining
from gencontrol.training.stages.recognition import RecognitionSet, recognise, recognition_set
from gencontrol.training.stages.registry import STAGES, Places, preset_path

RECIPES: Mapping[str, Mapping[str, Any]] = MappingProxyType(
    {
        "as shipped": {},
        "rest as fast as the alpha slice": {"rest_scale": 1.0},
        "rest a tenth as fast": {"rest_scale": 0.1},
        "rest a hundredth as fast (published)": {"rest_scale": 0.01},
        "alpha slice and head alone": {"unfrozen_blocks": 0},
        "last two blocks": {"unfrozen_blocks": 2},
        "low-rank updates of rank 8": {"lora_rank": 8},
        "no whole pictures": {"whole_share": 0.0},
        "a tenth whole pictures (published)": {"whole_share": 0.1},
        "half whole pictures": {"whole_share": 0.5},
        "no anchor": {"anchor": 0.0},
        "exact maps alone": {"alpha_kinds": (1.0,), "graded": 0.0},
        "no levels": {"graded": 0.0},
        "nothing painted over": {"blanked": 0.0},
        "whole frames alone": {"close": 0.0},
    }
)
"""What is changed of the shipped settings; `close` is of the scenes."""
_OF_SCENES = frozenset({"close"})


@dataclass(frozen=True, kw_only=True)
class Settings(OnSprites, OnThreads):
    """What to run."""

    base: str = "tiny"
    """The plain CLIP that every run starts from: a preset, folder or hub id."""
    steps: int = 300
    """Optimiser steps of each run."""
    only: tuple[str, ...] = ()
    """Recipes by name; all by default."""
    scenes: int = 500
    """Test scenes of each kind."""
    seed: int = 0
    """Of weights and scenes."""
    output: Annotated[Path, arg(aliases=("-o",))] = field(default=Path("runs/recipe"))
    """Where the runs are kept."""


def main(settings: Settings) -> list[dict[str, Any]]:
    """Train, measure and print."""
    settings.use_threads()
    store, rows = open_store(settings.sprites), []
    tests = sets_of(store, settings, size=AlphaCLIP.from_clip(plain_folder(settings.base)).image_size)
    for name in chosen(settings.only):
        figures = {"recipe": name} | measured(run_recipe(name, settings, store), tests, store)
        rows.append(figures)
        print(table(rows[-1:], head=len(rows) == 1), flush=True)
    path = settings.output / "recipe.json"
    path.write_text(json.dumps({"steps": settings.steps, "rows": rows}, indent=1) + "\n", encoding="utf-8")
    return rows


def chosen(names: Sequence[str]) -> list[str]:
    """The recipes to run.

    Raises:
        InputError: A name that is none.
    """
    for name in names:
        if name not in RECIPES:
            raise InputError(f"no recipe is called {name!r}{nearest(name, RECIPES)}")
    return list(names or RECIPES)


def recipe(name: str, settings: Settings) -> AlphaClipTraining:
    """A recipe's settings: the shipped ones with its change, and a schedule as long as the run."""
    shipped = cast(AlphaClipTraining, from_yaml(AlphaClipTraining, preset_path(STAGES["alpha-clip"])))
    own = {key: value for key, value in RECIPES[name].items() if key not in _OF_SCENES}
    of_scenes = {key: value for key, value in RECIPES[name].items() if key in _OF_SCENES}
    run = replace(
        shipped.run,
        steps=settings.steps,
        warmup=min(shipped.run.warmup, settings.steps // 5),
        seed=settings.seed,
        evaluate_every=0,
        sheet_every=0,
    )
    return replace(
        shipped, base=plain_folder(settings.base), run=run, scenes=replace(shipped.scenes, **of_scenes), **own
    )


def run_recipe(name: str, settings: Settings, store: SpriteStore) -> AlphaCLIP:
    """Train one recipe, or go on with it, and open what came."""
    config, folder = recipe(name, settings), settings.output / name.replace(" ", "-")
    if not (folder / "export").is_dir():
        task = STAGES["alpha-clip"].build(config, Places(folder=folder, sprites=settings.sprites))
        assert isinstance(task, AlphaClipTask)
        train(task, config.run, folder=folder)
    return AlphaCLIP.from_pretrained(folder / "export").eval()


def sets_of(store: SpriteStore, settings: Settings, *, size: int) -> list[RecognitionSet]:
    """One and three sprites in the styles of training."""
    how: Any = {"size": size, "count": settings.scenes, "styles": training_styles(), "seed": settings.seed}
    return [recognition_set(store, sprites=count, **how) for count in (1, 3)]


@torch.inference_mode()
def measured(encoder: AlphaCLIP, tests: Sequence[RecognitionSet], store: SpriteStore) -> dict[str, float]:
    """Top-1 among all names, %: with the mask, with a mask at a quarter, and with alpha 1 everywhere."""
    names = encoder.encode_text(concept_prompts(store.concepts), normalize=True)
    ways = {"mask": 1.0, "mask x 0.25": 0.25, "all ones": None}

    def top1(test: RecognitionSet, level: float | None) -> float:
        def encode(rgb: torch.Tensor, alpha: torch.Tensor) -> torch.Tensor:
            shown = torch.ones_like(alpha) if level is None else level * alpha
            return encoder.encode_pixels(encoder.processor(rgb, shown))

        return round(100 * recognise(encode, names, test).top1, 1)

    return {f"{test.sprites}, {way}": top1(test, level) for test in tests for way, level in ways.items()}


def table(rows: Sequence[Mapping[str, Any]], *, head: bool) -> str:
    """For people."""
    columns = [key for key in rows[0] if key != "recipe"]
    lines = [f"{'':38}" + "".join(f"{column:>16}" for column in columns)] if head else []
    return "\n".join([*lines, *(f"{row['recipe']:38}" + "".join(f"{row[c]:16.1f}" for c in columns) for row in rows)])


def plain_folder(base: str) -> str:
    """Where the plain CLIP of a preset lies; anything else stays as it is."""
    where, inside = resolve_encoder(base, has_alpha=False)
    return str(Path(where) / inside) if inside else where


if __name__ == "__main__":
    main(tyro.cli(Settings, description=__doc__))
