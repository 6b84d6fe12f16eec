"""`gencontrol vary` with models that take a reference by themselves or by SD 3.5's adapter, as users type it."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType
from typing import Any

import pytest
from PIL import Image

from gencontrol.pipelines.hosts import reference_registry
from gencontrol.pipelines.hosts.reference_registry import REFERENCE_HOSTS

Vary = Callable[..., Any]
NAMES = ("flux2-klein", "sd35-ip", "kandinsky-2.1", "karlo")
ADAPTER = ("--adapter", "adapter.safetensors", "--image-encoder", "image_encoder")
PARTS = {"sd35-ip": ADAPTER, "kandinsky-2.1": ("--image-encoder", "prior/image_encoder")}
SIDES = {"kandinsky-2.1": 64, "karlo": None}
"""Of the output, where it is not 32; None is the model's own."""


@pytest.fixture
def small_references(monkeypatch: pytest.MonkeyPatch) -> None:
    """FLUX.2 takes none of our pictures' size; Kontext's are a million pixels, and nothing is drawn with it here."""
    small = replace(REFERENCE_HOSTS["flux2-klein"], least_side=16)
    hosts = MappingProxyType({**REFERENCE_HOSTS, "flux2-klein": small})
    monkeypatch.setattr(reference_registry, "REFERENCE_HOSTS", hosts)


@pytest.fixture
def draw(run: Any, scene: Path, reference_folder: Callable[[str], Path], small_references: None) -> Vary:
    """`vary photo.png` with a host of its own folders, in two steps; files go to `out`."""

    def vary(name: str, *arguments: object, prompt: bool = True) -> Any:
        # The one that is saved for holes is the same class, with its text towers.
        folder = reference_folder("holes-flux-kontext" if name == "flux-kontext" else name)
        side = SIDES.get(name, 32)
        parts = [part if part.startswith("--") else folder / part for part in PARTS.get(name, ())]
        size = () if side is None else ("--height", side, "--width", side)
        texts = ("--prompt", "a cup") if prompt and name != "karlo" else ()
        output = () if "-o" in arguments else ("-o", scene / "out")
        steps = () if "--steps" in arguments else ("--steps", 2)
        count = () if {"-n", "--seed"} & set(arguments) else ("-n", 1)
        usual = ("--model", name, "--base", folder / "base", *parts, *steps, *size, *texts, *count, *output)
        return run("vary", scene / "photo.png", *usual, *arguments)

    return vary


def pixels(path: Path) -> bytes:
    with Image.open(path) as image:
        return image.tobytes()


@pytest.mark.parametrize("name", NAMES)
def test_a_part_several_seeds_and_the_repetition(name: str, draw: Vary, run: Any, scene: Path) -> None:
    done = draw(name, "--mask", scene / "red.png", "--seed", "3,4")
    made = [scene / "out" / f"photo-{seed}.png" for seed in (3, 4)]
    assert (done.code, done.out) == (0, "".join(f"wrote {path}\n" for path in made)), done.err
    whole = draw(name, "--seed", 3, "-n", 1, "-o", scene / "whole.png")
    assert whole.code == 0
    assert len({pixels(path) for path in (*made, scene / "whole.png")}) == 3
    again = run("vary", "--from", made[1], "-o", scene / "again.png")
    assert again.code == 0, again.err
    assert (scene / "again.png").read_bytes() == made[1].read_bytes()


def test_several_references_of_flux_2(draw: Vary, run: Any, scene: Path) -> None:
    further = f"{scene / 'cutout.png'},mask={scene / 'red.png'}"
    done = draw("flux2-klein", "--mask", scene / "red.png", "--reference", further, "-o", scene / "both.png")
    assert done.code == 0, done.err
    again = run("vary", "--from", scene / "both.png", "-o", scene / "again.png")
    assert again.code == 0 and (scene / "again.png").read_bytes() == (scene / "both.png").read_bytes()


@pytest.mark.parametrize("name", ["flux-kontext", "sd35-ip", "kandinsky-2.1", "karlo"])
def test_one_reference_where_there_is_room_for_one(name: str, draw: Vary, scene: Path) -> None:
    done = draw(name, "--mask", scene / "red.png", "--reference", scene / "cutout.png")
    assert done.code == 1 and f"{name} takes one reference for an output, got 2" in done.err
    assert not (scene / "out").exists()


REFUSED: dict[str, dict[tuple[str, ...], str]] = {
    "flux-kontext": {
        ("--focus", "crop"): "--focus: flux-kontext has no encoder that could be made to look: leave it out.",
        ("--negative-mask", "blue.png"): "--negative-mask: it would act on nothing",
        ("--fit", "crop"): "--fit: flux-kontext takes pictures as they are.",
        ("--alpha-clip", "tiny"): "--alpha-clip: flux-kontext encodes references by its own autoencoder.",
    },
    "flux2-klein": {
        ("--focus", "alpha"): "--focus: flux2-klein has no encoder that could be made to look: leave it out.",
        ("--negative-mask", "blue.png"): "--negative-mask: it would act on nothing",
        ("--negative-prompt", "x"): "--negative-prompt: the stock call of flux2-klein takes none.",
        ("--true-guidance", "2"): "--true-guidance: flux2-klein has one scale of guidance: give --guidance.",
    },
    "sd35-ip": {
        ("--canvas-mask", "blue.png"): "--canvas-mask: sd35-ip has no way to keep a reference to a part of the canvas.",
        ("--schedule", "1:0"): "--schedule: sd35-ip reads its condition once, so it cannot change over the steps.",
        (
            "--negative-mask",
            "blue.png",
            "--guidance",
            "1",
        ): "it would act on nothing without guidance.",
        ("--focus", "alpha"): "Give it an Alpha-CLIP (--alpha-clip), or choose another focus",
        ("--scheduler", "ddim"): "--scheduler: sd35-ip has no sampler that can be exchanged.",
    },
    "kandinsky-2.1": {
        ("--canvas-mask", "blue.png"): "has no way to keep a reference to a part of the canvas.",
        (
            "--negative-mask",
            "blue.png",
            "--guidance",
            "1",
        ): "it would act on nothing without guidance.",
        ("--schedule", "1:0"): "reads its condition once, so it cannot change over the steps.",
        ("--slicing",): "--slicing: kandinsky-2.1 decodes in a way that cannot be sliced.",
    },
    "karlo": {
        ("--steps", "1"): "--steps: the sampler UnCLIPScheduler cannot take 1: give 2 or more.",
        ("--negative-mask", "blue.png"): "act on nothing of karlo, whose negative is its own.",
        ("--prompt", "a cup"): "--prompt: the stock call of karlo takes no text beside its references.",
        (
            "--weight",
            "0.5",
        ): "--weight: karlo takes none with a call; --strength is what there is.",
        ("--alpha-clip", "tiny"): "karlo takes an embedding of width 48; ",
        ("--height", "64"): "those of karlo are its own.",
    },
}


@pytest.mark.parametrize(("name", "given"), [(name, given) for name, cases in REFUSED.items() for given in cases])
def test_what_would_be_left_out_is_refused_before_anything_is_loaded(
    name: str, given: tuple[str, ...], draw: Vary, scene: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def opened(*given: Any, **more: Any) -> None:
        raise AssertionError("it was opened")

    if "--focus" not in given or name.startswith("flux"):
        monkeypatch.setattr("gencontrol.runs.references.carrying_out.open_fitted", opened)
    paths = [str(scene / word) if word.endswith(".png") else word for word in given]
    done = draw(name, "--mask", scene / "red.png", *paths)
    assert done.code in (1, 2) and REFUSED[name][given] in done.err, done.err
    assert not (scene / "out").exists()
