"""What a stock pipeline makes of damaged weights is an error that names the part, and no black picture."""

from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import pytest
import torch

from gencontrol.errors import InputError
from gencontrol.pipelines import Drawing, RegionReference, draw_references, open_reference_host


@pytest.mark.parametrize("part", ["unet", "vae"])
def test_damaged_weights_draw_nothing(
    reference_folder: Callable[[str], Path], reference_builders: ModuleType, part: str
) -> None:
    folder = reference_folder("sd15-ip-plus")
    opened = open_reference_host(
        "sd15-ip-plus",
        base=folder / "base",
        adapter=folder / "adapter.safetensors",
        image_encoder=folder / "image_encoder",
    )
    opened.pipeline.set_progress_bar_config(disable=True)
    damaged = {"unet": opened.pipeline.unet, "vae": opened.pipeline.vae.decoder}[part]
    with torch.no_grad():
        damaged.conv_in.weight.fill_(torch.nan)
    reference = RegionReference(image=reference_builders.picture())
    with pytest.raises(InputError, match=rf"^What the model made holds NaN .*The component {part} holds NaN or infin"):
        list(draw_references(opened, [reference], [7], Drawing(prompt="a red ball", steps=1)))
