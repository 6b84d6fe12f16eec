"""`gencontrol vary --sweep`: a setting at several values, on the command line."""

import json
from pathlib import Path
from typing import Any

import pytest

from gencontrol.runs.files.records import is_result


def test_a_labelled_sheet_and_its_pictures(vary: Any, scene: Path, size_of: Any) -> None:
    done = vary("--mask", scene / "red.png", "--sweep", "strength=0:1.5:4", "-n", 2)
    assert done.code == 0, done.err
    names = [f"photo-strength-{value}-{seed}.png" for value in ("0", "0.5", "1", "1.5") for seed in (0, 1)]
    out = scene / "out"
    assert done.out.splitlines() == [f"wrote {out / name}" for name in [*names, "photo-sweep.png"]]
    width, height = size_of(out / "photo-sweep.png")
    assert width == 8 + 2 * (128 + 8) and height > 4 * 128
    # The next run does not take the sheet, or a picture, for one to vary.
    assert all(is_result(path) for path in out.iterdir())


def test_the_dial_between_two_regions_as_a_strip(vary: Any, scene: Path, size_of: Any, differ: Any) -> None:
    """At level 0 beside another, a region is not there; each picture is repeated by its record."""
    masks = ("--mask", scene / "red.png", "--box", "60,60,90,90")
    done = vary(*masks, "--sweep", "level=0:1:3", "-n", 1, "--steps", 2)
    assert done.code == 0, done.err
    out = scene / "out"
    names = [f"photo-level-{level}-0.png" for level in ("0", "0.5", "1")]
    assert sorted(path.name for path in out.iterdir()) == sorted([*names, "photo-sweep.png"])
    assert size_of(out / "photo-sweep.png")[1] > 3 * 128
    assert vary("--box", "60,60,90,90", "-n", 1, "--steps", 2, "-o", scene / "other.png").code == 0
    assert not differ(out / names[0], scene / "other.png") and differ(out / names[1], scene / "other.png")
    assert vary(*masks, "--level", 0.5, "--level", 1, "-n", 1, "--steps", 2, "-o", scene / "half.png").code == 0
    assert not differ(out / names[1], scene / "half.png")


def test_a_picture_is_repeated_alone(vary: Any, run: Any, scene: Path, differ: Any) -> None:
    vary("--mask", scene / "red.png", "--sweep", "feather=0,6")
    source = scene / "out" / "photo-feather-6-0.png"
    assert run("vary", "--from", source, "-o", scene / "again.png").code == 0
    assert not differ(source, scene / "again.png")
    assert differ(scene / "out" / "photo-feather-0-0.png", source)
    done = run("vary", "--from", scene / "out" / "photo-sweep.png", "-o", scene / "again.png")
    assert done.code == 1 and "photo-sweep.png is a sheet (sweep)" in done.err


def test_a_recorded_run_is_swept(vary: Any, run: Any, scene: Path) -> None:
    vary("--mask", scene / "red.png", "--strength", 0.4, "-o", scene / "one.png")
    done = run("vary", "--from", scene / "one.png", "--sweep", "guidance=1,5", "-o", scene / "out")
    assert done.code == 0, done.err
    assert sorted(path.name for path in (scene / "out").iterdir()) == [
        "photo-guidance-1-0.png",
        "photo-guidance-5-0.png",
        "photo-sweep.png",
    ]


def test_a_folder_has_a_sheet_for_each_picture(vary: Any, scene: Path) -> None:
    (scene / "in").mkdir()
    for name in ("a", "b"):
        (scene / "in" / f"{name}.png").write_bytes((scene / "photo.png").read_bytes())
    done = vary("--box", "10,10,40,40", "--sweep", "steps=1,2", "--format", "json", image="in")
    assert done.code == 0, done.err
    result = json.loads(done.out)
    assert [(Path(sheet["path"]).name, sheet["kind"]) for sheet in result["sheets"]] == [
        ("a-sweep.png", "sweep"),
        ("b-sweep.png", "sweep"),
    ]
    assert len(result["outputs"]) == 4


@pytest.mark.parametrize(
    ("sweep", "message"),
    [
        ("strenght=0,1", "--sweep: 'strenght' is no setting that can be swept; did you mean 'strength'?"),
        ("strength=0:3:2", "--strength: expected"),
        ("feather=0,-1", "--feather: expected 0 or more pixels, got -1"),
        ("level=0,1", "show two with --mask, --index-mask, --box, --point or --alpha-from-image"),
        ("weight=1,2", "show two with --mask, --index-mask, --box or --point"),
    ],
)
def test_one_line_says_what_is_wrong(vary: Any, scene: Path, sweep: str, message: str) -> None:
    done = vary("--mask", scene / "red.png", "--sweep", sweep)
    assert (done.code, done.out) == (2, "") and message in done.err and done.err.count("\n") == 1
    assert not (scene / "out").exists()


def test_a_dry_run_draws_nothing(vary: Any, scene: Path) -> None:
    done = vary("--mask", scene / "red.png", "--sweep", "strength=0,1", "--dry-run")
    assert done.out.count("would write") == 3 and not (scene / "out").exists()


def test_a_file_of_settings_may_sweep(vary: Any, scene: Path) -> None:
    (scene / "sweep.yaml").write_text("sweep: strength=0:1:3\n", encoding="utf-8")
    done = vary("--mask", scene / "red.png", "--config", scene / "sweep.yaml", "--dry-run")
    assert done.out.count("would write") == 4


def test_what_is_swept_takes_the_place_of_what_was_recorded(vary: Any, run: Any, scene: Path) -> None:
    """A recorded schedule of the strength gives way to swept strengths, as to a given one."""
    vary("--mask", scene / "red.png", "--schedule", "1:0.2", "-o", scene / "one.png")
    sweep = ("--from", scene / "one.png", "--sweep", "strength=0,1", "--dry-run")
    done = run("vary", *sweep, "-o", scene / "out")
    assert (done.code, done.out.count("would write")) == (0, 3), done.err
    done = run("vary", *sweep, "--schedule", "1:0", "-o", scene / "out")
    assert done.code == 2 and "Give either --strength or --schedule" in done.err
