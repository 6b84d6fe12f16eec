"""Boxes as maps, and an encoder whose answers are known."""

from collections.abc import Callable

import pytest
import torch
from torch import Tensor


@pytest.fixture(scope="session")
def boxes() -> Callable[..., Tensor]:
    """A function that gives a map (k, h, w) for boxes (x0, y0, x1, y1) in pixels."""

    def maps(*corners: tuple[int, int, int, int], size: tuple[int, int] = (40, 80)) -> Tensor:
        found = torch.zeros(len(corners), *size)
        for plane, (x0, y0, x1, y1) in zip(found, corners, strict=True):
            plane[y0:y1, x0:x1] = 1.0
        return found

    return maps
