"""What all of the exports write alike."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from PIL import Image

from gencontrol.sprites.compose import Scenes


@dataclass(frozen=True, kw_only=True)
class Exported:
    """What was written."""

    pictures: int
    """How many."""
    classes: int
    """How many classes they show."""


def save_picture(scenes: Scenes, row: int, number: int, folder: Path, name: str) -> dict[str, Any]:
    """Write one scene of a batch, and give what COCO's kind of file says of a picture."""
    rgb = (scenes.rgb[row].permute(1, 2, 0) * 255).round().to(torch.uint8).numpy()
    Image.fromarray(rgb).save(folder / name)
    return {"id": number, "file_name": name, "width": rgb.shape[1], "height": rgb.shape[0]}


def write_json(path: Path, values: Any) -> None:
    """Write a file of annotations, and its folder where there is none."""
    path.parent.mkdir(exist_ok=True)
    path.write_text(json.dumps(values), encoding="utf-8")
