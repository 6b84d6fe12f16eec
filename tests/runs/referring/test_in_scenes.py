"""Words point at a part of a scene: at one that it stores, or at one that is lifted from masks in its views."""

import re
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest
import torch

from gencontrol.errors import ConfigError, InputError
from gencontrol.nerf.field.scene import SCENE_FILE, load_scene, save_scene
from gencontrol.nerf.parts.part_lists import LIST, read_parts
from gencontrol.nerf.parts.phrase_lifting import Views
from gencontrol.nerf.parts.shapes import Voxels
from gencontrol.nerf.still_life.world import bake, still_life
from gencontrol.regions import Scene as Shown
from gencontrol.regions.region import Region
from gencontrol.runs.notices import RunWarning
from gencontrol.runs.radiance import EditSettings, train, training_config
from gencontrol.runs.referring import by_words
from gencontrol.runs.referring import in_scenes as module
from gencontrol.runs.referring.in_scenes import check_scene_phrase, point_in_scene
from gencontrol.tasks.refer import Referral


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("scene") / SCENE_FILE
    save_scene(bake(still_life(), 24), path)
    return path


@pytest.fixture
def second(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of the candidates the second is meant: whether it is the right one is asked elsewhere."""

    def answered(encoder: Any, shown: Shown, text: str, *, otherwise: str) -> Referral:
        likely = torch.zeros(len(shown.regions))
        likely[min(1, len(likely) - 1)] = 0.9
        labels = tuple(region.label for region in shown.regions)
        return Referral(text=text, scene=shown, labels=labels, probabilities=likely, none=0.1)

    monkeypatch.setattr(module, "answered", answered)
    monkeypatch.setattr(module, "Views", lambda: Views(count=3, size=40))


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"phrase": "the ball", "part": "ball"}, "`part` shows a part and `phrase` looks for one"),
        ({"phrase": "the ball", "sphere": (0.0, 0.0, 0.0, 1.0)}, "`sphere` shows a part"),
        ({"phrase": " "}, "`phrase` is empty"),
        ({"most": 3}, "`most` finds what a `phrase` means"),
        ({"phrase": "the ball", "score": 2.0}, "`score`"),
    ],
)
def test_settings_that_say_nothing_or_too_much(given: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        check_scene_phrase(EditSettings(**given), is_scene=True)


def test_phrases_are_looked_for_in_scenes() -> None:
    with pytest.raises(ConfigError, match="these are pictures: fit them first, in a run of the `mode` fit"):
        check_scene_phrase(EditSettings(phrase="the ball"), is_scene=False)
    with pytest.raises(InputError, match="left of"):
        check_scene_phrase(EditSettings(phrase="the ball left of"), is_scene=True)
    check_scene_phrase(EditSettings(phrase="the ball behind the box", grounder="g"), is_scene=True)
    check_scene_phrase(EditSettings(), is_scene=False)


def test_one_of_the_scenes_own_parts(scene: Path, tmp_path: Path, second: None) -> None:
    names = list(load_scene(scene).parts)
    found = point_in_scene(EditSettings(phrase="the ball", device="cpu"), scene, tmp_path)
    assert found == (names[1], None) and not list(tmp_path.iterdir())


def test_what_is_not_found_names_ways_that_an_edit_has(
    scene: Path, tmp_path: Path, second: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refer(encoder: Any, shown: Shown, text: str) -> Referral:
        labels = tuple(region.label for region in shown.regions)
        return Referral(text=text, scene=shown, labels=labels, probabilities=torch.zeros(len(labels)), none=1.0)

    monkeypatch.setattr(module, "answered", by_words.answered)
    monkeypatch.setattr(by_words, "refer", refer)
    with pytest.raises(InputError, match="hardly means any of") as said:
        point_in_scene(EditSettings(phrase="the ball", device="cpu"), scene, tmp_path)
    named = set(re.findall(r"`(\w+)`", str(said.value)))
    assert named == {"grounder", "score", "part", "box", "sphere"}
    assert named <= {field.name for field in fields(EditSettings)}


def test_masks_in_views_become_a_part(
    scene: Path, tmp_path: Path, second: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[Any] = []

    def open_proposer(settings: Any, grounder: str, *, device: str, offline: bool) -> Any:
        asked.append((grounder, settings.segmenter, offline))

        def propose(picture: Any, text: str) -> Shown:
            return Shown(picture=picture, regions=(Region(alpha=(picture.rgb.amin(dim=0) < 0.8).float(), label="x"),))

        return propose

    monkeypatch.setattr(module, "open_proposer", open_proposer)
    settings = EditSettings(phrase="the red ball", prompt="a blue ball", grounder="g", segmenter="box", device="cpu")
    with pytest.warns(RunWarning, match='"the red ball" is found in 3 of 3 views'):
        part, listed = point_in_scene(settings, scene, tmp_path)
    assert listed is not None and part == "" and listed == tmp_path / "phrase" / LIST and asked == [("g", "box", False)]
    (read,) = read_parts(listed, base=load_scene(scene))
    assert (read.name, read.prompt) == ("red ball", "a blue ball") and isinstance(read.shape, Voxels)
    assert 0.0 < float(read.shape.values.mean()) < 0.9
    assert sorted(file.name for file in listed.parent.iterdir()) == ["0.png", "120.png", "240.png", LIST]


@pytest.mark.filterwarnings("ignore")
def test_a_run_takes_the_part_or_the_list(
    scene: Path, tmp_path: Path, second: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("nerfstudio")
    seen: list[Any] = []
    monkeypatch.setattr("nerfstudio.scripts.train.main", seen.append)
    settings = EditSettings(scene=scene, prompt="x", phrase="the ball", device="cpu", output=tmp_path)
    folder = train(settings)
    model = seen[0].pipeline.model
    assert model.part == list(load_scene(scene).parts)[1] and model.parts is None and model.prompt == "x"
    monkeypatch.setattr(module, "point_in_scene", lambda settings, scene, folder: ("", folder / "list.yaml"))
    listed = train(settings)
    model = seen[1].pipeline.model
    assert model.parts == listed / "list.yaml" and model.part is None and model.prompt is None
    assert folder == seen[0].get_base_dir()
    with pytest.raises(ConfigError, match="`box` shows a part"):
        training_config(EditSettings(scene=scene, phrase="a ball", box=(0.0, 0.0, 0.0, 1.0, 1.0, 1.0), device="cpu"))
