"""One run: what it is told, what it tells, and how it stops."""

import os
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from gencontrol.configuration import from_mapping
from gencontrol.focus import focus_strategy
from gencontrol.regions.drawn import from_box
from gencontrol.regions.masks import from_mask
from gencontrol.runs.plan import plan_variations
from gencontrol.runs.pointing import read_pointing
from gencontrol.runs.scenes import read_scene
from gencontrol.runs.settings import VariationSettings
from gencontrol.runs.variation import run_variations
from gencontrol.studio.warm.jobs import PREVIEW_EVERY, Stopped, carry_out
from gencontrol.studio.warm.kept import Kept
from gencontrol.tasks.ask import ask_regions, caption_regions
from gencontrol.tasks.llava.opening import open_llava


@pytest.fixture
def job(photo: Path, mask: Path, tiny_folder: Path, tmp_path: Path) -> dict[str, Any]:
    settings = {"images": ["photo.png"], "mask": ["left.png"], "model": str(tiny_folder), "steps": 2, "number": 3}
    more = {"folder": str(tmp_path), "from_picture": None, "previews": None}
    return {"do": "vary", "settings": settings | {"output": "out", "batch": 2, "offline": True}, **more}


def run(job: dict[str, Any], kept: Kept, check: Any = lambda: None) -> list[Any]:
    told: list[Any] = []
    carry_out(job, kept, told.append, check)
    return told


def test_a_warm_run_makes_the_same_bytes_as_a_cold_one(
    job: dict[str, Any], pool: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    told = run(job, pool.kept)
    monkeypatch.chdir(tmp_path)
    cold = VariationSettings(**{**job["settings"], "images": ("photo.png",), "mask": ("left.png",), "output": "cold"})
    outcome = run_variations(plan_variations(cold))
    assert told[-1]["kind"] == "done"
    assert [Path(o["path"]).name for o in told[-1]["outputs"]] == [o.path.name for o in outcome.outputs]
    for output in outcome.outputs:
        assert (tmp_path / "out" / output.path.name).read_bytes() == output.path.read_bytes()
    assert told[-1]["outputs"][0] | {"path": ""} == {"path": "", "image": "photo.png", "seed": 0, "swept": ""}


def test_each_step_of_each_call_is_told(job: dict[str, Any], pool: Any) -> None:
    told = run(job, pool.kept)
    assert told[0] == {"kind": "planned", "pictures": 3, "calls": 2}
    steps = [(m["call"], m["calls"], m["step"], m["steps"]) for m in told if m["kind"] == "step"]
    assert steps == [(1, 2, 1, 2), (1, 2, 2, 2), (2, 2, 1, 2), (2, 2, 2, 2)]


def test_the_model_stays_open_until_another_is_asked_for(job: dict[str, Any], pool: Any, unclip_folder: Path) -> None:
    kept = Kept()
    run(job, kept)
    first = kept._host[1][0]
    job["settings"]["existing"] = "overwrite"
    run(job, kept)
    assert kept._host[1][0] is first
    euler = {**job, "settings": {**job["settings"], "scheduler": "euler"}}
    assert run(euler, kept)[-1]["kind"] == "done"
    assert kept._host[1][0] is first and type(first.scheduler).__name__ == "EulerDiscreteScheduler"
    run(job, kept)
    assert type(first.scheduler).__name__ == "DDIMScheduler"
    run({**job, "settings": {**job["settings"], "model": str(unclip_folder), "output": "unclip"}}, kept)
    assert kept._host[1][0] is not first


def test_a_run_stops_at_its_next_step_and_writes_nothing(job: dict[str, Any], pool: Any, tmp_path: Path) -> None:
    asked: list[int] = []

    def check() -> None:
        asked.append(1)
        if len(asked) == 3:
            raise Stopped

    told = run(job, pool.kept, check)
    assert told[-1] == {"kind": "error", "type": "Stopped", "message": "stopped."}
    assert [m["step"] for m in told if m["kind"] == "step"] == [1] and not list(tmp_path.glob("out/*.png"))


def test_previews_show_what_is_being_made(job: dict[str, Any], pool: Any, tmp_path: Path) -> None:
    job["settings"] |= {"steps": PREVIEW_EVERY + 2, "number": 2}
    told = run({**job, "previews": str(tmp_path / "shown")}, pool.kept)
    shown = {m["step"]: m["previews"] for m in told if m["kind"] == "step"}
    assert {step for step, files in shown.items() if files} == {PREVIEW_EVERY}
    final = [Image.open(tmp_path / output["path"]) for output in told[-1]["outputs"]]
    for path, picture in zip(shown[PREVIEW_EVERY], final, strict=True):
        with Image.open(path) as preview:
            assert preview.size == picture.size and preview.tobytes() != picture.tobytes()


def test_warnings_are_told_once_and_errors_by_their_class(job: dict[str, Any], pool: Any) -> None:
    job["settings"] |= {"mask": [], "strength": 0.5}
    told = run(job, pool.kept)
    warned = [m["message"] for m in told if m["kind"] == "warning"]
    assert warned == ["no region is shown, so `strength` can do nothing."]
    (again,) = (m for m in run(job, pool.kept) if m["kind"] == "error")
    assert again["type"] == "InputError" and "photo-0.png and 2 more exist already" in again["message"]
    job["settings"]["steps"] = 0
    assert run(job, pool.kept)[-1]["type"] == "ConfigError"
    job["settings"] = {"stpes": 3}
    assert "unknown key 'stpes'" in run(job, pool.kept)[-1]["message"]


def test_a_run_begins_in_its_folder_and_comes_back(job: dict[str, Any], pool: Any) -> None:
    before = os.getcwd()
    run(job, pool.kept)
    assert os.getcwd() == before
    told = run({**job, "folder": "/nowhere/at/all"}, pool.kept)
    assert told[-1]["message"] == "/nowhere/at/all cannot be entered: No such file or directory."


@pytest.mark.parametrize("folder", ["/tmp\0x", "/tmp/\ud800", ""])
def test_a_folder_that_none_can_be_called_is_told(folder: str, job: dict[str, Any], pool: Any) -> None:
    (told,) = run({**job, "folder": folder}, pool.kept)
    assert told["type"] == "InputError" and told["message"].startswith(f"{folder!r} cannot be entered: ")


@pytest.mark.parametrize("images", [[], ["photo.png", "photo.png"]])
@pytest.mark.parametrize("more", [{"do": "score", "texts": ["a cat"]}, {"do": "find", "mask": "found.png"}])
def test_what_is_of_one_picture_takes_one(
    more: dict[str, Any], images: list[str], job: dict[str, Any], pool: Any
) -> None:
    settings = job["settings"] | {"images": images}
    (told,) = run({**job, **more, "settings": settings}, pool.kept)
    assert (told["type"], told["message"]) == ("ConfigError", f"`images`: expected one picture, got {len(images)}.")


def test_texts_are_scored_against_each_region(job: dict[str, Any], pool: Any, tmp_path: Path) -> None:
    settings = {name: job["settings"][name] for name in ("model", "offline")}
    settings |= {"images": [str(tmp_path / "photo.png")], "mask": [str(tmp_path / "left.png")]}
    (done,) = run({"do": "score", "settings": settings, "texts": ["a cat", "a dog"]}, pool.kept)
    (row,) = done["rows"]
    assert row["region"] == "left" and sum(row["shares"]) == pytest.approx(1) and len(row["cosines"]) == 2
    assert run({"do": "score", "settings": settings, "texts": []}, pool.kept)[-1]["type"] == "InputError"
    twice = run({"do": "score", "settings": settings, "texts": ["a cat", "A cat"]}, pool.kept)
    assert "is given twice" in twice[-1]["message"]


def test_the_language_model_says_something_of_each_region(
    job: dict[str, Any], pool: Any, tmp_path: Path, llava_folder: Path
) -> None:
    llava = open_llava(str(llava_folder))
    text_config: Any = llava.model.config.text_config
    # Room for a whole answer.
    text_config.max_position_embeddings = 512
    kept = Kept()
    kept._llava = (("auto", "auto"), llava)
    settings = {"images": [str(tmp_path / "photo.png")], "mask": [str(tmp_path / "left.png")], "focus": "crop"}
    settings |= {"box": ["0%,0%,50%,50%"]}
    recorded = read_scene(tmp_path / "photo.png", read_pointing(from_mapping(VariationSettings, settings, where="")))
    for question in ("what is it?", ""):
        (done,) = run({"do": "answer", "settings": settings, "question": question}, kept)
        crop = focus_strategy("crop")
        said = (
            ask_regions(llava, recorded.scene, question, focus=crop)
            if question
            else caption_regions(llava, recorded.scene, focus=crop)
        )
        assert [row["region"] for row in done["rows"]] == ["left", "box 0%,0%,50%,50%"]
        assert tuple(row["answer"] for row in done["rows"]) == said
    other = settings | {"focus": "attention"}
    told = run({"do": "answer", "settings": other, "question": ""}, kept)
    assert told[-1]["kind"] == "error" and "attention" in told[-1]["message"]


def test_what_takes_references_is_declined(job: dict[str, Any], pool: Any) -> None:
    job["settings"]["model"] = "flux-redux"
    assert run(job, pool.kept)[-1]["type"] == "Declined"


def test_words_are_found_as_a_mask(pool: Any, tmp_path: Path) -> None:
    scene = Path(__file__).parents[3] / "examples" / "scene.png"
    settings = {"images": [str(scene)], "model": "tiny", "offline": True, "phrase": ["the right one"]}
    settings |= {"box": ["33,84,146,192", "148,44,232,116"]}
    mask = tmp_path / "found.png"
    told = run({"do": "find", "settings": settings, "mask": str(mask)}, pool.kept)
    assert told[-1] == {"kind": "done", "mask": str(mask)}
    assert any(message["kind"] == "warning" and "148,44,232,116" in message["message"] for message in told)
    found = from_mask(mask, size=(256, 256)).alpha
    assert found.equal(from_box((148, 44, 232, 116), size=(256, 256)).alpha)
    other = run({"do": "find", "settings": settings | {"phrase": ["the left of the of"]}, "mask": str(mask)}, pool.kept)
    assert other[-1]["kind"] == "error" and other[-1]["type"] == "InputError"
