"""`gencontrol calibrate`: a curve out of pictures and masks, and what a level is with it."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from gencontrol.regions.curves import read_curve

Run = Callable[..., Any]


@pytest.fixture
def masks(scene: Path) -> Path:
    """A folder of the picture's masks, called what they show."""
    folder = scene / "masks" / "photo"
    folder.mkdir(parents=True)
    for name, colour in (("cat", "red"), ("red_dog", "blue")):
        (folder / f"{name}.png").write_bytes((scene / f"{colour}.png").read_bytes())
    return folder.parent


@pytest.fixture
def calibrate(run: Run, scene: Path, masks: Path, tiny_folder: Path) -> Run:
    def calibrate_scene(*arguments: object) -> Any:
        where = ("--model", tiny_folder, "--masks", masks, "--points", 5, "-o", scene / "curve.json")
        return run("calibrate", scene / "photo.png", *where, *arguments)

    return calibrate_scene


@pytest.mark.filterwarnings("ignore:the curve does not help")
def test_a_curve_is_written_and_errors_are_told(calibrate: Run, scene: Path) -> None:
    done = calibrate()
    assert done.code == 0, done.err
    head, first, second, last = done.out.splitlines()
    assert head.split("  ")[0] == "way" and "share error" in head and "with the curve" in head
    assert (first.split()[0], second.split()[0]) == ("one-pass", "passes")
    curve = read_curve(scene / "curve.json")
    assert last == f"wrote {scene / 'curve.json'}: {curve.way}, 5 points"
    told = {line.split()[0]: [float(number) for number in line.split()[1:]] for line in (first, second)}
    assert told[curve.way][1] == min(numbers[1] for numbers in told.values())
    assert curve.measured["error_after"] == pytest.approx(told[curve.way][1], abs=1e-3)
    assert curve.measured["pictures"] == 1


@pytest.mark.filterwarnings("ignore:the curve does not help")
def test_json_and_a_chosen_way(calibrate: Run, scene: Path) -> None:
    done = calibrate("--way", "passes", "--format", "json")
    found = json.loads(done.out)
    assert (found["way"], found["path"]) == ("passes", str(scene / "curve.json"))
    (row,) = found["errors"]
    assert row["way"] == "passes" and row["after"] <= row["before"] + 1e-6 and row["left_out"] is None


def test_what_is_there_is_kept(calibrate: Run, scene: Path) -> None:
    (scene / "curve.json").write_text("mine", encoding="utf-8")
    done = calibrate()
    assert done.code == 1 and "exists already: give --overwrite, or another -o" in done.err
    assert (scene / "curve.json").read_text() == "mine"


def bent(path: Path, way: str) -> Path:
    """A curve that takes half a level for nothing."""
    values = {"way": way, "levels": [0, 0.5, 1], "values": [0, 0, 1]}
    path.write_text(json.dumps(values), encoding="utf-8")
    return path


@pytest.mark.parametrize("way", ["one-pass", "passes"])
def test_a_level_is_what_the_curve_says(run: Run, scene: Path, tiny_folder: Path, way: str) -> None:
    curve = ("--levels-curve", bent(scene / "bent.json", way))
    masks = ("--mask", scene / "red.png", "--mask", scene / "blue.png", "--model", tiny_folder)

    def shares(*more: object) -> dict[str, float]:
        texts = ("-t", "a cat", "-t", "a dog", "--format", "json")
        done = run("score", scene / "photo.png", *masks, *texts, *more)
        assert done.code == 0, done.err
        return {row["region"]: row["scores"]["a cat"]["share"] for row in json.loads(done.out)}

    half, nothing = ("--level", 0.5, "--level", 1), ("--level", 0, "--level", 1)
    seen = shares(*half, *curve)["red 0.5, blue 1"]
    # Of random weights the shares differ little, so that they are compared more closely than anybody would.
    assert seen == pytest.approx(shares(*nothing)["red 0, blue 1"], abs=1e-6)
    assert abs(seen - shares(*half)["red 0.5, blue 1"]) > 5e-6
    assert shares("--sweep-level", *curve)["red 0.25, blue 1"] == pytest.approx(seen, abs=1e-6)
    # Embeddings and pictures follow it as well.
    rows = []
    for name, more in (("a", (*half, *curve)), ("b", nothing)):
        done = run("embed", scene / "photo.png", *masks, *more, "-o", scene / f"{name}.safetensors")
        assert done.code == 0, done.err
        rows.append(scene / f"{name}.safetensors")
    from gencontrol.conditioning.embedding_files import read_embeds

    first, second = (read_embeds(path, width=24).image_embeds for path in rows)
    assert (first - second).abs().max() < 1e-4


def test_pictures_follow_it_and_record_it(vary: Any, scene: Path, differ: Any, run: Run) -> None:
    curve, masks = bent(scene / "bent.json", "passes"), ("--mask", scene / "red.png", "--mask", scene / "blue.png")
    for name, more in (
        ("half", ("--level", 0.5, "--level", 1)),
        ("none", ("--level", 0, "--level", 1)),
        ("bent", ("--level", 0.5, "--level", 1, "--levels-curve", curve)),
    ):
        assert vary(*masks, *more, "-n", 1, "-o", scene / f"{name}.png").code == 0
    assert not differ(scene / "bent.png", scene / "none.png") and differ(scene / "bent.png", scene / "half.png")
    assert run("vary", "--from", scene / "bent.png", "-o", scene / "again.png").code == 0
    assert not differ(scene / "bent.png", scene / "again.png")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--points", 2), "--points: expected 3 or more and at most 1,001, got 2"),
        (("--points", 1002), "--points: expected 3 or more and at most 1,001, got 1002"),
        (("--form", "a thing"), "--form: expected a text with one {}, such as 'a photo of a {}', got 'a thing'"),
        (("--form", "{} {}"), "--form: expected a text with one {}"),
        (("--form", "{} {x}"), "--form: expected a text with one {}"),
        (("-o", "a/curve.png"), "-o a/curve.png: a curve is written as JSON; name it curve.json."),
    ],
)
def test_settings_that_cannot_be(calibrate: Run, arguments: Any, message: str) -> None:
    done = calibrate(*arguments)
    assert done.code == 2 and message in done.err and done.err.count("\n") == 1


def test_masks_that_are_not_there(calibrate: Run, run: Run, scene: Path, masks: Path, tiny_folder: Path) -> None:
    done = run("calibrate", scene / "photo.png", "--model", tiny_folder)
    assert done.code == 2 and "--masks: name a folder that holds, for each picture, a folder of masks" in done.err
    (masks / "photo" / "cat.png").unlink()
    done = calibrate()
    assert done.code == 1 and "expected at least two masks in" in done.err and "got 1: levels are shares" in done.err
    done = run("calibrate", scene / "red.png", "--model", tiny_folder, "--masks", masks)
    assert done.code == 1 and f"no folder {masks / 'red'}; expected one with a mask for each thing" in done.err


def test_a_curve_of_another_encoder_or_none(run: Run, scene: Path, tiny_folder: Path) -> None:
    path = bent(scene / "bent.json", "passes")
    path.write_text(path.read_text().replace("{", '{"tower": [1, 2, 3], ', 1), encoding="utf-8")
    asked = ("score", scene / "photo.png", "--model", tiny_folder, "-t", "a cat", "--mask", scene / "red.png")
    done = run(*asked, "--levels-curve", path)
    assert done.code == 1 and "The curve of levels was fitted to another encoder" in done.err
    done = run(*asked, "--levels-curve", scene / "photo.png")
    assert done.code == 1 and "photo.png is not a text file; expected a curve of levels" in done.err
    done = run(*asked, "--levels-curve", "")
    assert done.code == 2 and "--levels-curve is empty" in done.err


def test_edits_have_no_levels(run: Run, scene: Path) -> None:
    done = run("edit", scene / "photo.png", "--box", "1,1,20,20", "--remove", "--levels-curve", scene / "bent.json")
    assert done.code == 2 and "--levels-curve shares a look among regions, and a hole is one" in done.err
