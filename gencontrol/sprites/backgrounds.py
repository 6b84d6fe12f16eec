"""Backgrounds of scenes, a batch at a time: plain, gradients, noise, textures and crops of photographs."""

import functools
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import torch
from jaxtyping import Float
from PIL import Image
from torch import Tensor
from torch.nn import functional

from gencontrol.errors import MissingDependencyError
from gencontrol.sprites.split import PHOTOGRAPHS, TEXTURES, Split, draw_colours
from gencontrol.sprites.store import CPU

BackgroundKind = Literal["plain", "gradient", "noise", "texture", "photograph"]
BACKGROUND_KINDS: tuple[BackgroundKind, ...] = ("plain", "gradient", "noise", "texture", "photograph")
"""In the order of the composer's weights."""


def draw_backgrounds(
    kinds: Sequence[int] | Tensor,
    size: int,
    split: Split,
    generator: torch.Generator,
    *,
    device: torch.device = CPU,
) -> Float[Tensor, "b 3 size size"]:
    """Draw one background for each entry of `kinds` (indices into `BACKGROUND_KINDS`), values in [0, 1].

    What is random is drawn on the CPU; the planes are made on `device`.
    """
    kinds = torch.as_tensor(kinds)
    out = torch.empty(len(kinds), 3, size, size, device=device)
    for index, kind in enumerate(BACKGROUND_KINDS):
        rows = (kinds == index).nonzero()[:, 0]
        if len(rows):
            out[rows] = _DRAW[kind](len(rows), size, split, _Source(generator=generator, device=device))
    return out.clamp_(0, 1)


@dataclass(frozen=True, kw_only=True)
class _Source:
    """Random numbers of a CPU's generator, brought to a device."""

    generator: torch.Generator
    device: torch.device

    def rand(self, *shape: int) -> Tensor:
        return torch.rand(*shape, generator=self.generator).to(self.device)


def load_photographs(split: Split) -> tuple[Float[Tensor, "3 h w"], ...]:
    """The split's photographs from scikit-image's wheel, in [0, 1].

    Raises:
        MissingDependencyError: scikit-image is not installed.
    """
    return _load_photographs(split, CPU)


@functools.cache
def _load_photographs(split: Split, device: torch.device) -> tuple[Tensor, ...]:
    try:
        import skimage
    except ImportError:
        raise MissingDependencyError(
            "Backgrounds use scikit-image's photographs: run `pip install 'gencontrol[train]'`."
        ) from None
    folder = Path(skimage.__file__).parent / "data"
    return tuple(_read_photograph(folder / name).to(device) for name in PHOTOGRAPHS[split])


def _read_photograph(path: Path) -> Tensor:
    with Image.open(path) as image:
        pixels = np.asarray(image.convert("RGB"), dtype=np.float32) / 255
    return torch.from_numpy(pixels).permute(2, 0, 1).contiguous()


def _plain(count: int, size: int, split: Split, source: _Source) -> Tensor:
    colours = draw_colours(count, split, source.generator).to(source.device)
    return colours[:, :, None, None].expand(-1, -1, size, size)


def _two_colours(count: int, split: Split, source: _Source) -> tuple[Tensor, Tensor]:
    colours = draw_colours(2 * count, split, source.generator).to(source.device)[:, :, None, None]
    return colours[:count], colours[count:]


def _mix(weight: Tensor, split: Split, source: _Source) -> Tensor:
    """Blend two colours of the split by a weight map (n, 1, s, s) in [0, 1]."""
    first, second = _two_colours(len(weight), split, source)
    return first + weight * (second - first)


def _gradient(count: int, size: int, split: Split, source: _Source) -> Tensor:
    along, _ = _turned_coordinates(count, size, source)
    return _mix((along / math.sqrt(2) + 1) / 2, split, source)


def _noise(count: int, size: int, split: Split, source: _Source) -> Tensor:
    """Two octaves of smooth noise between two colours."""
    total = torch.zeros(count, 1, size, size, device=source.device)
    for cells, weight in ((4, 0.6), (12, 0.4)):
        coarse = source.rand(count, 1, cells, cells)
        total += weight * functional.interpolate(coarse, size=(size, size), mode="bilinear", align_corners=False)
    return _mix(total, split, source)


def _texture(count: int, size: int, split: Split, source: _Source) -> Tensor:
    families = TEXTURES[split]
    which = torch.randint(len(families), (count,), generator=source.generator)
    u, v = _turned_coordinates(count, size, source)
    frequency = 2 * math.pi * (1 + 3 * source.rand(count, 1, 1, 1))
    stacked = torch.stack([_FAMILIES[f](frequency * u, frequency * v) for f in families])
    # A steep slope instead of an edge: edges would alias at small sizes.
    weight = torch.sigmoid(6 * stacked[which, torch.arange(count)])
    return _mix(weight, split, source)


def _photograph(count: int, size: int, split: Split, source: _Source) -> Tensor:
    photographs = _load_photographs(split, source.device)
    which = torch.randint(len(photographs), (count,), generator=source.generator).tolist()
    place = torch.rand(count, 4, generator=source.generator).tolist()
    crops = [_crop(photographs[w], size, *p) for w, p in zip(which, place, strict=True)]
    # Greyscale photographs are most of them, so each crop is tinted.
    tint = 0.6 + 0.8 * source.rand(count, 3, 1, 1)
    return torch.stack(crops) * tint


def _crop(photograph: Tensor, size: int, x: float, y: float, scale: float, flip: float) -> Tensor:
    height, width = photograph.shape[1:]
    side = int((0.15 + 0.35 * scale) * min(height, width))
    top, left = int(y * (height - side)), int(x * (width - side))
    part = photograph[:, top : top + side, left : left + side]
    part = part.flip(-1) if flip < 0.5 else part
    return functional.interpolate(part[None], size=(size, size), mode="area")[0]


def _turned_coordinates(count: int, size: int, source: _Source) -> tuple[Tensor, Tensor]:
    """Coordinates in [-1, 1] turned by a random angle each: two maps (n, 1, s, s)."""
    angle = 2 * math.pi * source.rand(count, 1, 1, 1)
    axis = (torch.arange(size, device=source.device) + 0.5) / size * 2 - 1
    x, y = axis[None, None, None, :], axis[None, None, :, None]
    return angle.cos() * x + angle.sin() * y, angle.cos() * y - angle.sin() * x


_FAMILIES: dict[str, Callable[[Tensor, Tensor], Tensor]] = {
    "stripes": lambda u, v: u.sin(),
    "checks": lambda u, v: u.sin() * v.sin(),
    "dots": lambda u, v: u.cos() + v.cos() - 1,
    "rings": lambda u, v: (u.square() + v.square()).sqrt().sin(),
    "waves": lambda u, v: (u + 2 * (v / 2).sin()).sin(),
}

_DRAW: dict[BackgroundKind, Callable[[int, int, Split, _Source], Tensor]] = {
    "plain": _plain,
    "gradient": _gradient,
    "noise": _noise,
    "texture": _texture,
    "photograph": _photograph,
}
