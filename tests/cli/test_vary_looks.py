"""Sums of looks on the command line: what they cost, what is seen, recorded and repeated."""

import json
from pathlib import Path
from typing import Any

import pytest

from gencontrol.runs.files.records import read_record


def test_a_sum_is_told_of_recorded_and_repeated(vary: Any, run: Any, scene: Path, size_of: Any, differ: Any) -> None:
    look = "zoom:margin=0.1 + crop:margin=0.3"
    done = vary("--mask", scene / "red.png", "--focus", look, "-n", 1, "--preview", "--format", "json")
    assert done.code == 0, done.err
    told, out = json.loads(done.out), scene / "out"
    assert told["encodes"] == 2
    (picture,) = [Path(entry["path"]) for entry in told["outputs"]]
    record = read_record(picture)
    assert record["settings"]["focus"] == look
    width, height = size_of(out / "photo-preview.png")
    # A 64th of a look's height is between the two.
    assert width == 2 * height + height // 64
    assert run("vary", "--from", picture, "-o", scene / "again.png").code == 0
    assert not differ(picture, scene / "again.png")
    for number, single in enumerate(look.split(" + ")):
        alone = vary("--mask", scene / "red.png", "--focus", single, "-n", 1, "-o", scene / f"{number}.png")
        assert alone.code == 0 and differ(picture, scene / f"{number}.png")


def test_one_look_is_one_run_of_the_encoder(vary: Any, scene: Path) -> None:
    asked = ("--mask", scene / "red.png", "--dry-run", "--format", "json")
    assert json.loads(vary(*asked, "--focus", "mask-inversion:steps=2").out)["encodes"] == 1
    assert "encodes" not in json.loads(vary(*asked).out)


@pytest.mark.parametrize(
    ("focus", "message"),
    [
        ("alpha+zom", "unknown focus 'zom'; did you mean 'zoom'?"),
        ("mask-inversion:step=3", "focus 'mask-inversion': unknown key 'step'; did you mean 'steps'?"),
        ("zoom + zoom", "'zoom' is named twice with the same settings"),
    ],
)
def test_looks_that_there_are_not(vary: Any, scene: Path, focus: str, message: str) -> None:
    done = vary("--mask", scene / "red.png", "--focus", focus)
    assert done.code == 2 and message in done.err and done.err.count("\n") == 1


@pytest.mark.parametrize("focus", ["masked-pooling:tokens=values", "mask-inversion:steps=2"])
def test_what_reads_patches_draws(vary: Any, scene: Path, differ: Any, focus: str) -> None:
    for name, more in (("one", ("--focus", focus)), ("other", ("--focus", "alpha"))):
        done = vary("--mask", scene / "red.png", "-n", 1, *more, "-o", scene / f"{name}.png")
        assert done.code == 0, done.err
    assert differ(scene / "one.png", scene / "other.png")
