"""Settings that a run does not heed are said."""

import warnings
from pathlib import Path
from typing import Any

import pytest

from gencontrol.errors import CheckpointError
from gencontrol.runs.answers.opening import open_answerer
from gencontrol.runs.answers.settings import AnswerSettings
from gencontrol.runs.asked import ask_host
from gencontrol.runs.edits.settings import EditingSettings
from gencontrol.runs.grounding.finding import find_phrases
from gencontrol.runs.grounding.settings import GroundingSettings
from gencontrol.runs.idle import given, warn_of_idle, warn_of_revision
from gencontrol.runs.notices import RunWarning
from gencontrol.runs.opening import open_encoder
from gencontrol.runs.settings import EmbeddingSettings, EncoderSettings, RegionSettings, VariationSettings


def said(*settings: Any, shown: bool = True, **more: Any) -> list[str]:
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        warn_of_idle(settings, shown=shown, **more)
    assert all(entry.category is RunWarning for entry in caught)
    return [str(entry.message) for entry in caught]


def test_what_is_given_differs_from_its_default() -> None:
    settings = EditingSettings(steps=3, focus="crop", seam=0.05)
    assert given(settings, ("steps", "focus", "seam", "nothing")) == ["steps", "focus"]


def test_without_a_region_nothing_shapes_one() -> None:
    what = "no region is shown, so `feather`, `threshold` can do nothing."
    assert said(RegionSettings(feather=2.0, threshold=0.5), shown=False) == [what]
    assert said(RegionSettings(), shown=False) == []
    assert said(EmbeddingSettings(strength=0.3), shown=False) == ["no region is shown, so `strength` can do nothing."]
    away = EmbeddingSettings(strength=0.3, focus="crop", threshold=0.5, negative_mask=("a.png",))
    assert said(away, shown=False) == ["no region is shown, so `strength` can do nothing."]
    stretched = ["no region is shown, so `resize_mask` can do nothing."]
    assert said(RegionSettings(resize_mask=True), shown=False) == stretched
    assert said(EmbeddingSettings(resize_mask=True, negative_mask=("a.png",)), shown=False) == []
    # Filled in by the run itself; and of several values of a sweep each is said once.
    assert said(VariationSettings(focus="crop"), shown=False, unasked={"focus"}) == []
    several = [VariationSettings(feather=value) for value in (1.0, 2.0)]
    assert said(*several, shown=False) == ["no region is shown, so `feather` can do nothing."]


def test_a_threshold_needs_a_mask() -> None:
    what = "no mask is given, and `threshold` makes masks hard, so it can do nothing."
    assert said(RegionSettings(box=("1,2,3,4",), threshold=0.9)) == [what]
    assert said(RegionSettings(box=("1,2,3,4",))) == []
    assert said(RegionSettings(mask=("a.png",), threshold=0.9)) == []
    assert said(VariationSettings(box=("1,2,3,4",), negative_mask=("a.png",), threshold=0.9)) == []
    assert said(*(VariationSettings(box=("1,2,3,4",), threshold=value) for value in (0.1, 0.9))) == [what]


def test_recorded_regions_are_what_they_are() -> None:
    what = "the recorded regions are what they are, and `threshold` makes masks hard, so it can do nothing."
    assert said(VariationSettings(threshold=0.3), shown=False, recorded={"seed": 0}) == [what]
    assert said(VariationSettings(threshold=0.3), shown=False, recorded={"threshold": 0.3}) == []
    assert said(VariationSettings(threshold=0.3, mask=("a.png",)), recorded={"threshold": 0.2}) == []
    # Its other settings act on the recorded regions.
    assert said(VariationSettings(feather=2.0, strength=0.5), shown=False, recorded={}) == []


@pytest.mark.parametrize(
    ("name", "value"), [("level", (0.5,)), ("fit", "squash"), ("resize_mask", True), ("recursive", True)]
)
def test_finished_embeddings_have_no_pictures(name: str, value: Any) -> None:
    settings = VariationSettings(embeds_in="e.safetensors", **{name: value})
    what = f"`embeds_in` starts from embeddings, so `{name}` can do nothing."
    assert said(settings, shown=False) == [what]
    assert said(settings, shown=False, recorded={}) == []


@pytest.mark.parametrize("what", ["host", "encoder", "answerer", "folder"])
def test_a_revision_of_what_is_on_this_machine_can_do_nothing(what: str, tiny_folder: Path) -> None:
    name = str(tiny_folder) if what == "folder" else "tiny"
    where = "is on this machine" if what == "folder" else "comes with gencontrol"
    opened = {
        "host": lambda: ask_host(name, None, revision="main", offline=True),
        "encoder": lambda: open_encoder(EncoderSettings(model=name, revision="main", offline=True)),
        "answerer": lambda: open_answerer(AnswerSettings(model=name, revision="main", offline=True)),
        "folder": lambda: open_encoder(EncoderSettings(model=name, revision="main", offline=True)),
    }
    with pytest.warns(RunWarning, match=rf"^{name} {where}, so `revision` can do nothing\.$"):
        opened[what]()


def test_a_revision_of_a_grounder_on_this_machine_can_do_nothing(tiny_folder: Path, scene: Path) -> None:
    settings = GroundingSettings(image=str(scene / "photo.png"), text="a cup", model=str(tiny_folder), revision="main")
    with pytest.warns(RunWarning, match="so `revision` can do nothing"), pytest.raises(CheckpointError):
        find_phrases(settings)


@pytest.mark.parametrize(("model", "revision"), [("tiny", None), ("some/model", "main"), ("tiny", "v2")])
def test_other_revisions_are_no_notice(model: str, revision: str | None) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        warn_of_revision(model, revision)
