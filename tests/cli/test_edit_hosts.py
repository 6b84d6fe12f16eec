"""`gencontrol edit` with models that are made for holes, as users type it: small components of the stock classes."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
import pytest
from PIL import Image, PngImagePlugin

from gencontrol.pipelines.hosts.inpainting import INPAINTING_HOSTS
from gencontrol.runs.edits import hosts
from gencontrol.runs.files.encodings import record_text

Edit = Callable[..., Any]
NAMES = ("sd15-ip-plus", "sdxl-ip-plus", "flux-fill", "flux-ip", "flux-kontext")


@pytest.fixture
def edit_with(run: Any, scene: Path, reference_folder: Callable[[str], Path]) -> Edit:
    """Edit photo.png with a host of its own folders, in two steps of 32 pixels; files go to `out`."""

    def edit(name: str, *arguments: object, parts: bool = True) -> Any:
        folder = reference_folder(f"holes-{name}")
        named: list[object] = ["--base", folder / "base"]
        if parts and name != "flux-kontext":
            named += ["--adapter", folder / "adapter" if name == "flux-fill" else folder / "adapter.safetensors"]
            named += [] if name == "flux-fill" else ["--image-encoder", folder / "image_encoder"]
        output = () if "-o" in arguments else ("-o", scene / "out")
        size = ("--height", 32, "--width", 32, "--steps", 2)
        return run("edit", scene / "photo.png", "--model", name, *named, *size, *output, *arguments)

    return edit


@pytest.fixture
def small_kontext(monkeypatch: pytest.MonkeyPatch) -> None:
    """Kontext's own sizes of references are a million pixels."""
    small = replace(INPAINTING_HOSTS["flux-kontext"], resolutions=((32, 32),))
    monkeypatch.setattr(hosts, "INPAINTING_HOSTS", MappingProxyType({**INPAINTING_HOSTS, "flux-kontext": small}))


def pixels(path: Path) -> np.ndarray:
    with Image.open(path) as image:
        return np.asarray(image.convert("RGB")).astype(int)


def outside(scene: Path) -> np.ndarray:
    with Image.open(scene / "blue.png") as mask:
        return np.asarray(mask) == 0


def recorded(path: Path) -> dict[str, Any]:
    with Image.open(path) as image:
        return json.loads(record_text(image) or "")


@pytest.mark.usefixtures("small_kontext")
@pytest.mark.parametrize("name", NAMES)
def test_a_part_and_a_prompt_in_the_hole_and_the_repetition(name: str, edit_with: Edit, run: Any, scene: Path) -> None:
    told = ("--mask", scene / "blue.png", "--prompt", "a red ball")
    done = edit_with(name, *told, "--like", scene / "cutout.png", "--like-mask", scene / "red.png", "--weight", 0.5)
    path = scene / "out" / "photo-0.png"
    assert (done.code, done.out) == (0, f"wrote {path}\n"), done.err
    before, after = pixels(scene / "photo.png"), pixels(path)
    assert (after == before).all(-1)[outside(scene)].all() and (after != before).any(-1)[~outside(scene)].mean() > 0.5
    again = run("edit", "--from", path, "-o", scene / "again.png")
    assert again.code == 0, again.err
    assert (scene / "again.png").read_bytes() == path.read_bytes()
    other = run("edit", "--from", path, "-o", scene / "other.png", "--prompt", "a blue fish")
    assert other.code == 0 and (pixels(scene / "other.png") != after).any()
    assert recorded(scene / "other.png")["edit"]["prompt"] == "a blue fish"


@pytest.mark.parametrize("name", ["sd15-ip-plus", "flux-fill", "flux-kontext"])
def test_a_prompt_alone_needs_no_adapter(name: str, edit_with: Edit, scene: Path) -> None:
    done = edit_with(name, "--mask", scene / "blue.png", "--prompt", "a fish", "-n", 2, "--grid", parts=False)
    assert done.code == 0, done.err
    first, second = (pixels(scene / "out" / f"photo-{seed}.png") for seed in (0, 1))
    assert (first != second).any() and (first == second).all(-1)[outside(scene)].all()
    assert (scene / "out" / "photo-grid.png").is_file()


def test_removal_by_a_model_beside_the_smooth_one(edit_with: Edit, run: Any, scene: Path) -> None:
    told = ("--mask", scene / "blue.png", "--remove")
    done = edit_with("sd15-ip-plus", *told, "-o", scene / "gone.png", parts=False)
    assert done.code == 0, done.err
    smooth = run("edit", scene / "photo.png", *told, "-o", scene / "smooth.png")
    assert smooth.code == 0, smooth.err
    one, other = pixels(scene / "gone.png"), pixels(scene / "smooth.png")
    assert (one == other).all(-1)[outside(scene)].all() and (one != other).any()
    assert recorded(scene / "gone.png")["edit"]["guidance"] == 1.0
    assert recorded(scene / "smooth.png")["edit"]["guidance"] is None
    again = run("edit", "--from", scene / "gone.png", "-o", scene / "again.png")
    assert again.code == 0 and (scene / "again.png").read_bytes() == (scene / "gone.png").read_bytes()


def test_a_dry_run_loads_and_writes_nothing(
    edit_with: Edit, scene: Path, monkeypatch: pytest.MonkeyPatch, reference_folder: Callable[[str], Path]
) -> None:
    monkeypatch.setattr(hosts, "open_fitted", lambda *_, **__: pytest.fail("weights are loaded"))
    told = ("--mask", scene / "blue.png", "--like-mask", scene / "red.png", "--dry-run")
    done = edit_with("sdxl-ip-plus", *told, "-n", 2)
    assert done.code == 0, done.err
    assert done.out.splitlines() == [f"would write {scene / 'out' / f'photo-{seed}.png'}" for seed in (0, 1)]
    report = json.loads(edit_with("sdxl-ip-plus", *told, "--format", "json").out)
    assert report["dry_run"] is True and len(report["outputs"]) == 1
    assert not (scene / "out").exists()


def test_terms_and_what_is_not_here_are_said_first(run: Any, scene: Path) -> None:
    for name, what in {
        "flux-fill": ["FLUX.1-Fill-dev (base", "FLUX.1-Redux-dev (adapter"],
        "sd15-ip-plus": ["stable-diffusion-inpainting (base", "h94/IP-Adapter", "(vision tower"],
    }.items():
        told = ("--mask", scene / "blue.png", "--like-mask", scene / "red.png", "--model", name, "--offline")
        done = run("edit", scene / "photo.png", *told)
        assert done.code == 1 and f"{name} needs " in done.err, done.err
        assert all(part.split(" (")[0] in done.err for part in what)
    bare = run("edit", scene / "photo.png", "--mask", scene / "blue.png", "--remove", "--model", "sd15-ip", "--offline")
    assert "stable-diffusion-inpainting (base)" in bare.err and "adapter" not in bare.err


def test_another_number_format(edit_with: Edit, scene: Path) -> None:
    told = ("--mask", scene / "blue.png", "--like-mask", scene / "red.png", "--dtype", "bfloat16", "--slicing")
    assert edit_with("sd15-ip-plus", *told, "-o", scene / "half.png").code == 0
    assert edit_with("sd15-ip-plus", *told[:-3], "-o", scene / "full.png").code == 0
    assert (pixels(scene / "half.png") != pixels(scene / "full.png")).any()


REFUSED: dict[str, tuple[str, list[str], str]] = {
    "nothing to paint": ("sd15-ip-plus", [], "say it to a model that is made for holes (--prompt)"),
    "a prompt and a removal": ("sd15-ip-plus", ["--remove", "--prompt", "x"], "leave it out, or --prompt"),
    "an adapter for nothing": ("sd15-ip-plus", ["--prompt", "x"], "--adapter, --image-encoder: nothing shows what to"),
    "a weight for nothing": ("flux-kontext", ["--prompt", "x", "--weight", "0.5"], "--weight: nothing shows what to"),
    "no instruction": ("flux-kontext", ["--like-mask", "{s}/red.png"], "--prompt: flux-kontext needs a text"),
    "an instruction less": ("flux-kontext", ["--remove"], "flux-kontext paints by an instruction"),
    "no offloading": ("flux-kontext", ["--prompt", "x", "--offload", "model"], "--offload model moves weights between"),
    "a size": ("flux-kontext", ["--prompt", "x", "--width", "33"], "--width: expected a multiple of 8 pixels, got 33"),
    "two scales": (
        "flux-fill",
        ["--like-mask", "{s}/red.png", "--true-guidance", "2"],
        "--true-guidance: flux-fill has",
    ),
    "a strength": (
        "sd15-ip-plus",
        ["--like-mask", "{s}/red.png", "--strength", "1.5"],
        "--strength: expected 0 or more",
    ),
    "an empty part": ("sd15-ip-plus", ["--like-mask", "{s}/black.png"], "black.png"),
    "a pickle": ("sd15-ip-plus", ["--like-mask", "{s}/red.png", "--adapter", "{s}/a.bin"], "is a pickle"),
    "another adapter": (
        "sd15-ip-plus",
        ["--like-mask", "{s}/red.png", "--adapter", "{f}/holes-flux-ip/adapter.safetensors"],
        "is a projection of one embedding; sd15-ip-plus takes a Resampler",
    ),
    "another base": (
        "sd15-ip-plus",
        ["--like-mask", "{s}/red.png", "--base", "{f}/holes-flux-fill/base"],
        "is a FluxFillPipeline, not a StableDiffusionInpaintPipeline or StableDiffusionPipeline",
    ),
    "a course of nothing": (
        "sd15-ip-plus",
        ["--prompt", "x", "--schedule", "1:0"],
        "--schedule, --adapter, --image-encoder: nothing",
    ),
    "a course of another range": (
        "sd15-ip-plus",
        ["--like-mask", "{s}/red.png", "--schedule", "1:9"],
        "--schedule: end: expected a number from 0 to 2, got 9",
    ),
    "a course of words": ("sd15-ip-plus", ["--like-mask", "{s}/red.png", "--schedule", "soon"], "--schedule"),
    "a scale": ("sd15-ip-plus", ["--like-mask", "{s}/red.png", "--guidance", "nan"], "--guidance"),
    "a weight": ("sd15-ip-plus", ["--like-mask", "{s}/red.png", "--weight", "2.5"], "--weight: expected 0 or more"),
}


def test_a_weight_may_change_over_the_steps(edit_with: Edit, scene: Path) -> None:
    part = ["--mask", scene / "blue.png", "--like-mask", scene / "red.png", "--prompt", "x", "--seed", 3]
    made = {}
    for name, course in {"plain": [], "still": ["--schedule", "1:1"], "change": ["--schedule", "2:0"]}.items():
        done = edit_with("sd15-ip-plus", *part, *course, "-o", scene / f"{name}.png")
        assert done.code == 0, done.err
        made[name] = pixels(scene / f"{name}.png")
    assert np.abs(made["plain"] - made["still"]).max() <= 1
    assert (made["plain"] != made["change"]).any()
    assert recorded(scene / "change.png")["edit"]["schedule"] == "2:0"


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_refused(
    name: str, edit_with: Edit, scene: Path, reference_folder: Callable[[str], Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    opened: list[str] = []
    if name != "no offloading":
        monkeypatch.setattr(hosts, "open_fitted", lambda *_, **__: opened.append(name))
    (scene / "a.bin").write_bytes(b"x")
    Image.new("L", (80, 64)).save(scene / "black.png")
    model, arguments, message = REFUSED[name]
    root = reference_folder("holes-flux-ip").parent
    reference_folder("holes-flux-fill")
    said = [argument.format(s=scene, f=root) for argument in arguments]
    parts = name not in ("nothing to paint", "a prompt and a removal")
    done = edit_with(model, "--mask", scene / "blue.png", *said, parts=parts)
    assert done.code in (1, 2) and message in done.err and len(done.err.splitlines()) == 1, done.err
    assert not (scene / "out").exists() and not opened


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--model", "sd15-ip-pluss", "--prompt", "x"], "--model: there is no 'sd15-ip-pluss'; did you mean 'sd15-ip-"),
        (["--model", "sd15-ip-pluss", "--remove"], "--model: there is no 'sd15-ip-pluss'"),
        (["--model", "karlo", "--prompt", "x"], "--model: karlo paints no holes here; those that do are sd15-ip,"),
        (["--prompt", "x"], "--prompt: the model tiny takes none; those that are made for holes do"),
        (["--remove", "--base", "x", "--width", "64"], "--base, --width: the model tiny takes none"),
    ],
)
def test_models_of_another_kind(run: Any, scene: Path, arguments: list[str], message: str) -> None:
    done = run("edit", scene / "photo.png", "--mask", scene / "blue.png", *arguments)
    assert done.code == 2 and message in done.err, done.err


def test_repetitions_that_cannot_be(edit_with: Edit, run: Any, scene: Path) -> None:
    told = ("--mask", scene / "blue.png", "--like-mask", scene / "red.png", "--seed", "5-6")
    assert edit_with("sd15-ip-plus", *told).code == 0
    path = scene / "out" / "photo-5.png"
    more = run("edit", "--from", path, "--seed", "5,6", "-o", scene / "two")
    assert more.code == 0, more.err
    assert [p.name for p in sorted((scene / "two").iterdir())] == ["photo-5.png", "photo-6.png"]
    assert (scene / "two" / "photo-6.png").read_bytes() == (scene / "out" / "photo-6.png").read_bytes()
    over = run("edit", "--from", path, "-o", path, "--existing", "overwrite")
    assert over.code == 1 and "is the picture to repeat, which is not written over" in over.err
    switched = run("edit", "--from", path, "--no-alpha-from-image", "-o", scene / "x.png")
    assert switched.code == 2 and "--no-alpha-from-image: a record holds its hole as masks" in switched.err
    (scene / "s.yaml").write_text(json.dumps({"from": str(path)}))
    assert "give --from as a flag" in run("edit", "--config", scene / "s.yaml").err
    assert "holds no gencontrol record" in run("edit", "--from", scene / "photo.png").err
    Image.new("RGB", (80, 64)).save(scene / "photo.png")
    assert "photo.png, which has changed since" in run("edit", "--from", path, "-o", scene / "y.png").err


def test_an_edit_with_tiny_is_repeated_too(run: Any, scene: Path, tiny_folder: Path) -> None:
    told = ("--mask", scene / "blue.png", "--like", scene / "cutout.png", "--like-box", "8,16,36,44", "--invert")
    usual = ("--model", tiny_folder, "--steps", 2, "--feather", 1, "--format", "json")
    done = run("edit", scene / "photo.png", *usual, *told, "-o", scene / "a.webp")
    assert done.code == 0, done.err
    again = run("edit", "--from", scene / "a.webp", "-o", scene / "b.webp")
    assert again.code == 0 and (scene / "b.webp").read_bytes() == (scene / "a.webp").read_bytes()
    moved = run("edit", "--from", scene / "a.webp", "--mask", scene / "red.png", "-o", scene / "c.png")
    assert moved.code == 0 and (pixels(scene / "c.png") != pixels(scene / "a.webp")).any()
    assert recorded(scene / "c.png")["like_regions"] == recorded(scene / "a.webp")["like_regions"]
    whole = run("edit", "--from", scene / "a.webp", "--like", scene / "photo.png", "-o", scene / "d.png")
    assert whole.code == 0 and recorded(scene / "d.png")["like_regions"] == []


def test_records_of_other_kinds_and_broken_ones(run: Any, scene: Path, tiny_folder: Path) -> None:
    drawn = run("vary", scene / "photo.png", "--model", tiny_folder, "--steps", 2, "-n", 1, "-o", scene / "v.png")
    assert drawn.code == 0
    done = run("edit", "--from", scene / "v.png")
    assert done.code == 1 and "was not made by `gencontrol edit`" in done.err
    whole = {"edit": {"remove": True}, "seed": 0, "regions": [{}], "image": {"path": "x", "sha256": "y"}}
    for change, message in {
        "seed": ({"seed": -1}, "its gencontrol record is broken"),
        "image": ({"image": {"path": 3}}, "its gencontrol record is broken"),
        "regions": ({"regions": []}, "or of a version that recorded no holes"),
        "no list": ({"like_regions": 3}, "its gencontrol record is broken"),
        "no masks": ({"regions": [1]}, "its gencontrol record is broken"),
        "masks": ({}, "a mask in its gencontrol record cannot be read"),
        "own": ({"edit": {"output": "/x"}}, "also sets"),
    }.values():
        text = PngImagePlugin.PngInfo()
        text.add_text("gencontrol", json.dumps(whole | change))
        Image.new("RGB", (8, 8)).save(scene / "r.png", pnginfo=text)
        done = run("edit", "--from", scene / "r.png")
        assert done.code == 1 and message in done.err, done.err


def test_they_are_listed(run: Any) -> None:
    both = run("models", "--holes", "--references")
    assert both.code == 2 and "--holes and --references are two lists: give one of them at a time." in both.err
    printed = run("models", "--holes").out
    assert all(name in printed for name in INPAINTING_HOSTS) and "FLUX.1-Fill-dev" in printed
    assert "flux-fill: FLUX.1 [dev] is for non-commercial use" in printed
    listed = json.loads(run("models", "--holes", "--format", "json").out)
    assert [host["name"] for host in listed] == list(INPAINTING_HOSTS)


def test_what_is_skipped_is_what_would_be_made(run: Any, scene: Path, tiny_folder: Path) -> None:
    told = ("--mask", scene / "blue.png", "--like-mask", scene / "red.png", "--model", tiny_folder, "--steps", 2)
    usual = ("edit", scene / "photo.png", *told, "-n", 2, "--grid", "-o", scene / "out", "--existing", "skip")
    first = run(*usual)
    assert first.code == 0 and len(first.out.splitlines()) == 3, first.err
    assert run(*usual).out == "nothing to do: every picture is there already.\n"
    (scene / "out" / "photo-1.png").unlink()
    assert run(*usual).out == f"wrote {scene / 'out' / 'photo-1.png'}\n"
    Image.new("L", (80, 64), 255).save(scene / "white.png")
    for change, message in {
        "steps": (["--steps", "3"], "`steps` was 2 and is 3".replace("`steps`", "--steps")),
        "a part": (["--like-mask", scene / "white.png"], "it was made with another region of what is shown"),
        "a picture": (["--like", scene / "cutout.png"], "it was made from another picture"),
        "the hole": (["--mask", scene / "red.png"], "it was made with another region"),
    }.values():
        done = run(*usual, *change)
        assert done.code == 1 and message in done.err, done.err
    recorded_weights = recorded(scene / "out" / "photo-0.png")["weights"]
    assert len(recorded_weights["model"]) > 20
