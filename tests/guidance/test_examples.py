"""The short examples run, and steering brings the picture closer to the prompt."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from PIL import Image
from torchvision.transforms.functional import pil_to_tensor

from gencontrol import AlphaCLIP
from gencontrol.guidance import text_targets
from gencontrol.guidance.score import embed
from gencontrol.models.registry import resolve

EXAMPLES = Path(__file__).parents[2] / "examples"
PROMPT = "cactus"


def steer(name: str, steps: int, folder: Path) -> torch.Tensor:
    """The pictures of a run, (b, 3, 64, 64) in [0, 1]."""
    folder.mkdir()
    arguments = [sys.executable, "-P", str(EXAMPLES / name), PROMPT, str(steps)]
    environment = {**os.environ, "HF_HUB_OFFLINE": "1"}
    subprocess.run(arguments, cwd=folder, check=True, capture_output=True, env=environment)
    with Image.open(folder / "steered.png") as picture:
        sheet = pil_to_tensor(picture.convert("RGB")) / 255
    # Several views stand in a row, with a margin of two pixels around each.
    lefts = range(2, sheet.shape[2], 66) if sheet.shape[2] > 64 else (0,)
    top = 2 if sheet.shape[1] > 64 else 0
    return torch.stack([sheet[:, top : top + 64, left : left + 64] for left in lefts])


@pytest.mark.slow
@pytest.mark.parametrize("name", ["steer_pixels.py", "steer_blobs.py"])
def test_an_example_steers_towards_the_prompt(name: str, tmp_path: Path) -> None:
    encoder = AlphaCLIP.from_pretrained(resolve("tiny"), subfolder="alpha_clip").requires_grad_(False)
    target = text_targets(encoder, PROMPT)
    views = [steer(name, steps, tmp_path / str(steps)) for steps in (1, 60)]
    assert all(len(pictures) == (1 if name == "steer_pixels.py" else 4) for pictures in views)
    before, after = (torch.cosine_similarity(embed(encoder, seen, None), target).mean().item() for seen in views)
    assert after > before + 0.03
