"""Encoders without published alpha weights: widened, trained by stage 2 on pairs of one's own, and looked through."""

import json
from dataclasses import replace
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import torch
from accelerate.state import AcceleratorState, GradientState, PartialState
from open_clip.model import CLIP
from PIL import Image
from transformers import CLIPModel

from gencontrol.alpha_clip import AlphaCLIP, AlphaSigLIP
from gencontrol.pipelines import REFERENCE_HOSTS, region_arguments
from gencontrol.regions import Geometry
from gencontrol.regions.shapes import box_alpha
from gencontrol.training.loop.settings import RunConfig
from gencontrol.training.loop.train import train
from gencontrol.training.stages.alpha_clip import AlphaClipTraining
from gencontrol.training.stages.registry import Places, build_alpha_clip_task, open_base

SIZE = 64
HALF = box_alpha((0, 0, 32, SIZE), (SIZE, SIZE))
RUN = RunConfig(steps=6, batch=4, chunk=4, learning_rate=5e-3, warmup=1, evaluate_every=0, sheet_every=0)
# Widths of heads and perceptrons beside the towers' widths as published; the activation is GELU itself.
VIT_H: dict[str, Any] = {"width": 80, "head_width": 40, "mlp_ratio": 4.0}
BIG_G: dict[str, Any] = {"width": 104, "head_width": 52, "mlp_ratio": 4.9231}


@pytest.fixture(autouse=True)
def fresh_accelerate() -> Any:
    """accelerate keeps its state for the whole process."""
    yield
    for state in (AcceleratorState, GradientState, PartialState):
        state._reset_state()


def of_open_clip(folder: Path, tiny: ModuleType, shape: dict[str, Any]) -> Any:
    """OpenCLIP's class; saved as `gencontrol convert` writes it."""
    torch.manual_seed(0)
    vision: Any = {"layers": 3, "patch_size": 16, "image_size": SIZE, **shape}
    text: Any = {"context_length": 77, "vocab_size": 49408, "width": 32, "heads": 2, "layers": 1}
    model = CLIP(24, vision, text, quick_gelu=False).eval()
    AlphaCLIP.from_open_clip(model).save_pretrained(folder)
    return model


def of_transformers(folder: Path, tiny: ModuleType, shape: dict[str, Any]) -> Any:
    """transformers' class."""
    config = tiny.clip_config()
    width = shape["width"]
    config.vision_config.hidden_size, config.vision_config.num_attention_heads = width, width // shape["head_width"]
    config.vision_config.intermediate_size = int(width * shape["mlp_ratio"])
    config.vision_config.hidden_act = "gelu"
    torch.manual_seed(0)
    model = CLIPModel(config).eval()
    model.save_pretrained(folder)
    tiny.tokenizer().save_pretrained(folder)
    return model


def of_siglip(folder: Path, tiny: ModuleType, shape: dict[str, Any]) -> Any:
    model = tiny.siglip()
    model.save_pretrained(folder)
    tiny.tokenizer().save_pretrained(folder)
    return model


def trained(base: Path, folder: Path, tiny: ModuleType) -> Path:
    """What a run on two pairs of one picture exports."""
    (folder / "pairs").mkdir(parents=True)
    tiny.photo(SIZE, SIZE).save(folder / "pairs" / "photo.png")
    lines = []
    for side, caption in ((0, "a red cup"), (32, "a blue car")):
        mask = Image.new("L", (SIZE, SIZE))
        mask.paste(255, (side, 0, side + 32, SIZE))
        mask.save(folder / "pairs" / f"{side}.png")
        lines.append(json.dumps({"image": "photo.png", "mask": f"{side}.png", "caption": caption}))
    (folder / "pairs" / "pairs.jsonl").write_text("\n".join(lines))
    config = AlphaClipTraining(run=RUN, base=str(base))
    places = Places(folder=folder / "run", sprites=folder / "none.npz", pairs=folder / "pairs")
    train(build_alpha_clip_task(config, places), RUN, folder=folder / "run")
    return folder / "run" / "export"


@pytest.mark.parametrize(
    ("name", "make", "shape", "width"),
    [
        ("sd15-ip", of_transformers, VIT_H, 24),
        ("sdxl-ip-plus", of_transformers, VIT_H, 80),
        ("sd15-ip-plus", of_open_clip, VIT_H, 80),
        ("sdxl-ip", of_open_clip, BIG_G, 24),
        ("kandinsky-2.2", of_open_clip, BIG_G, 24),
        ("sd35-ip", of_siglip, {}, 24),
    ],
)
def test_a_tower_is_widened_trained_and_looked_through(
    name: str, make: Any, shape: dict[str, Any], width: int, tiny: ModuleType, tmp_path: Path
) -> None:
    stock = make(tmp_path / "base", tiny, shape)
    host = replace(REFERENCE_HOSTS[name], width=width, geometry=Geometry(size=SIZE, fit="squash"))
    entry = "image_embeds" if name.startswith("kandinsky") else "ip_adapter_image_embeds"

    def given(encoder: Any, **asked: Any) -> torch.Tensor:
        made = region_arguments(host, encoder, tiny.photo(SIZE, SIZE), **asked)[entry]
        return made[0][1] if isinstance(made, list) else made[-1:]

    start = open_base(str(tmp_path / "base"))
    assert not start.has_alpha
    whole = given(start)
    pixels = start.processor.with_geometry(host.geometry)(_photo(tiny), torch.ones(1, SIZE, SIZE))
    torch.testing.assert_close(whole.reshape(-1), _plain(stock, pixels, host.takes).reshape(-1), atol=1e-4, rtol=1e-3)
    export = trained(tmp_path / "base", tmp_path, tiny)
    encoder = (AlphaSigLIP if make is of_siglip else AlphaCLIP).from_pretrained(export)
    assert encoder.has_alpha and type(encoder) is type(start)
    part = given(encoder, mask_image=HALF)
    assert torch.equal(part, given(encoder, mask_image=HALF, focus="alpha"))
    assert (part - given(encoder, mask_image=1 - HALF)).abs().max() > 1e-3


def _photo(tiny: ModuleType) -> torch.Tensor:
    from gencontrol.images.reading import read_image

    return read_image(tiny.photo(SIZE, SIZE)).rgb[None]


@torch.no_grad()
def _plain(stock: Any, pixels: torch.Tensor, takes: str) -> torch.Tensor:
    """What the stock model makes of three channels."""
    colour = pixels[:, :3]
    if isinstance(stock, CLIP):
        if takes == "embedding":
            return stock.encode_image(colour)
        kept: list[torch.Tensor] = []
        visual: Any = stock.visual
        block = visual.transformer.resblocks[-1]
        handle = block.register_forward_pre_hook(lambda _, given: kept.append(given[0]))
        stock.encode_image(colour)
        handle.remove()
        return kept[0]
    states = stock.vision_model(pixel_values=colour, output_hidden_states=True)
    return stock.visual_projection(states.pooler_output) if takes == "embedding" else states.hidden_states[-2]
