"""`--phrase` points in every command that looks at regions; it is recorded, and repeated."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from gencontrol.studio.scene.repeating import as_command

EXAMPLES = Path(__file__).parents[2] / "examples"
SCENE = EXAMPLES / "scene.png"
GIVEN = ("--box", "135,160,215,240", "--box", "148,44,232,116", "--mask", EXAMPLES / "scene-mask.png")
CROWN = ("--phrase", "the crown", "--phrase-model", "tiny")
FOUND = 'gencontrol: "the crown" is box 148,44,232,116 at 148,44,232,116 ('


def record_of(path: Path) -> dict[str, Any]:
    with Image.open(path) as image:
        return json.loads(image.info["gencontrol"])


@pytest.fixture
def made(vary: Callable[..., Any], scene: Path) -> Path:
    """A variation of what a phrase means."""
    done = vary(*GIVEN, *CROWN, image=str(SCENE))
    assert done.code == 0 and done.err.count(FOUND) == 1, done.err
    return scene / "out" / "scene-0.png"


def test_vary_records_the_phrase_and_what_it_meant(made: Path, vary: Callable[..., Any], tmp_path: Path) -> None:
    record = record_of(made)
    assert record["settings"]["phrase"] == ["the crown"] and record["settings"]["phrase_model"] == "tiny"
    assert [region["label"] for region in record["regions"]] == ["the crown"]
    again = vary("--from", made, "-o", tmp_path / "again.png", image=None)
    assert again.code == 0 and again.err == "", again.err
    assert (tmp_path / "again.png").read_bytes() == made.read_bytes()


def test_another_picture_or_another_word_is_looked_at_anew(
    made: Path, vary: Callable[..., Any], tmp_path: Path
) -> None:
    other = tmp_path / "other.png"
    Image.open(SCENE).transpose(Image.Transpose.FLIP_TOP_BOTTOM).save(other)
    boxes = ("--label-map", tmp_path / "classes.png")
    Image.new("L", (256, 256)).save(tmp_path / "classes.png")
    done = vary("--from", made, *boxes, "-o", tmp_path / "x.png", image=str(other))
    assert done.code == 1 and "classes.png: expected 1 to" in done.err
    plain = vary("--from", made, "--box", "1,1,60,60", "-o", tmp_path / "y.png", image=None)
    assert plain.code == 0 and "the crown" not in plain.err, plain.err
    assert [r["label"] for r in record_of(tmp_path / "y.png")["regions"]] == ["box 1,1,60,60"]


def test_edit_takes_phrases_for_the_hole_and_for_what_is_painted(
    run: Callable[..., Any], tiny_folder: Path, tmp_path: Path
) -> None:
    like = ("--like-box", "135,160,215,240", "--like-box", "148,44,232,116", "--like-phrase", "the crown")
    how = ("--model", tiny_folder, "--phrase-model", "tiny", "--steps", 1)
    hole = ("--mask", EXAMPLES / "scene-mask.png", "--box", "135,160,215,240", "--phrase", "the lower thing")
    done = run("edit", SCENE, *hole, *like, *how, "-o", tmp_path / "a.png")
    assert done.code == 0 and FOUND in done.err and '"the lower thing" is ' in done.err, done.err
    record = record_of(tmp_path / "a.png")
    assert record["edit"]["like_phrase"] == ["the crown"] and record["edit"]["phrase"] == ["the lower thing"]
    assert [region["label"] for region in record["like_regions"]] == ["the crown"]
    again = run("edit", "--from", tmp_path / "a.png", "-o", tmp_path / "b.png")
    assert again.code == 0 and "is box" not in again.err, again.err
    assert (tmp_path / "a.png").read_bytes() == (tmp_path / "b.png").read_bytes()
    refused = run("edit", SCENE, "--box", "1,1,9,9", "--like-mask", "m.png", "--like-phrase", "a cup", *how)
    assert refused.code == 2 and "--like-mask shows one region and --like-phrase another" in refused.err


def test_commands_that_answer(run: Callable[..., Any], tmp_path: Path) -> None:
    (tmp_path / "labels.txt").write_text("crown\npumpkin\n")
    phrase = CROWN[:2]
    scored = run("score", SCENE, *GIVEN, *phrase, "-t", "a crown", "-t", "a pumpkin", "--format", "json")
    assert scored.code == 0 and FOUND in scored.err and json.loads(scored.out)[0]["region"] == "the crown"
    classified = run("classify", SCENE, *GIVEN, *phrase, "--labels", tmp_path / "labels.txt", "--format", "json")
    assert classified.code == 0 and FOUND in classified.err
    assert json.loads(classified.out)[0]["guesses"][0]["label"] == "crown"
    embedded = run("embed", SCENE, *GIVEN, *phrase, "-o", tmp_path / "e.safetensors")
    assert embedded.code == 0 and FOUND in embedded.err and (tmp_path / "e.safetensors").is_file()


@pytest.mark.parametrize("command", ["vary", "embed", "score", "classify", "caption", "ask", "edit"])
def test_every_command_refuses_a_phrase_beside_one_mask(command: str, run: Callable[..., Any], tmp_path: Path) -> None:
    (tmp_path / "labels.txt").write_text("crown\n")
    more: dict[str, tuple[object, ...]] = {
        "score": ("-t", "a"),
        "classify": ("--labels", tmp_path / "labels.txt"),
        "ask": ("-q", "What?"),
        "edit": ("--remove",),
    }
    out = () if command == "score" else ("-o", tmp_path / ("out.json" if command != "embed" else "e.safetensors"))
    out = ("-o", tmp_path / "out") if command in ("vary", "edit") else out
    mask = ("--mask", EXAMPLES / "scene-mask.png", *CROWN)
    done = run(command, SCENE, *mask, *more.get(command, ()), *out)
    assert done.code == 2 and "--mask shows one region and --phrase another: leave one of them out" in done.err


def test_phrase_settings_without_a_phrase_are_idle(run: Callable[..., Any]) -> None:
    done = run("score", SCENE, *GIVEN[:2], "--most", 3, "-t", "a crown")
    assert done.code == 0 and "no --phrase is given, so --most can do nothing." in done.err


def test_as_command() -> None:
    said = as_command({"images": ["a.png"], "phrase": ["the red cup"], "most": 3})
    assert said == "gencontrol vary a.png --phrase 'the red cup' --most 3"
