"""Data sets of coloured squares, and an encoder with random weights."""

from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import torch

from gencontrol.alpha_clip.model import AlphaCLIP
from gencontrol.engine.agreement import Agreement
from gencontrol.focus import focus_strategy


@pytest.fixture(scope="session")
def sets() -> ModuleType:
    """The builders of tests/engine/_sets.py."""
    return _beside("_sets.py")


@pytest.fixture(scope="session")
def encoder(tiny_folder: Path) -> AlphaCLIP:
    """A small one; it reads "cat" and "dog"."""
    return AlphaCLIP.from_pretrained(tiny_folder / "alpha_clip")


@pytest.fixture
def agreement(encoder: AlphaCLIP) -> Agreement:
    """It, looking at cut parts."""
    return Agreement(encoder, focus_strategy("crop"))


@pytest.fixture
def mask() -> Any:
    """A function that makes a mask of a box."""

    def made(x0: int, y0: int, x1: int, y1: int, size: tuple[int, int] = (40, 48)) -> torch.Tensor:
        plane = torch.zeros(size, dtype=torch.bool)
        plane[y0:y1, x0:x1] = True
        return plane

    return made


@pytest.fixture(scope="session")
def fake_ray() -> ModuleType:
    """What stands for Ray: tests/engine/_ray.py."""
    return _beside("_ray.py")


def _beside(name: str) -> ModuleType:
    from importlib.util import module_from_spec, spec_from_file_location

    path = Path(__file__).with_name(name)
    spec = spec_from_file_location(f"engine{path.stem}", path)
    assert spec is not None and spec.loader is not None
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
