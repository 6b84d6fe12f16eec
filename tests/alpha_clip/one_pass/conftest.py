"""Small encoders with what is trained beside their towers."""

from pathlib import Path
from types import ModuleType

import pytest
import torch
from torch import Tensor

from gencontrol.alpha_clip.model import AlphaCLIP
from gencontrol.alpha_clip.one_pass.change import OnePass, OnePassConfig


@pytest.fixture
def encoder(tiny_folder: Path) -> AlphaCLIP:
    """Of random weights, its alpha weights among them."""
    return AlphaCLIP.from_pretrained(tiny_folder / "alpha_clip").requires_grad_(False)


@pytest.fixture
def changed(encoder: AlphaCLIP) -> OnePass:
    """Weights that change something everywhere."""
    torch.manual_seed(1)
    one_pass = OnePass(encoder.vision.config, OnePassConfig(rank=3, features=2))
    for parameter in one_pass.parameters():
        parameter.data += 0.1 * torch.randn_like(parameter)
    return one_pass.requires_grad_(False)


@pytest.fixture
def rgb(tiny: ModuleType) -> Tensor:
    """Two pictures of the tower's size."""
    return torch.rand(2, 3, 64, 64, generator=torch.Generator().manual_seed(3))


@pytest.fixture
def alphas() -> Tensor:
    """Three regions of each: a corner, one beside it, and a strip."""
    maps = torch.zeros(2, 3, 64, 64)
    maps[:, 0, :30, :30] = 1
    maps[:, 1, :30, 34:] = 1
    maps[:, 2, 40:, 8:60] = 0.9
    return maps
