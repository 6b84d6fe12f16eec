"""Regions of random pictures and clips as the module sees them, and a small module."""

from collections.abc import Callable

import pytest
import torch
from torch.nn import functional

from gencontrol.relations.learned.inputs import PROBES, RelationInputs, relation_inputs
from gencontrol.relations.learned.module import ModuleConfig, RelationModule


@pytest.fixture(scope="session")
def module() -> RelationModule:
    torch.manual_seed(0)
    return RelationModule(ModuleConfig(width=16, hidden=(16, 16, 16, 16))).requires_grad_(False).eval()


@pytest.fixture(scope="session")
def seen() -> Callable[..., RelationInputs]:
    """A function that gives the inputs of a random picture or clip of discs."""

    def draw(count: int, *, frames: int = 1, seed: int = 0, order: list[int] | None = None) -> RelationInputs:
        generator = torch.Generator().manual_seed(seed)
        rgb = torch.rand(3, 40, 48, generator=generator)
        centre = 8 + torch.rand(frames, count, 2, generator=generator) * torch.tensor([32.0, 24.0])
        y, x = torch.meshgrid(torch.arange(40.0), torch.arange(48.0), indexing="ij")
        far = (torch.stack([x, y], -1) - centre[:, :, None, None]).norm(dim=-1)
        maps = (far < 7).float()
        embeds = functional.normalize(torch.randn(count, 8, generator=generator), dim=-1)
        names = torch.randn(5, 8, generator=generator)
        probes = torch.randn(len(PROBES), 8, generator=generator)
        order = order or list(range(count))
        return relation_inputs(maps[:, order], rgb, embeds[order], names, probes)

    return draw
