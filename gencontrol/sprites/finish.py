"""How a picture was finished: changes of all its pixels, as photographs, scans and prints have them."""

from collections.abc import Callable

import torch
from jaxtyping import Float
from torch import Tensor

from gencontrol.images.blur import gaussian_blur
from gencontrol.images.colour import LUMA


def finished(rgb: Float[Tensor, "b 3 h w"], share: float, generator: torch.Generator) -> Float[Tensor, "b 3 h w"]:
    """Finish a share of the pictures, each in one random way.

    Args:
        rgb: [0, 1], on any device.
        share: Of the pictures, [0, 1].
        generator: The source of all randomness, of the CPU.
    """
    chosen = (torch.rand(len(rgb), generator=generator) < share).nonzero()[:, 0]
    kind = torch.randint(len(_WAYS), (len(chosen),), generator=generator)
    amount = torch.rand(len(chosen), 3, generator=generator).to(rgb.device)
    noise = torch.randn(len(chosen), *rgb.shape[1:], generator=generator).to(rgb.device)
    out = rgb.clone()
    for index, way in enumerate(_WAYS):
        some = (kind == index).nonzero()[:, 0]
        if len(some):
            rows = chosen[some]
            out[rows] = way(rgb[rows], amount[some], noise[some])
    return out.clamp_(0, 1)


def _wide(values: Tensor) -> Tensor:
    return values[:, None, None, None]


def _grey(rgb: Tensor, amount: Tensor, noise: Tensor) -> Tensor:
    luma = torch.einsum("bchw,c->bhw", rgb, rgb.new_tensor(LUMA))[:, None]
    return rgb.lerp(luma.expand_as(rgb), _wide(0.5 + 0.5 * amount[:, 0]))


def _few_levels(rgb: Tensor, amount: Tensor, noise: Tensor) -> Tensor:
    """Three to seven levels a channel."""
    steps = _wide(2 + (5 * amount[:, 0]).floor())
    return (rgb * steps).round() / steps


def _contrast(rgb: Tensor, amount: Tensor, noise: Tensor) -> Tensor:
    """Gamma and contrast about the middle."""
    gamma = (1.4 * (amount[:, 0] - 0.5)).exp()
    factor = (1.2 * (amount[:, 1] - 0.5)).exp()
    return (rgb.clamp(1e-4, 1) ** _wide(gamma) - 0.5) * _wide(factor) + 0.5


def _shaded(rgb: Tensor, amount: Tensor, noise: Tensor) -> Tensor:
    """A light that falls off across the picture, warm or cold."""
    side = rgb.shape[-1]
    axis = torch.linspace(-1, 1, side, device=rgb.device)
    angle = 2 * torch.pi * amount[:, 0, None, None]
    across = angle.cos() * axis[None, None, :] + angle.sin() * axis[None, :, None]
    light = 1 + 0.45 * amount[:, 1, None, None] * across
    warmth = 1 + 0.3 * (amount[:, 2, None] - 0.5) * rgb.new_tensor([1.0, 0.0, -1.0])
    return rgb * light[:, None] * warmth[:, :, None, None]


def _sharpened(rgb: Tensor, amount: Tensor, noise: Tensor) -> Tensor:
    soft = gaussian_blur(rgb, 1.0)
    return rgb + _wide(1.5 * amount[:, 0]) * (rgb - soft)


def _grainy(rgb: Tensor, amount: Tensor, noise: Tensor) -> Tensor:
    return rgb + _wide(0.02 + 0.1 * amount[:, 0]) * noise


def _soft(rgb: Tensor, amount: Tensor, noise: Tensor) -> Tensor:
    return rgb.lerp(gaussian_blur(rgb, 1.2), _wide(amount[:, 0]))


_WAYS: tuple[Callable[[Tensor, Tensor, Tensor], Tensor], ...] = (
    _grey,
    _few_levels,
    _contrast,
    _shaded,
    _sharpened,
    _grainy,
    _soft,
)
