"""`gencontrol vary` in process, on a folder of random weights in the layout of the embedded model."""

import json
import re
import shlex
import shutil
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import load_file, save_file

from gencontrol.cli.metadata import read_record
from gencontrol.pipelines import StableDiffusionImageVariationPipeline, open_pipeline

Vary = Callable[..., Any]
ROOT = Path(__file__).parents[2]


@pytest.fixture
def vary(run: Any, scene: Path, tiny_folder: Path) -> Vary:
    """Vary photo.png in two steps; files go to the scene's folder `out`."""

    def vary_scene(*arguments: object, image: str | None = "photo.png") -> Any:
        picture = [] if image is None else [scene / image]
        given = [str(a) for a in arguments]
        output = [] if "-o" in given else ["-o", scene / "out"]
        count = [] if {"-n", "--seed", "--from"} & set(given) else ["-n", 1]
        return run("vary", *picture, "--model", tiny_folder, "--steps", 2, *count, *output, *given)

    return vary_scene


def pixels(path: Path) -> np.ndarray:
    with Image.open(path) as image:
        return np.asarray(image.convert("RGB")).astype(int)


def size_of(path: Path) -> tuple[int, int]:
    with Image.open(path) as image:
        return image.size


def differ(first: Path, second: Path) -> bool:
    # A batch of another size may round differently by a level or two.
    return bool(np.abs(pixels(first) - pixels(second)).max() > 3)


def test_writes_one_picture_for_each_seed(vary: Vary, scene: Path) -> None:
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


def test_a_seed_gives_the_same_picture_in_any_batch(vary: Vary, scene: Path) -> None:
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


def test_every_flag_that_shapes_the_picture_does(vary: Vary, scene: Path) -> None:
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


def test_a_class_of_an_index_mask(vary: Vary, scene: Path) -> None:
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


def test_the_pictures_own_alpha_is_a_region(vary: Vary, scene: Path) -> None:
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


def test_an_alpha_clip_of_choice(vary: Vary, scene: Path, tiny_folder: Path, tmp_path: Path, tiny: ModuleType) -> None:
    other = tmp_path / "other"
    tiny.save_folder(other, seed=7)
    mask = ("--mask", scene / "red.png")
    vary(*mask, "--alpha-clip", tiny_folder / "alpha_clip", "-o", scene / "own.png")
    vary(*mask, "-o", scene / "auto.png")
    vary(*mask, "--alpha-clip", other / "alpha_clip", "-o", scene / "other.png")
    assert not differ(scene / "own.png", scene / "auto.png")
    assert np.abs(pixels(scene / "own.png") - pixels(scene / "other.png")).max() > 0


def test_a_published_checkpoint(vary: Vary, scene: Path, published: Path) -> None:
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


def test_sheets(vary: Vary, scene: Path) -> None:
    done = vary("--mask", scene / "red.png", "-n", 2, "--grid", "--compare", "--preview")
    assert done.code == 0, done.err
    sizes = {kind: size_of(scene / "out" / f"photo-{kind}.png") for kind in ("grid", "compare", "preview")}
    assert sizes["grid"][0] == 8 + 2 * (128 + 8)
    assert sizes["compare"][0] == 8 + 3 * (128 + 8)
    assert sizes["compare"][1] > 4 * 128
    assert sizes["preview"] == (384, 384)


def test_compare_claims_no_plain_clip_that_is_not_there(
    vary: Vary, scene: Path, tiny_folder: Path, tmp_path: Path
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
    assert done.out.count("would write") == 2
    assert sorted(path.name for path in (scene / "out").iterdir()) == ["photo-preview.png"]
    assert not (scene / "e.safetensors").exists()


def test_the_preview_is_what_the_focus_makes_of_the_picture(vary: Vary, scene: Path) -> None:
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
    """It passes on a model whose weights are gone, and still finds a wrong pairing."""
    folder = tiny.save_folder(tmp_path / "model")
    for weights in folder.glob("**/*.safetensors"):
        weights.unlink()
    arguments = ("vary", scene / "photo.png", "--model", folder, "--dry-run", "-o", scene / "out")
    assert run(*arguments).code == 0
    config = json.loads((folder / "alpha_clip" / "config.json").read_text())
    config["vision_config"]["hidden_size"] = 48
    (folder / "alpha_clip" / "config.json").write_text(json.dumps(config))
    done = run(*arguments)
    assert done.code == 1
    assert "hidden_size is 48, not 32" in done.err


def test_embeds_out_and_in_give_the_same_pictures(vary: Vary, scene: Path) -> None:
    file = scene / "embeds.safetensors"
    regions = ("--mask", scene / "red.png", "--negative-mask", scene / "blue.png")
    assert vary(*regions, "--embeds-out", file, "-o", scene / "direct.png").code == 0
    tensors = load_file(file)
    assert {name: tuple(t.shape) for name, t in tensors.items()} == {
        "image_embeds": (1, 24),
        "negative_image_embeds": (1, 24),
    }
    assert vary("--embeds-in", file, "-o", scene / "again.png", image=None).code == 0
    assert not differ(scene / "direct.png", scene / "again.png")
    assert vary("--embeds-in", file, image=None).code == 0
    assert (scene / "out" / "photo-0.png").exists()


def test_embeds_of_another_width_are_refused(vary: Vary, scene: Path) -> None:
    save_file({"image_embeds": torch.zeros(1, 7)}, scene / "wrong.safetensors")
    done = vary("--embeds-in", scene / "wrong.safetensors", image=None)
    assert done.code == 1
    assert "image_embeds is (1, 7), but the model takes rows of width 24" in done.err


@pytest.mark.parametrize(
    ("tensor", "message"),
    [
        (torch.tensor(1.0), r"image_embeds is (), but the model takes rows of width 24"),
        (torch.zeros(0, 24), r"image_embeds is (0, 24), but"),
        (torch.full((1, 24), torch.nan), r"image_embeds holds NaN or infinite values"),
    ],
)
def test_embeds_that_cannot_be_used(tensor: torch.Tensor, message: str, vary: Vary, scene: Path) -> None:
    save_file({"image_embeds": tensor}, scene / "wrong.safetensors")
    done = vary("--embeds-in", scene / "wrong.safetensors", image=None)
    assert done.code == 1
    assert message in done.err


@pytest.mark.parametrize(("flags", "image"), [([], "photo.png"), (["--embeds-out", "more.safetensors"], None)])
def test_embeds_in_excludes_what_needs_a_picture(flags: list[str], image: str | None, vary: Vary, scene: Path) -> None:
    done = vary("--embeds-in", scene / "e.safetensors", *flags, image=image)
    assert done.code == 2
    assert "--embeds-in starts from finished embeddings: leave out the picture" in done.err


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


class TestFrom:
    """`--from OUT.png` repeats the run."""

    @pytest.fixture
    def first(self, vary: Vary, scene: Path) -> Path:
        path = scene / "first.png"
        mask, negative = scene / "red.png", scene / "blue.png"
        flags = ("--feather", 4, "--invert", "--strength", 0.8, "--seed", 6, "-n", 1, "--scheduler", "euler")
        assert vary("--mask", mask, "--negative-mask", negative, *flags, "-o", path).code == 0
        return path

    def test_repeats(self, run: Any, scene: Path, first: Path) -> None:
        (scene / "red.png").unlink()
        done = run("vary", "--from", first, "-o", scene / "again.png")
        assert done.code == 0, done.err
        assert (pixels(first) == pixels(scene / "again.png")).all()

    def test_a_repeated_picture_can_be_repeated(self, run: Any, scene: Path, first: Path) -> None:
        run("vary", "--from", first, "-o", scene / "again.png")
        run("vary", "--from", scene / "again.png", "-o", scene / "third.png")
        assert (pixels(first) == pixels(scene / "third.png")).all()

    def test_flags_win(self, run: Any, scene: Path, first: Path) -> None:
        assert run("vary", "--from", first, "--seed", "1,2", "-o", scene / "out").code == 0
        assert sorted(p.name for p in (scene / "out").iterdir()) == ["photo-1.png", "photo-2.png"]
        assert run("vary", "--from", first, "-n", 2, "-o", scene / "two").code == 0
        assert sorted(p.name for p in (scene / "two").iterdir()) == ["photo-6.png", "photo-7.png"]

    def test_a_recorded_switch_can_be_switched_off(self, run: Any, vary: Vary, scene: Path, first: Path) -> None:
        done = run("vary", "--from", first, "--no-invert", "-o", scene / "again.png")
        assert done.code == 0, done.err
        settings = read_record(scene / "again.png")["settings"]
        assert (settings["invert"], settings["feather"]) == (False, 4.0)
        flags = ("--feather", 4, "--strength", 0.8, "--seed", 6, "-n", 1, "--scheduler", "euler")
        vary("--mask", scene / "red.png", "--negative-mask", scene / "blue.png", *flags, "-o", scene / "direct.png")
        assert (pixels(scene / "direct.png") == pixels(scene / "again.png")).all()
        assert np.abs(pixels(first) - pixels(scene / "again.png")).max() > 0

    def test_a_recorded_region_is_not_switched_off_in_silence(self, run: Any, scene: Path, first: Path) -> None:
        done = run("vary", "--from", first, "--no-alpha-from-image", "--dry-run", "-o", scene / "again.png")
        assert done.code == 2
        assert "--no-alpha-from-image: a record holds its regions as masks" in done.err
        anew = ("--no-alpha-from-image", "--box", "48,20,72,52")
        assert run("vary", "--from", first, *anew, "--dry-run", "-o", scene / "again.png").code == 0

    def test_a_region_given_now_wins(self, run: Any, scene: Path, first: Path) -> None:
        run("vary", "--from", first, "--box", "48,20,72,52", "-o", scene / "box.png")
        assert read_record(scene / "box.png")["regions"][0]["label"] == "box 48,20,72,52"
        assert len(read_record(scene / "box.png")["negative_regions"]) == 1

    def test_a_file_lies_between(self, run: Any, scene: Path, first: Path) -> None:
        (scene / "settings.yaml").write_text("steps: 3\nfeather: 1")
        run("vary", "--from", first, "--config", scene / "settings.yaml", "--feather", 2, "-o", scene / "c.png")
        settings = read_record(scene / "c.png")["settings"]
        assert (settings["steps"], settings["feather"], settings["strength"]) == (3, 2.0, 0.8)

    def test_seeds_of_a_file_are_as_many_as_it_lists(self, run: Any, scene: Path, first: Path) -> None:
        (scene / "settings.yaml").write_text("seed: 1,2")
        done = run("vary", "--from", first, "--config", scene / "settings.yaml", "-o", scene / "out")
        assert done.code == 0, done.err
        assert sorted(p.name for p in (scene / "out").iterdir()) == ["photo-1.png", "photo-2.png"]

    def test_a_schedule_takes_the_recorded_strengths_place(self, run: Any, scene: Path, first: Path) -> None:
        done = run("vary", "--from", first, "--schedule", "1:0", "-o", scene / "s.png")
        assert done.code == 0, done.err
        settings = read_record(scene / "s.png")["settings"]
        assert (settings["strength"], settings["schedule"]) == (1.0, "1:0")
        # And back.
        done = run("vary", "--from", scene / "s.png", "--strength", 0.8, "-o", scene / "again.png")
        assert done.code == 0, done.err
        assert (pixels(first) == pixels(scene / "again.png")).all()

    def test_embeddings_take_the_recorded_pictures_place(self, run: Any, vary: Vary, scene: Path, first: Path) -> None:
        blue = ("--mask", scene / "blue.png")
        vary(*blue, "--embeds-out", scene / "e.safetensors", "-o", scene / "b.png")
        done = run("vary", "--from", first, "--embeds-in", scene / "e.safetensors", "-o", scene / "c.png")
        assert done.code == 0, done.err
        record = read_record(scene / "c.png")
        assert (record["image"], record["regions"], record["seed"]) == (None, [], 6)
        assert (record["settings"]["scheduler"], record["settings"]["strength"]) == ("euler", 1.0)
        vary(*blue, "--scheduler", "euler", "--seed", 6, "-n", 1, "-o", scene / "d.png")
        assert not differ(scene / "c.png", scene / "d.png")

    def test_a_recorded_negative_region_needs_guidance(self, run: Any, scene: Path, first: Path) -> None:
        done = run("vary", "--from", first, "--guidance", 1, "-o", scene / "c.png")
        assert done.code == 2
        assert "--negative-mask acts through classifier-free guidance" in done.err

    def test_a_moved_input_is_found_out(self, run: Any, scene: Path, first: Path) -> None:
        (scene / "photo.png").rename(scene / "moved.png")
        done = run("vary", "--from", first, "-o", scene / "again.png")
        assert done.code == 1
        assert "photo.png, which is not there: give its new place as IMAGE" in done.err
        done = run("vary", scene / "moved.png", "--from", first, "-o", scene / "again.png")
        assert done.code == 0
        assert done.err == ""
        assert (pixels(first) == pixels(scene / "again.png")).all()

    def test_a_changed_input_is_found_out(self, run: Any, scene: Path, first: Path) -> None:
        Image.new("RGB", (80, 64), "green").save(scene / "photo.png")
        done = run("vary", "--from", first, "-o", scene / "again.png")
        assert done.code == 1
        assert "which has changed since" in done.err
        done = run("vary", scene / "photo.png", "--from", first, "-o", scene / "again.png")
        assert done.code == 0
        assert "is not the picture that" in done.err

    def test_a_picture_of_another_size_is_refused(self, run: Any, scene: Path, first: Path) -> None:
        """Before any weight is loaded: --dry-run finds it."""
        Image.new("RGB", (50, 64)).save(scene / "small.png")
        done = run("vary", scene / "small.png", "--from", first, "-o", scene / "again.png", "--dry-run")
        assert done.code == 1
        assert "small.png is 50 x 64, and the recorded regions are of a picture of 80 x 64" in done.err
        Image.new("L", (50, 64), 255).save(scene / "mask.png")
        point = ("--box", "5,5,20,20", "--negative-mask", scene / "mask.png")
        assert run("vary", scene / "small.png", "--from", first, *point, "-o", scene / "b.png", "--dry-run").code == 0

    def test_a_row_of_embeddings_is_repeated_alone(self, run: Any, vary: Vary, scene: Path) -> None:
        vectors = torch.randn(3, 24, generator=torch.Generator().manual_seed(0))
        save_file({"image_embeds": vectors}, scene / "e.safetensors")
        assert vary("--embeds-in", scene / "e.safetensors", "--seed", 4, "-n", 1, image=None).out.count("wrote") == 3
        made = scene / "out" / "e-1-4.png"
        assert read_record(made)["embeds"]["row"] == 1
        done = run("vary", "--from", made, "-o", scene / "again.png")
        assert done.out == f"wrote {scene / 'again.png'}\n"
        assert (pixels(made) == pixels(scene / "again.png")).all()
        # Moved, and named anew: still that row.
        (scene / "e.safetensors").rename(scene / "moved.safetensors")
        missing = run("vary", "--from", made, "-o", scene / "c.png")
        assert missing.code == 1
        assert "e.safetensors, which is not there: give its new place as --embeds-in" in missing.err
        run("vary", "--from", made, "--embeds-in", scene / "moved.safetensors", "-o", scene / "c.png")
        assert (pixels(made) == pixels(scene / "c.png")).all()
        # Another file, or a picture, takes the place of the recorded one.
        save_file({"image_embeds": vectors[:1]}, scene / "other.safetensors")
        run("vary", "--from", made, "--embeds-in", scene / "other.safetensors", "-o", scene / "d.png")
        assert differ(made, scene / "d.png")
        assert run("vary", scene / "photo.png", "--from", made, "-o", scene / "f.png").code == 0
        assert read_record(scene / "f.png")["image"]["path"] == str(scene / "photo.png")

    def test_a_changed_file_of_embeddings_is_found_out(self, run: Any, vary: Vary, scene: Path) -> None:
        save_file({"image_embeds": torch.ones(1, 24)}, scene / "e.safetensors")
        vary("--embeds-in", scene / "e.safetensors", "-o", scene / "a.png", image=None)
        save_file({"image_embeds": torch.zeros(1, 24)}, scene / "e.safetensors")
        done = run("vary", "--from", scene / "a.png", "-o", scene / "b.png")
        assert done.code == 1
        assert "e.safetensors, which has changed since" in done.err

    def test_a_file_of_settings_names_no_run(self, vary: Vary, scene: Path) -> None:
        (scene / "settings.yaml").write_text("from_picture: a.png")
        done = vary("--config", scene / "settings.yaml")
        assert done.code == 2
        assert "give --from as a flag" in done.err

    def test_one_picture_only(self, run: Any, scene: Path, first: Path) -> None:
        done = run("vary", scene / "photo.png", scene / "cutout.png", "--from", first)
        assert done.code == 2
        assert "--from repeats the run of one picture, and 2 are given" in done.err


class TestFolders:
    """Many pictures in one run."""

    @pytest.fixture
    def folders(self, scene: Path) -> Path:
        for folder in ("photos", "masks"):
            (scene / folder).mkdir()
        for name, mask in (("a", "red"), ("b", "blue"), ("c", "red")):
            shutil.copy(scene / "photo.png", scene / "photos" / f"{name}.png")
            shutil.copy(scene / f"{mask}.png", scene / "masks" / f"{name}.png")
        return scene

    def test_a_folder_of_masks_goes_with_a_folder_of_pictures(self, vary: Vary, folders: Path) -> None:
        done = vary("--mask", folders / "masks", image="photos")
        assert done.code == 0, done.err
        out = folders / "out"
        assert sorted(p.name for p in out.iterdir()) == ["a-0.png", "b-0.png", "c-0.png"]
        assert np.abs(pixels(out / "a-0.png") - pixels(out / "b-0.png")).max() > 0
        assert (pixels(out / "a-0.png") == pixels(out / "c-0.png")).all()

    def test_a_missing_mask_stops_the_run_before_it_starts(self, vary: Vary, folders: Path) -> None:
        (folders / "masks" / "c.png").unlink()
        done = vary("--mask", folders / "masks", image="photos")
        assert done.code == 1
        assert "no mask named c in the folder" in done.err
        assert not (folders / "out").exists()

    def test_existing(self, vary: Vary, folders: Path) -> None:
        vary("--mask", folders / "masks", image="photos")
        (folders / "out" / "b-0.png").unlink()
        before = (folders / "out" / "a-0.png").stat().st_mtime_ns
        stopped = vary("--mask", folders / "masks", image="photos")
        assert stopped.code == 1
        assert "a-0.png and 1 more exists already: give --existing overwrite or skip" in stopped.err
        resumed = vary("--mask", folders / "masks", "--existing", "skip", image="photos")
        assert resumed.out.count("wrote") == 1
        assert (folders / "out" / "a-0.png").stat().st_mtime_ns == before
        assert "nothing to do" in vary("--mask", folders / "masks", "--existing", "skip", image="photos").out
        assert vary("--mask", folders / "masks", "--existing", "overwrite", image="photos").out.count("wrote") == 3
        assert (folders / "out" / "a-0.png").stat().st_mtime_ns > before

    def test_interrupted_between_pictures(self, vary: Vary, folders: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """What is done is whole and stays, nothing is half written, and the run goes on where it was."""
        inputs, draw = [], StableDiffusionImageVariationPipeline.__call__

        def interrupted(self: Any, *arguments: Any, **settings: Any) -> Any:
            inputs.append(settings["image"])
            if len(inputs) == 2:
                raise KeyboardInterrupt
            return draw(self, *arguments, **settings)

        monkeypatch.setattr(StableDiffusionImageVariationPipeline, "__call__", interrupted)
        embeds = folders / "e.safetensors"
        done = vary("--mask", folders / "masks", "--embeds-out", embeds, image="photos")
        assert done.code == 130
        assert done.err == (
            "gencontrol: stopped with 1 of 3 inputs done, whose pictures are written; --existing skip goes on with "
            "the others.\ngencontrol: interrupted\n"
        )
        assert [p.name for p in (folders / "out").iterdir()] == ["a-0.png"]
        assert read_record(folders / "out" / "a-0.png")["seed"] == 0
        assert not embeds.exists()
        resumed = vary("--mask", folders / "masks", "--existing", "skip", image="photos")
        assert resumed.code == 0, resumed.err
        assert sorted(p.name for p in (folders / "out").iterdir()) == ["a-0.png", "b-0.png", "c-0.png"]

    def test_embeds_of_a_folder_have_its_names(self, vary: Vary, folders: Path) -> None:
        vary("--mask", folders / "masks", "--embeds-out", folders / "e.safetensors", image="photos")
        assert vary("--embeds-in", folders / "e.safetensors", "-o", folders / "again", image=None).code == 0
        assert sorted(p.name for p in (folders / "again").iterdir()) == ["a-0.png", "b-0.png", "c-0.png"]
        assert not differ(folders / "out" / "b-0.png", folders / "again" / "b-0.png")

    def test_names_with_dots_stay_apart(self, vary: Vary, folders: Path) -> None:
        (folders / "photos" / "b.png").rename(folders / "photos" / "a.1.png")
        (folders / "photos" / "c.png").rename(folders / "photos" / "a.2.png")
        vary("--embeds-out", folders / "e.safetensors", image="photos")
        assert vary("--embeds-in", folders / "e.safetensors", "-o", folders / "again", image=None).code == 0
        assert sorted(p.name for p in (folders / "again").iterdir()) == ["a-0.png", "a.1-0.png", "a.2-0.png"]

    @pytest.mark.parametrize("existing", ["overwrite", "skip"])
    def test_inputs_are_not_written_over(self, existing: str, vary: Vary, folders: Path) -> None:
        shutil.copy(folders / "photo.png", folders / "photos" / "a-0.png")
        before = (folders / "photos" / "a-0.png").read_bytes()
        done = vary("-o", folders / "photos", "--existing", existing, image="photos")
        assert done.code == 1
        assert "a-0.png is one of the pictures to vary, which is not written over" in done.err
        assert (folders / "photos" / "a-0.png").read_bytes() == before

    def test_a_file_for_several_pictures_is_wrong_use(self, vary: Vary, folders: Path) -> None:
        done = vary("-o", folders / "one.png", image="photos")
        assert done.code == 2
        assert "3 pictures go in, so expected a folder" in done.err


@pytest.mark.parametrize(
    ("flags", "code", "message"),
    [
        (["--mask", "{scene}/missing.png"], 1, "missing.png"),
        (["--box", "1,2,3"], 2, "--box: expected X0,Y0,X1,Y1, got '1,2,3'"),
        (["--box", "200,0,210,9"], 1, "outside the image"),
        (["--point", "1"], 2, "--point: expected X,Y or X,Y,RADIUS"),
        (["--index-mask", "{scene}/classes.png"], 2, "--index-mask: expected PATH=CLASS, such as"),
        (["--index-mask", "{scene}/classes.png=5"], 1, "The mask has no pixel of class 5; it holds 0, 7, 3"),
        (["--steps", "1001"], 2, "--steps: the sampler DDIMScheduler cannot take 1001"),
        (["--steps", "1", "--scheduler", "pndm"], 2, "--steps: the sampler pndm cannot take 1"),
        (["--alpha-from-image"], 1, "The image has no alpha channel"),
        (["--box", "0,0,7,64", "--fit", "crop", "--focus", "blur"], 1, "outside the centre crop"),
        (["--invert"], 2, "--invert: show a region to turn round"),
        (["--box", "0,0,9,9:2", "--point", "5,5", "--invert"], 2, "regions of different weights have no complement"),
        (["--focus", "alpah"], 2, "unknown focus 'alpah'; did you mean 'alpha'?"),
        (["--focus", "crop:edge=1"], 2, "unknown key 'edge'"),
        (["--scheduler", "eular"], 2, "--scheduler: there is no 'eular'; did you mean 'euler'"),
        (["--steps", "0"], 2, "--steps: expected at least 1, got 0"),
        (["--batch", "0"], 2, "--batch: expected at least 1, got 0"),
        (["--strength", "3"], 2, "--strength: expected a number from 0"),
        (["--mask", "{scene}/red.png", "--threshold", "2"], 2, "--threshold: expected a value above 0 and at most 1"),
        (["--mask", "{scene}/red.png", "--threshold", "0"], 2, "--threshold: expected a value above 0 and at most 1"),
        (["--feather", "-3"], 2, "--feather: expected 0 or more pixels, got -3"),
        (["--feather", "nan"], 2, "--feather: expected 0 or more pixels, got nan"),
        (["--guidance", "nan"], 2, "--guidance: expected a scale of 0 or more, got nan"),
        (["--guidance", "-1"], 2, "--guidance: expected a scale of 0 or more, got -1"),
        (["--negative-mask", "{scene}/red.png", "--guidance", "1"], 2, "give --guidance above 1"),
        (["--strength", "0.5", "--schedule", "1:0"], 2, "Give either --strength or --schedule"),
        (["--schedule", "1"], 2, "--schedule: Expected start:end"),
        (["--schedule", "1:3"], 2, "--schedule: end: expected a number from 0"),
        (["--device", "gpu"], 2, "--device: expected auto, cpu, cuda"),
        (["--device", "cuda:99"], 1, "--device cuda:99: this machine has"),
        (["--offload", "model", "--device", "cpu"], 1, "there is none"),
        (["--model", "{scene}/nowhere"], 1, "nowhere"),
        (["--alpha-clip", "{scene}/nowhere"], 1, "nowhere"),
        (["--config", "{scene}/nowhere.yaml"], 2, "No configuration file at"),
        (["--embeds-out", "{scene}/red.png"], 1, "red.png exists already"),
        (["--embeds-out", "{scene}/photo.png"], 1, "photo.png is one of the pictures to vary"),
        (["--embeds-out", "{scene}/e", "--existing", "skip"], 2, "leave one of them out"),
        (["-o", "{scene}/a.jpg"], 2, "pictures are written as PNG"),
        (["-o", "{scene}/red.png/out", "--dry-run"], 1, "red.png is a file. Give another -o"),
        (["--embeds-out", "{scene}/red.png/e", "--dry-run"], 1, "red.png is a file. Give another -o"),
        (["--embeds-in", "{scene}/photo.png"], 2, "--embeds-in starts from finished embeddings"),
        (["--fit", "stretch"], 2, ""),
        (["--nonsense"], 2, ""),
    ],
)
def test_what_is_refused(flags: list[str], code: int, message: str, vary: Vary, scene: Path) -> None:
    done = vary("--offline", *(flag.format(scene=scene) for flag in flags))
    assert done.code == code, done.err
    assert message in done.err
    assert not (scene / "out").exists()


def test_config_file(vary: Vary, scene: Path) -> None:
    (scene / "settings.yaml").write_text(f"mask: ['{scene}/red.png']\nstrength: 0.5\nseed: 3\n")
    assert vary("--config", scene / "settings.yaml").code == 0
    assert read_record(scene / "out" / "photo-3.png")["settings"]["strength"] == 0.5
    (scene / "settings.yaml").write_text("strenght: 0.5")
    done = vary("--config", scene / "settings.yaml")
    assert done.code == 2
    assert "unknown key 'strenght'; did you mean 'strength'?" in done.err


def test_no_picture_is_wrong_use(vary: Vary) -> None:
    done = vary(image=None)
    assert done.code == 2
    assert "No picture is given" in done.err


def test_an_empty_path_is_not_the_current_folder(run: Any, tiny_folder: Path) -> None:
    done = run("vary", "", "--model", tiny_folder, "--dry-run")
    assert done.code == 1
    assert "An empty path is given as picture" in done.err


def test_a_failed_write_leaves_nothing(vary: Vary, scene: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full_disk(self: Image.Image, path: Path, **settings: object) -> None:
        Path(path).write_bytes(b"half a picture")
        raise OSError("No space left on device")

    monkeypatch.setattr(Image.Image, "save", full_disk)
    done = vary("-o", scene / "out" / "a.png")
    assert done.code == 1
    assert "gencontrol: No space left on device" in done.err
    assert list((scene / "out").iterdir()) == []


def test_out_of_memory_says_what_to_do(vary: Vary, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*arguments: object, **settings: object) -> None:
        raise torch.OutOfMemoryError("CUDA out of memory")

    monkeypatch.setattr("gencontrol.pipelines.StableDiffusionImageVariationPipeline.__call__", full)
    done = vary()
    assert done.code == 1
    assert "try a smaller --batch, --dtype float16 or --offload model" in done.err


def test_an_unused_alpha_channel_is_told(vary: Vary, scene: Path) -> None:
    assert "--alpha-from-image looks where it is opaque" in vary(image="cutout.png").err
    assert vary("--mask", scene / "red.png", "-o", scene / "b.png", image="cutout.png").err == ""


def test_unclip(run: Any, scene: Path, unclip_folder: Path) -> None:
    flags = ("--model", unclip_folder, "--steps", 2, "-n", 1, "--focus", "attention")
    done = run("vary", scene / "photo.png", "--mask", scene / "red.png", *flags, "-o", scene / "a.png")
    assert done.code == 0, done.err
    run("vary", scene / "photo.png", "--mask", scene / "blue.png", *flags, "-o", scene / "b.png")
    assert np.abs(pixels(scene / "a.png") - pixels(scene / "b.png")).max() > 0
    assert read_record(scene / "a.png")["settings"]["guidance"] == 10.0
