"""`gencontrol edit` in process: the hole alone changes, and what a file says of itself stays."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from gencontrol.runs.files.encodings import record_text

Edit = Callable[..., Any]


@pytest.fixture
def edited(run: Any, scene: Path, tiny_folder: Path) -> Edit:
    """Edit photo.png in two steps; files go to the scene's folder `out`."""

    def edit_scene(*arguments: object, image: str = "photo.png") -> Any:
        output = [] if "-o" in arguments else ["-o", scene / "out"]
        return run("edit", scene / image, "--model", tiny_folder, "--steps", 2, *output, *arguments)

    return edit_scene


def pixels(path: Path, mode: str = "RGB") -> np.ndarray:
    with Image.open(path) as image:
        return np.asarray(image.convert(mode)).astype(int)


def hole(scene: Path, name: str = "blue") -> np.ndarray:
    return pixels(scene / f"{name}.png", "L") > 0


def test_the_hole_alone_changes(edited: Edit, scene: Path) -> None:
    done = edited("--mask", scene / "blue.png", "--like-mask", scene / "red.png", "--seed", "3,5", "--grid")
    paths = [scene / "out" / f"photo-{seed}.png" for seed in (3, 5)]
    assert done.code == 0, done.err
    assert done.out.splitlines() == [f"wrote {path}" for path in (*paths, scene / "out" / "photo-grid.png")]
    before, (first, second) = pixels(scene / "photo.png"), map(pixels, paths)
    for after in (first, second):
        assert (after == before).all(-1)[~hole(scene)].all()
        assert (after != before).any(-1)[hole(scene)].mean() > 0.5
    assert (first != second).any()


def test_what_is_shown_comes_from_another_picture(edited: Edit, scene: Path) -> None:
    Image.new("RGB", (30, 30), "yellow").save(scene / "other.png")
    for name, flags in {"own": ["--like-box", "8,16,36,44"], "other": ["--like", scene / "other.png"]}.items():
        done = edited("--mask", scene / "blue.png", *flags, "-o", scene / f"{name}-result.png")
        assert done.code == 0, done.err
    own, other = (pixels(scene / f"{name}-result.png") for name in ("own", "other"))
    assert (own != other).any() and (own == other).all(-1)[~hole(scene)].all()


def test_a_mask_of_what_to_paint_is_stretched_where_that_is_asked_for(edited: Edit, scene: Path) -> None:
    Image.open(scene / "red.png").resize((40, 32)).save(scene / "half.png")
    done = edited("--mask", scene / "blue.png", "--like-mask", scene / "half.png", "--resize-mask", "--dry-run")
    assert done.code == 0 and "it was stretched" in done.err, done.err


def test_a_part_is_removed_without_a_model(run: Any, scene: Path) -> None:
    Image.new("RGB", (80, 64), (10, 200, 30)).save(scene / "plain.png")
    plain = Image.open(scene / "plain.png")
    plain.paste((255, 0, 0), (50, 22, 70, 50))
    plain.save(scene / "spoilt.png")
    done = run("edit", scene / "spoilt.png", "--mask", scene / "blue.png", "--remove", "-o", scene / "gone.png")
    assert done.code == 0, done.err
    assert (pixels(scene / "gone.png") == pixels(scene / "plain.png")).all()


def test_what_a_removal_without_a_model_leaves_aside_is_said(run: Any, scene: Path) -> None:
    flags = ["--steps", 9, "--focus", "crop", "--strength", 0.4, "--guidance", 9, "--alpha-clip", "nosuch"]
    done = run("edit", scene / "photo.png", "--mask", scene / "blue.png", "--remove", "-o", scene / "x.png", *flags)
    what = "--remove fills the hole without a model, so --alpha-clip, --focus, --strength, --steps, --guidance can do"
    assert done.code == 0 and what in done.err, done.err
    again = run("edit", "--from", scene / "x.png", "-o", scene / "y.png")
    assert again.code == 0 and "can do nothing" not in again.err, again.err


def test_alpha_and_what_a_file_says_stay(edited: Edit, scene: Path) -> None:
    exif = Image.Exif()
    exif[0x010F], exif[0x0112] = "A maker", 3
    with Image.open(scene / "cutout.png") as image:
        image.rotate(180).save(scene / "turned.png", exif=exif)
    mask = np.asarray(Image.open(scene / "blue.png"))
    for suffix in ("png", "webp"):
        done = edited("--mask", scene / "blue.png", "--remove", "-o", scene / f"a.{suffix}", image="turned.png")
        assert done.code == 0, done.err
        with Image.open(scene / f"a.{suffix}") as image:
            assert image.getexif()[0x010F] == "A maker" and 0x0112 not in image.getexif()
            record = json.loads(record_text(image) or "")
        assert record["edit"]["remove"] is True and record["seed"] == 0
        assert record["image"]["path"] == str(scene / "turned.png")
    for suffix in ("png", "webp"):
        after, before = pixels(scene / f"a.{suffix}", "RGBA"), pixels(scene / "cutout.png", "RGBA")
        assert (after[..., 3] == before[..., 3]).all()
        assert (after == before).all(-1)[mask == 0].all(), suffix


def test_a_jpeg_has_no_alpha_and_that_is_said(edited: Edit, scene: Path) -> None:
    done = edited("--mask", scene / "blue.png", "--remove", "-o", scene / "a.jpg", image="cutout.png")
    assert done.code == 0 and "a.jpg is a JPEG, which has no alpha channel" in done.err
    with Image.open(scene / "a.jpg") as image:
        assert image.mode == "RGB"


REFUSED = {
    "no hole": (["--like-mask", "{s}/red.png"], "Show the hole that is painted: --mask"),
    "nothing to paint": (["--mask", "{s}/blue.png"], "Nothing says what to paint: show it in another picture (--like"),
    "both": (["--mask", "{s}/blue.png", "--remove", "--like", "{s}/red.png"], "leave it out, or --like and its masks"),
    "levels": (["--mask", "{s}/blue.png", "--remove", "--level", "0.5"], "a hole is one: leave it out"),
    "seam": (["--mask", "{s}/blue.png", "--remove", "--seam", "1.5"], "--seam: expected 0 or more and at most 1"),
    "margin": (["--mask", "{s}/blue.png", "--remove", "--margin", "-1"], "--margin: expected 0 or more"),
    "steps": (["--mask", "{s}/blue.png", "--remove", "--steps", "0"], "--steps: expected 1 or more"),
    "guidance": (["--mask", "{s}/blue.png", "--remove", "--guidance", "nan"], "--guidance"),
    "like that is not there": (["--mask", "{s}/blue.png", "--like", "{s}/gone.png"], "gone.png"),
    "empty name": (["--mask", "{s}/blue.png", "--like", ""], "--like is empty"),
    "a course of nothing": (["--mask", "{s}/blue.png", "--remove", "--schedule", "1:0"], "--schedule: nothing shows"),
    "two strengths": (
        ["--mask", "{s}/blue.png", "--like-mask", "{s}/red.png", "--schedule", "1:0", "--strength", "0.5"],
        "Give either --strength or --schedule",
    ),
    "more references": (
        ["--mask", "{s}/blue.png", "--reference", "{s}/photo.png"],
        "--reference: a hole is filled from one picture, which is --like",
    ),
    "a stream": (["--mask", "{s}/blue.png", "--like", "-"], "`edit` reads and writes files"),
    "a mask of another size": (["--mask", "{s}/small.png", "--remove"], "The mask is 8 x 8"),
    "what to paint by a mask of another size": (
        ["--mask", "{s}/blue.png", "--like-mask", "{s}/small.png"],
        "or have it stretched with --resize-mask.",
    ),
    "what to paint by a mask in colours": (
        ["--mask", "{s}/blue.png", "--like-mask", "{s}/photo.png"],
        "photo.png: The mask has colours; expected grey, where white means: look here.\n",
    ),
    "a place of what to paint": (["--mask", "{s}/blue.png", "--like-box", "1,2"], "--like-box: expected X0,Y0"),
    "everything": (["--box", "0,0,80,64", "--remove"], "The hole is the whole photograph"),
    "over the photograph": (["--mask", "{s}/blue.png", "--remove", "-o", "{s}/photo.png"], "photo.png"),
    "over the reference": (["--mask", "{s}/blue.png", "--like", "{s}/red.png", "-o", "{s}/red.png"], "red.png"),
    "over its mask": (
        ["--mask", "{s}/blue.png", "--like-mask", "{s}/red.png", "-o", "{s}/red.png", "--existing", "overwrite"],
        "red.png",
    ),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_refused(name: str, edited: Edit, scene: Path) -> None:
    Image.new("L", (8, 8), 255).save(scene / "small.png")
    before = {path: path.read_bytes() for path in scene.iterdir() if path.is_file()}
    arguments, message = REFUSED[name]
    done = edited(*(argument.format(s=scene) for argument in arguments))
    assert done.code in (1, 2) and message in done.err and len(done.err.splitlines()) == 1, done.err
    assert {path: path.read_bytes() for path in scene.iterdir() if path.is_file()} == before
    assert not (scene / "out").exists()


def test_pictures_of_edits_are_not_varied_again(edited: Edit, run: Any, scene: Path) -> None:
    edited("--mask", scene / "blue.png", "--remove", "-o", scene / "gone.png")
    done = run("vary", "--from", scene / "gone.png")
    assert done.code == 1 and "was made by `gencontrol edit`, which repeats it: `gencontrol edit --from`" in done.err


def test_folders_and_what_is_there_already(edited: Edit, scene: Path) -> None:
    folder = scene / "photos"
    folder.mkdir()
    for name in ("a", "b"):
        Image.open(scene / "photo.png").save(folder / f"{name}.png")
    masks = scene / "masks"
    masks.mkdir()
    for name, mask in {"a": "red", "b": "blue"}.items():
        Image.open(scene / f"{mask}.png").save(masks / f"{name}.png")
    done = edited("--mask", masks, "--remove", "--format", "json", image="photos")
    assert [Path(o["path"]).name for o in json.loads(done.out)["outputs"]] == ["a-0.png", "b-0.png"]
    again = edited("--mask", masks, "--remove", image="photos")
    assert again.code == 1 and "a-0.png and 1 more exist already" in again.err
    skipped = edited("--mask", masks, "--remove", "--existing", "skip", image="photos")
    assert skipped.code == 0 and "nothing to do" in skipped.out
