"""A run with references from folders."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from PIL import Image, ImageDraw

from gencontrol.runs.settings import VariationSettings

Settings = Callable[..., VariationSettings]


@pytest.fixture
def pictures(scene: Path) -> Path:
    """The scene's folder with a second picture, its mask, and a canvas mask of the left half of a square."""
    photo = Image.effect_noise((48, 64), 60).convert("RGB")
    mask = Image.new("L", photo.size)
    for image, fill in ((photo, "green"), (mask, 255)):
        ImageDraw.Draw(image).rectangle((8, 8, 30, 40), fill=fill)
    photo.save(scene / "2.png")
    mask.save(scene / "hat.png")
    left = Image.new("L", (32, 32))
    ImageDraw.Draw(left).rectangle((0, 0, 15, 31), fill=255)
    left.save(scene / "left.png")
    return scene


@pytest.fixture
def settings(pictures: Path, reference_folder: Callable[[str], Path]) -> Settings:
    """Settings of a run on photo.png with its red mask."""

    def make(**changes: Any) -> VariationSettings:
        model = changes.setdefault("model", "sd15-ip-plus")
        folder = reference_folder(model)
        usual: dict[str, Any] = {
            "images": (str(pictures / "photo.png"),),
            "mask": (str(pictures / "red.png"),),
            "base": str(folder / "base"),
            "adapter": str(folder / "adapter.safetensors"),
            "image_encoder": str(folder / "image_encoder"),
            "output": str(pictures / "out"),
            "number": 1,
            "steps": 2,
        }
        return VariationSettings(**(usual | changes))

    return make
