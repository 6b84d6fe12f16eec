"""`gencontrol vary` in process, on a folder of random weights in the layout of the embedded model."""

import json
import re
import shlex
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from gencontrol.pipelines import open_pipeline
from gencontrol.runs.files.records import read_record

Vary = Callable[..., Any]
ROOT = Path(__file__).parents[2]


def test_writes_one_picture_for_each_seed(vary: Vary, scene: Path, size_of: Any, differ: Any) -> None:
    done = vary("--mask", scene / "red.png", "--seed", "3,5")
    paths = [scene / "out" / f"photo-{seed}.png" for seed in (3, 5)]
    assert done.code == 0
    assert done.out.splitlines() == [f"wrote {path}" for path in paths]
    assert size_of(paths[0]) == (128, 128)
    assert differ(*paths)


def test_what_make_demo_calls(run: Any, scene: Path, tiny_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In the Makefile's own words, twice, since a demonstration may be repeated; on random weights."""
    recipe = re.search(r"^demo:.*\n((?:\t.*\n)+)", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE)
    assert recipe is not None
    command, *flags = shlex.split(recipe[1].replace("\\\n", " "))
    assert command == "$(BIN)/gencontrol"
    assert flags[-2:] == ["-o", "demo/"]
    monkeypatch.chdir(ROOT)
    for _ in range(2):
        done = run(*flags[:-1], scene / "demo", "--model", tiny_folder, "--steps", 1)
        assert done.code == 0, done.err
    written = {path.name for path in (scene / "demo").iterdir()}
    assert written >= {"scene-0.png", "scene-3.png", "scene-compare.png", "scene-preview.png"}


def test_a_seed_gives_the_same_picture_in_any_batch(vary: Vary, scene: Path, differ: Any) -> None:
    mask = ("--mask", scene / "red.png")
    vary(*mask, "--seed", "1-3", "-o", scene / "three")
    vary(*mask, "--seed", "1-3", "--batch", 2, "-o", scene / "two")
    vary(*mask, "--seed", "3", "-n", 1, "-o", scene / "alone.png")
    assert not differ(scene / "three" / "photo-3.png", scene / "two" / "photo-3.png")
    assert not differ(scene / "three" / "photo-3.png", scene / "alone.png")


REGION_FLAGS = {
    "mask": ["--mask", "{scene}/red.png"],
    "other mask": ["--mask", "{scene}/blue.png"],
    "box": ["--box", "48,20,72,52"],
    "point": ["--point", "20,30,6"],
    "alpha": ["--mask", "{scene}/red.png", "--invert"],
    "two": ["--mask", "{scene}/red.png:3", "--box", "48,20,72,52:0.5"],
    "feather": ["--mask", "{scene}/red.png", "--feather", "9"],
    "negative": ["--mask", "{scene}/red.png", "--negative-mask", "{scene}/blue.png"],
    "strength": ["--mask", "{scene}/red.png", "--strength", "0.3"],
    "schedule": ["--mask", "{scene}/red.png", "--schedule", "1:0@0.5:0.5"],
    "squash": ["--mask", "{scene}/red.png", "--fit", "squash"],
    "crop fit": ["--mask", "{scene}/red.png", "--fit", "crop"],
    "attention": ["--mask", "{scene}/red.png", "--focus", "attention"],
    "crop": ["--mask", "{scene}/red.png", "--focus", "crop:margin=0.4"],
    "guidance": ["--mask", "{scene}/red.png", "--guidance", "7"],
    "scheduler": ["--mask", "{scene}/red.png", "--scheduler", "euler"],
    "steps": ["--mask", "{scene}/red.png", "--steps", "3"],
}


def test_every_flag_that_shapes_the_picture_does(vary: Vary, scene: Path, pixels: Any) -> None:
    """Each of these flags gives a picture that none of the others gives."""
    paths = []
    for name, flags in REGION_FLAGS.items():
        path = scene / f"{name}.png"
        done = vary(*(flag.format(scene=scene) for flag in flags), "-o", path)
        assert done.code == 0, (name, done.err)
        paths.append(path)
    for i, first in enumerate(paths):
        for second in paths[i + 1 :]:
            assert np.abs(pixels(first) - pixels(second)).max() > 0, (first.stem, second.stem)


def test_a_class_of_an_index_mask(vary: Vary, scene: Path, pixels: Any) -> None:
    done = vary("--index-mask", f"{scene}/classes.png=7", "-o", scene / "class.png")
    assert done.code == 0, done.err
    vary("--mask", scene / "blue.png", "-o", scene / "mask.png")
    assert (pixels(scene / "class.png") == pixels(scene / "mask.png")).all()
    colour = ("--index-mask", f"{scene}/classes.png=#070707:2", "--box", "0,0,9,9")
    assert vary(*colour, "-o", scene / "colour.png").code == 0
    assert [(r["label"], r["weight"]) for r in read_record(scene / "colour.png")["regions"]] == [
        ("class #070707", 2.0),
        ("box 0,0,9,9", 1.0),
    ]


def test_the_pictures_own_alpha_is_a_region(vary: Vary, scene: Path, pixels: Any, differ: Any) -> None:
    vary("--alpha-from-image", "-o", scene / "alpha.png", image="cutout.png")
    vary("--mask", scene / "red.png", "-o", scene / "mask.png")
    vary("-o", scene / "whole.png", image="cutout.png")
    assert not differ(scene / "alpha.png", scene / "mask.png")
    assert np.abs(pixels(scene / "alpha.png") - pixels(scene / "whole.png")).max() > 0


def test_threshold_and_resize_mask(vary: Vary, scene: Path) -> None:
    with Image.open(scene / "red.png") as image:
        image.resize((40, 32)).save(scene / "small.png")
    refused = vary("--mask", scene / "small.png")
    assert refused.code == 1
    assert "The mask is 40 x 32 but the image is 80 x 64" in refused.err
    done = vary("--mask", scene / "small.png", "--resize-mask", "--threshold", 0.5)
    assert done.code == 0
    assert "it was stretched" in done.err
    assert done.err.count("stretched") == 1


def test_an_alpha_clip_of_choice(
    vary: Vary, scene: Path, tiny_folder: Path, tiny: ModuleType, pixels: Any, differ: Any
) -> None:
    other = scene / "other"
    tiny.save_folder(other, seed=7)
    mask = ("--mask", scene / "red.png")
    vary(*mask, "--alpha-clip", tiny_folder / "alpha_clip", "-o", scene / "own.png")
    vary(*mask, "-o", scene / "auto.png")
    vary(*mask, "--alpha-clip", other / "alpha_clip", "-o", scene / "other.png")
    assert not differ(scene / "own.png", scene / "auto.png")
    assert np.abs(pixels(scene / "own.png") - pixels(scene / "other.png")).max() > 0


def test_a_published_checkpoint(vary: Vary, scene: Path, published: Path, pixels: Any) -> None:
    assert vary("--mask", scene / "red.png", "--alpha-clip", published, "-o", scene / "a.png").code == 0
    assert vary("--mask", scene / "red.png", "--revision", "main", "-o", scene / "b.png").code == 0
    assert np.abs(pixels(scene / "a.png") - pixels(scene / "b.png")).max() > 0


def test_a_published_checkpoint_of_another_shape_is_found_before_weights_load(
    vary: Vary, scene: Path, published: Path
) -> None:
    state = torch.load(published, weights_only=True)
    torch.save(state | {"proj": torch.zeros(32, 40)}, published)
    done = vary("--alpha-clip", published, "--dry-run")
    assert done.code == 1
    assert "1 of another shape: proj (32, 40) instead of (32, 24)" in done.err


def test_number_and_seed(vary: Vary, scene: Path) -> None:
    assert vary("-n", 2, "--seed", 7).out.count("wrote") == 2
    assert (scene / "out" / "photo-8.png").exists()
    assert vary("-n", 2, "--seed", "1,2,3", "-o", scene / "b").code == 2


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_dtype_and_device(vary: Vary, dtype: str) -> None:
    done = vary("--dtype", dtype, "--device", "cpu", "--format", "json")
    result = json.loads(done.out)
    assert (result["dtype"], result["device"]) == (dtype, "cpu")


def test_json_says_what_was_written(vary: Vary, scene: Path, tiny_folder: Path) -> None:
    done = vary("--mask", scene / "red.png", "--seed", "4-5", "--grid", "--format", "json")
    result = json.loads(done.out)
    assert result["model"] == str(tiny_folder)
    assert result["outputs"] == [
        {"path": str(scene / "out" / f"photo-{seed}.png"), "image": str(scene / "photo.png"), "seed": seed}
        for seed in (4, 5)
    ]
    assert result["sheets"] == [{"path": str(scene / "out" / "photo-grid.png"), "kind": "grid"}]


def test_sheets(vary: Vary, scene: Path, size_of: Any) -> None:
    done = vary("--mask", scene / "red.png", "-n", 2, "--grid", "--compare", "--preview")
    assert done.code == 0, done.err
    sizes = {kind: size_of(scene / "out" / f"photo-{kind}.png") for kind in ("grid", "compare", "preview")}
    assert sizes["grid"][0] == 8 + 2 * (128 + 8)
    assert sizes["compare"][0] == 8 + 3 * (128 + 8)
    assert sizes["compare"][1] > 4 * 128
    assert sizes["preview"] == (384, 384)


def test_compare_claims_no_plain_clip_that_is_not_there(
    vary: Vary, scene: Path, tiny_folder: Path, tmp_path: Path, size_of: Any
) -> None:
    """A host that was saved with its Alpha-CLIP has no plain one beside it: two rows less one."""
    open_pipeline(tiny_folder).save_pretrained(tmp_path / "saved")
    flags = ("--mask", scene / "red.png", "--compare", "-n", 1)
    assert vary(*flags).code == 0
    assert vary(*flags, "--model", tmp_path / "saved", "-o", scene / "own").code == 0
    four, three = (size_of(scene / folder / "photo-compare.png")[1] - 8 for folder in ("out", "own"))
    assert three * 4 == four * 3


def test_flags_that_can_do_nothing_are_told(vary: Vary, scene: Path) -> None:
    flags = ("--strength", 0.5, "--feather", 3, "--focus", "crop", "--threshold", 0.5)
    done = vary(*flags, "--dry-run")
    assert done.code == 0
    assert "no region is shown, so --strength, --feather, --focus, --threshold can do nothing" in done.err
    # A negative region is a region to look at, and a mask to harden.
    done = vary(*flags, "--negative-mask", scene / "red.png", "--dry-run")
    assert "so --strength, --feather can do nothing" in done.err
    assert vary(*flags, "--mask", scene / "red.png", "--dry-run").err == ""


def test_compare_needs_a_region(vary: Vary) -> None:
    done = vary("--compare")
    assert done.code == 2
    assert "--compare: show a region to compare" in done.err


def test_dry_run_writes_nothing_but_the_preview(vary: Vary, scene: Path) -> None:
    done = vary("--mask", scene / "red.png", "-n", 2, "--dry-run", "--preview", "--embeds-out", scene / "e.safetensors")
    assert done.code == 0
    assert done.out.count("would write") == 3 and f"would write {scene / 'e.safetensors'}" in done.out
    assert sorted(path.name for path in (scene / "out").iterdir()) == ["photo-preview.png"]
    assert not (scene / "e.safetensors").exists()


def test_the_preview_is_what_the_focus_makes_of_the_picture(vary: Vary, scene: Path, pixels: Any) -> None:
    def preview(*flags: str) -> np.ndarray:
        assert vary("--mask", scene / "red.png", "--dry-run", "--preview", *flags, "--existing", "overwrite").code == 0
        return pixels(scene / "out" / "photo-preview.png")

    # The middles of the disc and of the box, in the padded square of 80 that becomes 384.
    disc, box = ((38 * 384 // 80, 22 * 384 // 80), (44 * 384 // 80, 60 * 384 // 80))
    marked, blank = preview(), preview("--focus", "blank:colour=#ff00ff")
    assert (np.abs(marked[disc] - (255, 0, 0)) < 4).all() and (np.abs(marked[box] - (0, 0, 89)) < 4).all()
    assert (np.abs(blank[disc] - (255, 0, 0)) < 4).all() and (np.abs(blank[box] - (255, 0, 255)) < 4).all()
    # The crop is of the disc alone, which then fills most of the view.
    red = np.abs(preview("--focus", "crop") - (255, 0, 0)).max(axis=-1) < 40
    assert 0.45 < red.mean() < 0.65


def test_dry_run_loads_no_weights(run: Any, scene: Path, tiny: ModuleType, tmp_path: Path) -> None:
    """It passes on a model whose weights are none, and still finds a wrong pairing."""
    folder = tiny.save_folder(tmp_path / "model")
    for weights in folder.glob("**/*.safetensors"):
        weights.write_bytes(b"")
    arguments = ("vary", scene / "photo.png", "--model", folder, "--dry-run", "-o", scene / "out")
    assert run(*arguments).code == 0
    config = json.loads((folder / "alpha_clip" / "config.json").read_text())
    config["vision_config"]["hidden_size"] = 48
    (folder / "alpha_clip" / "config.json").write_text(json.dumps(config))
    done = run(*arguments)
    assert done.code == 1
    assert "hidden_size is 48, not 32" in done.err


def test_no_metadata(vary: Vary, scene: Path) -> None:
    vary("--mask", scene / "red.png", "--no-metadata", "-o", scene / "bare.png")
    with Image.open(scene / "bare.png") as image:
        assert "gencontrol" not in image.info
    done = vary("--from", scene / "bare.png", image=None)
    assert done.code == 1
    assert "holds no gencontrol record" in done.err


def test_record(vary: Vary, scene: Path) -> None:
    vary("--mask", f"{scene}/red.png:2", "--seed", 9, "-n", 1, "--feather", 3, "-o", scene / "a.png")
    record = read_record(scene / "a.png")
    assert record["seed"] == 9
    assert record["image"]["path"] == str(scene / "photo.png")
    assert (record["settings"]["feather"], record["settings"]["guidance"]) == (3.0, 3.0)
    assert [(r["label"], r["weight"]) for r in record["regions"]] == [("red", 2.0)]


def test_unclip(run: Any, scene: Path, unclip_folder: Path, pixels: Any) -> None:
    flags = ("--model", unclip_folder, "--steps", 2, "-n", 1, "--focus", "attention")
    done = run("vary", scene / "photo.png", "--mask", scene / "red.png", *flags, "-o", scene / "a.png")
    assert done.code == 0, done.err
    run("vary", scene / "photo.png", "--mask", scene / "blue.png", *flags, "-o", scene / "b.png")
    assert np.abs(pixels(scene / "a.png") - pixels(scene / "b.png")).max() > 0
    assert read_record(scene / "a.png")["settings"]["guidance"] == 10.0
