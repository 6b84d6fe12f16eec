"""The recipes differ in one thing each, and their runs are measured; nothing is timed here."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from accelerate.state import AcceleratorState, GradientState, PartialState

from benchmarks import recipe
from benchmarks.recipe import RECIPES, Settings, chosen, main, measured, plain_folder, sets_of, table
from gencontrol.alpha_clip.model import AlphaCLIP
from gencontrol.configuration import to_mapping
from gencontrol.errors import InputError
from gencontrol.sprites.catalog import training_styles
from gencontrol.sprites.compose import SceneConfig
from gencontrol.training.stages.alpha_clip import AlphaClipTraining


@pytest.fixture
def fresh_accelerate():
    yield
    for state in (AcceleratorState, GradientState, PartialState):
        state._reset_state()


def test_each_recipe_changes_what_it_says_and_nothing_else() -> None:
    shipped = to_mapping(recipe.recipe("as shipped", Settings(steps=40, seed=3)))
    assert (shipped["run"]["steps"], shipped["run"]["warmup"], shipped["run"]["seed"]) == (40, 8, 3)
    assert shipped["base"].endswith("clip") and Path(shipped["base"]).is_dir()
    for name, changes in RECIPES.items():
        config = to_mapping(recipe.recipe(name, Settings(steps=40, seed=3)))
        differing = {key for key in config if config[key] != shipped[key]}
        assert differing == {"scenes" if key == "close" else key for key in changes}, name
    assert recipe.recipe("whole frames alone", Settings()).scenes.close == 0
    assert recipe.recipe("low-rank updates of rank 8", Settings()).lora_rank == 8


def test_unknown_recipes_are_told_the_nearest() -> None:
    assert chosen(()) == list(RECIPES) and chosen(["no anchor"]) == ["no anchor"]
    with pytest.raises(InputError, match="no recipe is called 'no ancor'; did you mean 'no anchor'"):
        chosen(["no ancor"])


def test_figures_are_top_1_with_a_mask_a_faint_one_and_none(model: Path, sprite_store) -> None:
    encoder = AlphaCLIP.from_pretrained(model / "alpha_clip").eval()
    tests = sets_of(sprite_store, Settings(scenes=24), size=encoder.image_size)
    assert [test.sprites for test in tests] == [1, 3] and len(tests[0].rgb) == 24
    figures = measured(encoder, tests, sprite_store)
    assert list(figures) == [f"{n}, {way}" for n in (1, 3) for way in ("mask", "mask x 0.25", "all ones")]
    with torch.no_grad():
        encoder.vision.vision_model.embeddings.patch_embedding.weight[:, 3:].zero_()
    blind = measured(encoder, tests, sprite_store)
    assert blind["3, mask"] == blind["3, mask x 0.25"] == blind["3, all ones"]
    assert all(0 <= value <= 100 for value in figures.values())


@pytest.mark.usefixtures("fresh_accelerate")
def test_a_table_is_made_and_gone_on_with(
    model: Path, sprite_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    """Small runs of the real stage: the shipped settings name styles that the small store has not."""
    made = recipe.recipe
    scenes = SceneConfig(size=64, counts=(1.0, 1.0), styles=training_styles())

    def small(name: str, settings: Settings) -> AlphaClipTraining:
        config = made(name, settings)
        return replace(config, scenes=scenes, run=replace(config.run, batch=8, chunk=8, checkpoint_every=2))

    monkeypatch.setattr(recipe, "recipe", small)
    only = ("as shipped", "no anchor")
    settings = Settings(sprites=sprite_file, base=str(model / "clip"), steps=2, scenes=8, only=only, output=tmp_path)
    rows = main(settings)
    assert [row["recipe"] for row in rows] == list(only)
    printed = capsys.readouterr().out.splitlines()
    assert len(printed) == 3 and printed[1].startswith("as shipped") and "3, mask x 0.25" in printed[0]
    trained: list[Any] = []
    monkeypatch.setattr(recipe, "train", lambda *args, **how: trained.append(args))
    assert main(settings) == rows and not trained


def test_the_table_of_a_row() -> None:
    assert table([{"recipe": "x", "1, mask": 12.34}], head=True).split() == ["1,", "mask", "x", "12.3"]
    assert table([{"recipe": "x", "1, mask": 12.34}], head=False).split() == ["x", "12.3"]


def test_a_preset_stands_for_its_plain_clip() -> None:
    assert Path(plain_folder("tiny")).name == "clip" and plain_folder("some/where") == "some/where"
