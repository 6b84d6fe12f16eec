"""A small published checkpoint, and encoders made from the shared tiny components."""

from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import pytest
import torch
from torch import Tensor
from transformers import CLIPVisionConfig

from gencontrol.alpha_clip.model import AlphaCLIP
from gencontrol.alpha_clip.weights.convert import published_shapes

Draw = Callable[..., dict[str, Tensor]]


@pytest.fixture(scope="session")
def draw_published() -> Draw:
    """Random weights under the published names, sized so that signals neither vanish nor grow."""

    def draw(config: CLIPVisionConfig, *, seed: int = 0) -> dict[str, Tensor]:
        generator = torch.Generator().manual_seed(seed)
        state = {k: torch.randn(s, generator=generator) for k, s in published_shapes(config).items()}
        for key, value in state.items():
            if ".ln_" in f".{key}":
                state[key] = 0.1 * value + (1 if key.endswith("weight") else 0)
            elif value.dim() > 1:
                state[key] = value * value[0].numel() ** -0.5
        return state

    return draw


@pytest.fixture
def small_config() -> CLIPVisionConfig:
    """A published tower in miniature, with four channels."""
    return CLIPVisionConfig(
        hidden_size=32,
        intermediate_size=64,
        projection_dim=24,
        num_hidden_layers=3,
        num_attention_heads=4,
        num_channels=4,
        image_size=64,
        patch_size=16,
    )


@pytest.fixture
def encoder(tiny_folder: Path) -> AlphaCLIP:
    """Both towers, tokenizer and processor, with alpha weights that are not zero; float32."""
    return AlphaCLIP.from_pretrained(tiny_folder / "alpha_clip")


@pytest.fixture
def plain(tiny: ModuleType) -> AlphaCLIP:
    """A plain CLIP that was widened."""
    return AlphaCLIP.from_clip(tiny.clip(), tokenizer=tiny.tokenizer())
