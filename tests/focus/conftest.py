"""A plain CLIP and an Alpha-CLIP of random weights, and a photo with a part to look at."""

from types import ModuleType

import pytest
import torch
from torch import Tensor

from gencontrol.alpha_clip.model import AlphaCLIP
from gencontrol.images.reading import read_image
from gencontrol.regions import Geometry
from gencontrol.regions.geometry import Fit
from gencontrol.regions.shapes import box_alpha


@pytest.fixture(scope="session")
def plain(tiny: ModuleType) -> AlphaCLIP:
    """A plain CLIP: alpha weights of zero."""
    return AlphaCLIP.from_clip(tiny.clip()).requires_grad_(False)


@pytest.fixture(scope="session")
def trained(tiny: ModuleType) -> AlphaCLIP:
    """Alpha weights that are not zero."""
    return AlphaCLIP.from_clip(tiny.alpha_clip_model()).requires_grad_(False)


@pytest.fixture(params=["pad", "squash", "crop"])
def viewed(plain: AlphaCLIP, request: pytest.FixtureRequest) -> AlphaCLIP:
    """The plain CLIP behind each geometry."""
    return behind(plain, request.param)


@pytest.fixture(scope="session")
def rgb(tiny: ModuleType) -> Tensor:
    """Two pictures, not square."""
    return torch.stack([read_image(tiny.photo(60, 90, seed=seed)).rgb for seed in (0, 1)])


@pytest.fixture(scope="session")
def alpha() -> Tensor:
    """A box in each, elsewhere and of another shape."""
    return torch.stack([box_alpha((30, 10, 50, 40), (60, 90)), box_alpha((40, 30, 80, 50), (60, 90))])


def behind(encoder: AlphaCLIP, fit: Fit) -> AlphaCLIP:
    """The same encoder, with another fit."""
    return encoder.with_geometry(Geometry(size=encoder.processor.geometry.size, fit=fit))
