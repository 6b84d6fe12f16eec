"""`gencontrol ground`: phrases in, boxes out."""

import dataclasses
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from PIL import Image, ImageChops

from gencontrol.cli.flags import flag_names
from gencontrol.cli.ground import GroundFlags
from gencontrol.runs.grounding.settings import GroundingSettings

Run = Callable[..., Any]


@pytest.fixture
def ground(run: Run, scene: Path, owl: Path) -> Run:
    """Find things in photo.png."""

    def find(text: str, *flags: object) -> Any:
        return run("ground", scene / "photo.png", text, "--model", owl, *flags)

    return find


def test_boxes_for_programs_and_for_people(ground: Run, scene: Path) -> None:
    done = ground("a red cat. a table.", "--threshold", 0, "--most", 3, "--format", "json")
    assert done.code == 0 and done.err == ""
    found = json.loads(done.out)
    assert found["image"] == str(scene / "photo.png") and found["output"] is None and len(found["boxes"]) == 3
    scores = [row["score"] for row in found["boxes"]]
    assert scores == sorted(scores, reverse=True)
    assert {row["phrase"] for row in found["boxes"]} <= {"a red cat", "a table"}
    lines = ground("a red cat. a table.", "--threshold", 0, "--most", 3).out.splitlines()
    assert lines[0].split() == ["phrase", "score", "box"] and len(lines) == 4
    for line, row in zip(lines[1:], found["boxes"], strict=True):
        x0, y0, x1, y1 = row["box"]
        assert line.split() == [*row["phrase"].split(), f"{row['score']:.3f}", f"{x0:.1f},{y0:.1f},{x1:.1f},{y1:.1f}"]


def test_the_best_of_each_phrase_of_a_caption(ground: Run) -> None:
    done = ground("a dog beside a red cup", "--caption", "--best", "--threshold", 0, "--format", "json")
    assert sorted(row["phrase"] for row in json.loads(done.out)["boxes"]) == ["a dog", "a red cup"]


def test_nothing_found(ground: Run) -> None:
    assert ground("a dog", "--threshold", 1).out == "nothing found\n"
    assert json.loads(ground("a dog", "--threshold", 1, "--format", "json").out)["boxes"] == []


def test_a_picture_with_the_boxes(ground: Run, scene: Path) -> None:
    asked = ("--threshold", 0, "--most", 2, "-o", scene / "boxes.png")
    done = ground("a dog", *asked)
    assert done.code == 0 and done.out.endswith(f"wrote {scene / 'boxes.png'}\n")
    with Image.open(scene / "boxes.png") as drawn, Image.open(scene / "photo.png") as photo:
        assert drawn.size == photo.size and ImageChops.difference(drawn, photo.convert("RGB")).getbbox()
    again = ground("a dog", *asked)
    assert again.code == 1 and "boxes.png exists already: give --overwrite, or another -o." in again.err
    assert ground("a dog", *asked, "--overwrite").code == 0


def test_what_is_refused_before_anything_is_loaded(run: Run, ground: Run, scene: Path) -> None:
    said = {
        "expected a name that ends in .png": ground("a dog", "-o", scene / "boxes.txt"),
        "which is not written over": ground("a dog", "-o", scene / "photo.png", "--overwrite"),
        "--threshold: expected 0 or more and at most 1, got 2": ground("a dog", "--threshold", 2),
        "--most: expected 1 or more, got 0": ground("a dog", "--most", 0),
        "'dog' is given twice": ground("dog. a cat. dog."),
        "at least one phrase": ground(" . "),
        "names nothing that can be seen: leave --caption out": ground("it is raining", "--caption"),
        "No image file at": run("ground", scene / "none.png", "a dog"),
        "reads and writes files": run("ground", "-", "a dog"),
        "Give a picture and what to find in it": run("ground", scene / "photo.png"),
    }
    for text, done in said.items():
        assert done.code and text in done.err and not done.out, (text, done.err)


def test_a_model_that_is_none(run: Run, scene: Path, tiny_folder: Path) -> None:
    done = run("ground", scene / "photo.png", "a dog", "--model", tiny_folder / "clip")
    assert done.code == 1 and "type 'clip', and no grounder" in done.err
    done = run("ground", scene / "photo.png", "a dog", "--offline")
    assert done.code == 1 and "IDEA-Research/grounding-dino-tiny" in done.err


def test_flags_are_the_settings_and_no_others() -> None:
    flags, settings = ({f.name: f.default for f in dataclasses.fields(c)} for c in (GroundFlags, GroundingSettings))
    assert flags.keys() - {"format", "config"} == settings.keys()
    assert {name: flags[name] for name in settings} == settings


def test_help_has_every_flag(run: Run) -> None:
    printed = " ".join(run("ground", "--help").out.replace("│", " ").split())
    assert "Only the best box of each phrase." in printed
    for name, flag in flag_names(GroundFlags).items():
        assert flag in printed, name
