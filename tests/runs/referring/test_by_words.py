"""Phrases point: at one of the regions that are given, or of those that a grounder proposes."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from gencontrol.errors import CheckpointError, ConfigError, InputError
from gencontrol.images.picture import Picture
from gencontrol.images.reading import read_image
from gencontrol.regions import Scene, from_box
from gencontrol.runs.answers.settings import AnswerSettings
from gencontrol.runs.notices import RunWarning
from gencontrol.runs.pointing import read_pointing
from gencontrol.runs.referring import by_words as module
from gencontrol.runs.referring.by_words import Worded, by_words, nothing_held
from gencontrol.runs.settings import EmbeddingSettings

PICTURE = Path(__file__).parents[3] / "examples" / "scene.png"
CROWN, LOWER, PUMPKIN = "148,44,232,116", "135,160,215,240", "33,84,146,192"
GIVEN: dict[str, Any] = {"box": (LOWER, CROWN, PUMPKIN)}


def pointed(text: str, **settings: Any) -> torch.Tensor:
    """What a phrase points at in the example."""
    pointing = read_pointing(EmbeddingSettings(phrase=(text,), **settings))
    (point,) = pointing.pointers
    return point(read_image(PICTURE), PICTURE).alpha


def test_a_phrase_means_one_of_the_boxes() -> None:
    with pytest.warns(RunWarning, match=r'"the crown" is box 148,44,232,116 at 148,44,232,116 \(\d+%\); none of these'):
        found = pointed("the crown", **GIVEN)
    assert bool((found == from_box((148, 44, 232, 116), size=(256, 256)).alpha).all())
    with pytest.warns(RunWarning, match="box 33,84"):
        found = pointed("the thing left of the crown", **GIVEN)
    assert bool((found == from_box((33, 84, 146, 192), size=(256, 256)).alpha).all())


def test_a_phrase_means_one_of_the_classes_of_a_map(tmp_path: Path) -> None:
    classes = np.zeros((256, 256), dtype=np.uint8)
    classes[44:116, 148:232], classes[84:192, 33:146] = 5, 9
    # A folder of maps goes with pictures of the same name.
    Image.fromarray(classes).save(tmp_path / "scene.png")
    for where in (tmp_path / "scene.png", tmp_path):
        with pytest.warns(RunWarning, match="is class 5 at"):
            found = pointed("the crown", label_map=str(where))
        assert bool((found == torch.from_numpy(classes == 5).float()).all())


def test_regions_are_called_after_their_phrases_and_weigh_alike() -> None:
    pointing = read_pointing(
        EmbeddingSettings(phrase=("the crown", "the pumpkin"), box=(f"{LOWER}:2", f"{CROWN}:3", PUMPKIN))
    )
    with pytest.warns(RunWarning):
        regions = [point(read_image(PICTURE), PICTURE) for point in pointing.pointers]
    assert [(region.label, region.weight) for region in regions] == [("the crown", 1.0), ("the pumpkin", 1.0)]


def test_a_picture_is_looked_at_once_and_models_are_let_go(monkeypatch: pytest.MonkeyPatch) -> None:
    opened: list[str] = []
    open_encoder = module.open_encoder
    monkeypatch.setattr(module, "open_encoder", lambda s: (opened.append(s.model), open_encoder(s))[1])
    settings = EmbeddingSettings(phrase=("the crown",), **GIVEN)
    worded = by_words(settings, read_pointing(EmbeddingSettings(**GIVEN)).pointers)
    assert isinstance(worded, Worded) and opened == []
    picture = read_image(PICTURE)
    with pytest.warns(RunWarning) as told:
        first = worded.pointers[0](picture, PICTURE)
    worded.let_go()
    again = worded.pointers[0](picture, PICTURE)
    assert bool((first.alpha == again.alpha).all()) and opened == ["tiny"] and len(told) == 1
    with pytest.warns(RunWarning):
        worded.pointers[0](picture, Path("other.png"))
    assert opened == ["tiny", "tiny"]
    nothing_held()


def test_what_is_meant_by_nothing_names_the_next_step() -> None:
    with pytest.raises(InputError, match=r'"the crown below the pumpkin" hardly means any of the 3 candidates') as said:
        pointed("the crown below the pumpkin", **GIVEN)
    assert "`gencontrol refer` lists them all" in str(said.value) and "none of these: " in str(said.value)


def test_proposals(monkeypatch: pytest.MonkeyPatch) -> None:
    """The grounder that is named, or the default one, which is told."""
    asked: list[Any] = []

    def open_proposer(settings: Any, grounder: str, *, device: str, offline: bool) -> Any:
        asked.append((grounder, settings.most, device, offline))
        boxes = ((148, 44, 232, 116), (135, 160, 215, 240))
        regions = tuple(from_box(box, size=(256, 256), label="crown") for box in boxes)
        return lambda picture, text: Scene(picture=picture, regions=regions)

    monkeypatch.setattr(module, "open_proposer", open_proposer)
    with pytest.warns(RunWarning, match="crown 1 at 148"):
        found = pointed("a crown", grounder="mine", most=7, device="cpu", offline=True)
    assert asked == [("mine", 7, "cpu", True)] and int(found.sum()) == 84 * 72
    with pytest.warns(RunWarning) as told:
        pointed("a crown")
    assert "no `grounder` is named, so IDEA-Research/grounding-dino-tiny proposes" in str(told[0].message)


def test_a_default_grounder_that_is_not_there_names_the_next_step(monkeypatch: pytest.MonkeyPatch) -> None:
    def none(*given: Any, **more: Any) -> Any:
        raise CheckpointError("No grounder at 'x'.")

    monkeypatch.setattr(module, "open_proposer", none)
    with pytest.warns(RunWarning), pytest.raises(CheckpointError, match=r"No grounder at 'x'\. Name a `grounder`"):
        pointed("a crown")
    with pytest.raises(CheckpointError, match=r"No grounder at 'x'\.$"):
        pointed("a crown", grounder="x")


def test_an_encoder_that_reads_is_needed(tiny_folder: Path) -> None:
    with pytest.raises(ConfigError, match="name one as `phrase_model`, such as tiny"):
        read_pointing(AnswerSettings(phrase=("a crown",), **GIVEN))
    with pytest.warns(RunWarning, match="is box 148"):
        pointing = read_pointing(AnswerSettings(phrase=("a crown",), phrase_model="tiny", device="cpu", **GIVEN))
        pointing.pointers[0](read_image(PICTURE), PICTURE)
    with pytest.raises(CheckpointError, match="can also be named as `phrase_model`"):
        pointed("a crown", model="/nowhere/at/all", offline=True, **GIVEN)
    with pytest.raises(CheckpointError) as said:
        pointed("a crown", phrase_model="/nowhere/at/all", offline=True, **GIVEN)
    assert "can also be named" not in str(said.value)


def test_phrases_that_are_not_understood_are_refused_before_anything_is_read() -> None:
    with pytest.raises(InputError, match="left of"):
        read_pointing(EmbeddingSettings(phrase=("the cup left of",), **GIVEN))
    assert read_pointing(EmbeddingSettings(**GIVEN)).let_go is nothing_held


def test_transparency_is_no_part_of_what_is_seen() -> None:
    seen = Picture(rgb=read_image(PICTURE).stored_rgb, alpha=torch.zeros(256, 256))
    pointing = read_pointing(EmbeddingSettings(phrase=("the crown",), **GIVEN))
    with pytest.warns(RunWarning, match="is box 148"):
        pointing.pointers[0](seen, PICTURE)
