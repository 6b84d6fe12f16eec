"""Texts on the command line, and numbers that JSON can hold."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

Run = Callable[..., Any]
EXAMPLES = Path(__file__).parents[2] / "examples"


def test_a_text_given_twice(run: Run, scene: Path, tiny_folder: Path) -> None:
    texts = ("-t", "a cat", "-t", "a cat", "-t", "a dog")
    done = run("score", scene / "photo.png", "--model", tiny_folder, "--mask", scene / "red.png", *texts)
    assert done.code == 1 and "-t 'a cat' is given twice: give each text once" in done.err and not done.out


def test_long_texts(run: Run, scene: Path, tiny_folder: Path) -> None:
    asked = ("score", scene / "photo.png", "--model", tiny_folder, "-t", "a " * 30, "-t", "a cat")
    refused = run(*asked)
    assert refused.code == 1 and "shorten it, or give --truncate" in refused.err
    done = run(*asked, "--truncate", "--format", "json")
    (row,) = json.loads(done.out, parse_constant=lambda name: 1 / 0)
    assert len(row["scores"]) == 2


def test_the_published_fit(run: Run, scene: Path, tiny_folder: Path) -> None:
    asked = ("score", scene / "photo.png", "--model", tiny_folder, "--mask", scene / "red.png", "--format", "json")
    rows = [json.loads(run(*asked, "-t", "a cat", *fit).out) for fit in ((), ("--fit", "published"))]
    assert rows[0] != rows[1]


def test_levels_are_one_look_and_a_sweep_shows_their_course(run: Run, scene: Path, tiny_folder: Path) -> None:
    masks = ("--mask", scene / "red.png", "--mask", scene / "blue.png")
    texts = ("-t", "a cat", "-t", "a dog", "--format", "json")

    def rows(*more: object) -> dict[str, float]:
        done = run("score", scene / "photo.png", "--model", tiny_folder, *masks, *texts, *more)
        # Looks of one batch are those of another to rounding.
        return {row["region"]: round(row["scores"]["a cat"]["share"], 4) for row in json.loads(done.out)}

    apart, together = rows(), rows("--level", 1, "--level", 0.5)
    assert list(apart) == ["red", "blue"] and list(together) == ["red 1, blue 0.5"]
    swept = rows("--level", 0.3, "--level", 0.5, "--sweep-level")
    assert list(swept) == [f"red {level}, blue 0.5" for level in ("0", "0.25", "0.5", "0.75", "1")]
    assert swept["red 1, blue 0.5"] == together["red 1, blue 0.5"]
    assert swept["red 0, blue 0.5"] == apart["blue"]
    assert rows("--sweep-level")["red 0.5, blue 1"] == rows("--level", 0.5, "--level", 1)["red 0.5, blue 1"]


def test_a_sweep_needs_something_beside(run: Run, scene: Path, tiny_folder: Path) -> None:
    asked = ("score", scene / "photo.png", "--model", tiny_folder, "-t", "a cat", "--sweep-level")
    for masks in (("--mask", scene / "red.png"), ()):
        done = run(*asked, *masks)
        assert done.code == 1 and "A sweep needs another region with a level above 0" in done.err


@pytest.mark.parametrize("command", ["score", "embed"])
def test_what_is_said_of_one_of_several_pictures_names_it_once(
    command: str, run: Any, scene: Path, tiny_folder: Path
) -> None:
    """Pictures are read twice, to be checked and in their turn; regions are looked at in their turn alone."""
    with Image.open(scene / "red.png") as mask:
        mask.resize((40, 32)).save(scene / "small.png")
    for name in ("a", "b"):
        (scene / f"{name}.png").write_bytes((scene / "photo.png").read_bytes())
    given = ("--text", "red", "--text", "blue", "--mask", scene / "small.png", "--resize-mask", "--model", tiny_folder)
    output = ("-o", scene / "e.safetensors") if command == "embed" else ()
    done = run(command, scene / "a.png", scene / "b.png", *given, *output)
    assert done.code == 0, done.err
    lines = done.err.splitlines()
    assert len(lines) == 2 and all("it was stretched" in line for line in lines), done.err
    for line, name in zip(lines, "ab", strict=True):
        assert line.startswith(f"gencontrol: {scene}/{name}.png: ")


def test_a_text_with_a_relation_says_which_regions_it_means(run: Run, scene: Path, tiny_folder: Path) -> None:
    masks = ("--mask", scene / "red.png", "--mask", scene / "blue.png")
    asked = ("score", scene / "photo.png", "--model", tiny_folder, "--format", "json")
    phrase = ("-t", "a crown left of a pumpkin")
    plain = ("-t", "a cat", "-t", "a dog")
    told, *rows = json.loads(run(*asked, *masks, *phrase, *plain).out)
    # Plain texts are scored as if the phrase were not there.
    assert rows == json.loads(run(*asked, *masks, *plain).out)
    assert told["text"] == "a crown left of a pumpkin" and told["relation"] == "left of"
    total = told["none"] + sum(one["probability"] for one in told["assignments"])
    assert {one["subject"] for one in told["assignments"]} <= {"red", "blue"} and abs(total - 1) < 1e-4
    printed = run(*asked[:-1], "human", *masks, *phrase).out.splitlines()
    assert printed[0].split() == ["image", "text", "subject", "relation", "object", "probability"]
    assert "none of these" in printed[-1] and f"{told['none']:.1%}" in printed[-1]
    # One region stands to nothing, and levels are one look: the text is scored as a whole, as before.
    levels = (*masks, "--level", 1, "--level", 0.5)
    whys = ("That takes two regions, and there is one", "That takes two regions, and none is shown")
    said = dict(zip((masks[:2], (), levels), (*whys, "by --level, --sweep-level or --invert, have no"), strict=True))
    for given, why in said.items():
        done = run(*asked, *given, *phrase)
        (row,) = json.loads(done.out)
        assert list(row["scores"]) == ["a crown left of a pumpkin"]
        (line,) = done.err.splitlines()
        assert line.startswith("gencontrol: 'a crown left of a pumpkin' says how things stand to each other. ")
        assert why in line and line.endswith(" So it is scored as a whole, in which text towers hardly read relations.")
        assert not run(*asked, *given, *plain).err


def test_a_relation_that_nothing_answers_is_said_and_scored_as_a_whole(
    run: Run, scene: Path, tiny_folder: Path
) -> None:
    masks = ("--mask", scene / "red.png", "--mask", scene / "blue.png")
    text = "a cat on a dog"
    done = run("score", scene / "photo.png", "--model", tiny_folder, *masks, "-t", text, "--format", "json")
    assert done.code == 0 and "a trained module would have to answer it" in done.err
    assert [list(row["scores"]) for row in json.loads(done.out)] == [[text], [text]]


def test_all_regions_in_one_pass(run: Run, scene: Path, tiny_folder: Path) -> None:
    masks = ("--mask", scene / "red.png", "--mask", scene / "blue.png")
    asked = ("score", scene / "photo.png", "--model", tiny_folder, *masks, "-t", "a cat", "-t", "a dog")
    each = json.loads(run(*asked, "--format", "json", "--focus", "alpha").out)
    once = run(*asked, "--format", "json", "--focus", "one-pass")
    assert "approximate: this encoder was not trained for several in one pass" in once.err
    assert [row["region"] for row in json.loads(once.out)] == ["red", "blue"]
    assert json.loads(once.out) != each


def test_a_colour_is_not_taken_for_the_thing(run: Run, tmp_path: Path) -> None:
    """The pumpkin, turned to purple, is no eggplant to the model that comes with the package."""
    picture = Image.open(EXAMPLES / "scene.png").convert("RGB")
    mask = Image.open(EXAMPLES / "scene-mask.png").convert("L")
    turned = np.asarray(picture.convert("HSV")).copy()
    turned[..., 0] += 170
    picture.paste(Image.fromarray(turned, "HSV").convert("RGB"), mask=mask)
    picture.save(tmp_path / "purple.png")
    texts = [flag for text in ("pumpkin", "crown", "eggplant", "musical note") for flag in ("-t", text)]
    done = run("score", tmp_path / "purple.png", "--mask", EXAMPLES / "scene-mask.png", *texts, "--format", "json")
    (row,) = json.loads(done.out)
    assert row["scores"]["pumpkin"]["share"] > 0.75, done.out
