"""What `gencontrol vary` refuses, and what it says; finished embeddings in the place of a picture."""

import errno
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file

from gencontrol.runs.files.records import read_record

Vary = Callable[..., Any]


def test_embeds_out_and_in_give_the_same_pictures(vary: Vary, scene: Path, differ: Any) -> None:
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


@pytest.mark.parametrize(
    ("flags", "code", "message"),
    [
        (["--mask", "{scene}/missing.png"], 1, "missing.png"),
        (["--box", "1,2,3"], 2, "--box: expected X0,Y0,X1,Y1, in pixels or percent, got '1,2,3'"),
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
        (["-o", "{scene}/a.gif"], 2, "pictures are written as PNG, JPEG or WebP; expected a name that ends in .png"),
        (["-o", "{scene}/red.png/out", "--dry-run"], 1, "red.png is a file. Give another -o"),
        (["--embeds-out", "{scene}/red.png/e", "--dry-run"], 1, "red.png is a file. Give another -o"),
        (["--embeds-in", "{scene}/photo.png"], 2, "--embeds-in starts from finished embeddings"),
        (["-n", "0"], 2, "-n: expected at least 1, got 0"),
        (["--seed", "1,2", "-n", "3"], 2, "--seed 1,2 lists 2 seeds and -n asks for 3: leave one of them out"),
        (["--seed", "1,x"], 2, "--seed: expected seeds such as 7, or 1,2,3, or 5-8, got 'x'"),
        (["--mask", "{scene}/red.png:0"], 2, "red.png:0: expected a weight above 0, got 0"),
        (["--negative-mask", "{scene}/red.png:0"], 2, "--negative-mask {scene}/red.png:0: expected a weight above 0"),
        (["--focus", "crop:margin"], 2, "--focus crop:margin: expected settings such as crop:key=value"),
        (["--device", "mps:7"], 1, "--device mps:7: this machine has none"),
        (["-o", "{scene}/a.tif"], 2, "-o {scene}/a.tif: pictures are written as PNG"),
        (["--offload", "sequential", "--device", "cpu"], 1, "--offload sequential moves weights"),
        (["--fit", "stretch"], 2, ""),
        (["--nonsense"], 2, ""),
    ],
)
def test_what_is_refused(flags: list[str], code: int, message: str, vary: Vary, scene: Path) -> None:
    done = vary("--offline", *(flag.format(scene=scene) for flag in flags))
    assert done.code == code, done.err
    assert message.format(scene=scene) in done.err
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
    write = Path.write_bytes

    def full_disk(self: Path, data: bytes) -> int:
        write(self, data[: len(data) // 2])
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", full_disk)
    done = vary("-o", scene / "out" / "a.png")
    assert done.code == 1
    assert done.err == f"gencontrol: {scene / 'out' / 'a.png'} cannot be written: No space left on device.\n"
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
