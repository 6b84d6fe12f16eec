"""Checkpoints on the command line: what is refused, and in which words; what goes back."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import Image

from gencontrol.alpha_clip.model import AlphaCLIP

Run = Callable[..., Any]


def test_a_checkpoint_of_nan_is_refused(run: Run, published: Path, tiny_folder: Path, tmp_path: Path) -> None:
    state = torch.load(published)
    state["proj"][0, 0] = torch.nan
    torch.save(state, published)
    done = run("convert", published, "--base", tiny_folder / "clip", "-o", tmp_path / "out")
    assert done.code == 1 and "published.pth holds NaN or infinite weights (proj)" in done.err
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("name", ["missing.pth", "picture.pth"])
def test_what_is_no_checkpoint_is_said_in_one_line(run: Run, name: str, tmp_path: Path) -> None:
    Image.new("RGB", (4, 4)).save(tmp_path / "picture.pth", format="PNG")
    done = run("convert", tmp_path / name, "--base", "tiny", "-o", tmp_path / "out")
    said = {"missing.pth": "No file at", "picture.pth": "is a PNG picture. Expected weights"}[name]
    assert done.code == 1 and said in done.err and done.err.count("\n") == 1


@pytest.mark.parametrize("base", ["missing.pth", "./missing.pth", "a/b/missing.pth"])
def test_a_base_that_ends_as_a_file_does_is_missed_as_a_file(run: Run, base: str, published: Path) -> None:
    done = run("convert", published, "--base", base, "-o", published.parent / "out")
    assert done.code == 1 and "No file at" in done.err and "expected the folder of a saved" in done.err


def test_there_and_back(run: Run, tiny_folder: Path, tmp_path: Path) -> None:
    source = tiny_folder / "alpha_clip"
    done = run("convert", source, "--to", "published", "-o", tmp_path / "x.pth")
    assert done.code == 0 and "with trained alpha weights, without a text tower" in done.out
    assert run("convert", tmp_path / "x.pth", "--base", tiny_folder / "clip", "-o", tmp_path / "back").code == 0
    one, two = (AlphaCLIP.from_pretrained(folder).vision.state_dict() for folder in (source, tmp_path / "back"))
    assert all(torch.equal(value, two[key]) for key, value in one.items())
    refused = run("convert", source, "--to", "published", "-o", tmp_path / "folder")
    assert refused.code == 2 and "--to published writes one file: name it .pth or .safetensors in -o" in refused.err


def test_what_is_taken_off_is_said(run: Run, published: Path, tiny_folder: Path, tmp_path: Path) -> None:
    torch.save({"state_dict": torch.load(published), "epoch": 1}, published)
    done = run("convert", published, "--base", tiny_folder / "clip", "-o", tmp_path / "out")
    assert done.code == 0 and "the weights are taken from its `state_dict`, and epoch left out" in done.err


def test_a_preset_s_own_alpha_clip(run: Run, tmp_path: Path) -> None:
    done = run("convert", "tiny", "-o", tmp_path / "out")
    assert done.code == 0 and "with trained alpha weights, with a text tower" in done.out
