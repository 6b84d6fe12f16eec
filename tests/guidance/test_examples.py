"""The short examples run, and steering moves the picture."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image, ImageChops

EXAMPLES = Path(__file__).parents[2] / "examples"


def steer(name: str, steps: int, encoder: Path, folder: Path) -> Image.Image:
    folder.mkdir()
    arguments = [sys.executable, "-P", str(EXAMPLES / name), "red cat", str(steps), str(encoder)]
    environment = {**os.environ, "HF_HUB_OFFLINE": "1"}
    subprocess.run(arguments, cwd=folder, check=True, capture_output=True, env=environment)
    with Image.open(folder / "steered.png") as picture:
        return picture.convert("RGB")


@pytest.mark.slow
@pytest.mark.parametrize("name", ["steer_pixels.py", "steer_blobs.py"])
def test_an_example_steers(name: str, tiny_folder: Path, tmp_path: Path) -> None:
    short, longer = (steer(name, steps, tiny_folder, tmp_path / str(steps)) for steps in (1, 6))
    assert ImageChops.difference(short, longer).getbbox() is not None
