"""Random backgrounds to composite a rendered object over, so that it cannot hide its shape in one colour."""

from collections.abc import Sequence
from typing import Literal, get_args

import torch
from jaxtyping import Float
from torch import Generator, Tensor

from gencontrol.configuration import nearest
from gencontrol.errors import ConfigError
from gencontrol.images.blur import gaussian_blur
from gencontrol.kinds import checked
from gencontrol.numbers import check_number
from gencontrol.sides import matched

Background = Literal["solid", "checker", "noise", "texture", "black", "white"]
BACKGROUNDS: tuple[Background, ...] = get_args(Background)


def check_kinds(kinds: Sequence[str]) -> None:
    """Refuse a kind that there is not.

    Raises:
        ConfigError: Naming it, and the nearest one.
    """
    for kind in kinds:
        if kind not in BACKGROUNDS:
            raise ConfigError(f"There is no background {kind!r}{nearest(kind, BACKGROUNDS)}")


@checked
def random_backgrounds(
    count: int, size: tuple[int, int], kinds: tuple[Background, ...], *, blur: float, generator: Generator
) -> Float[Tensor, "n 3 h w"]:
    """Draw backgrounds, each of a kind drawn uniformly from `kinds`, each blurred by its own width.

    The recipe of Dream Fields and PureCLIPNeRF: checkerboards, uniform noise and smooth textures, blurred.

    Args:
        count: How many.
        size: (height, width) in pixels.
        kinds: What to draw from; "texture" is noise whose amplitude falls as 1 / frequency.
        blur: Largest standard deviation of the Gaussian blur, as a fraction of the shorter side; each picture's is
            drawn uniformly from 0 to it.
        generator: On the CPU; the same state gives the same pictures on any device.

    Returns:
        On the CPU, [0, 1].

    Raises:
        ConfigError: No background, no pixel, no kind or an unknown one, or a blur out of range.
    """
    check_number(int(count), name="count", at_least=1, below=2**31)
    check_number(blur, name="blur", at_least=0, at_most=1)
    if min(size) < 1 or not kinds:
        raise ConfigError(f"random_backgrounds: expected sides of at least a pixel and a kind, got {size} and {kinds}.")
    check_kinds(kinds)
    picks = torch.randint(len(kinds), (int(count),), generator=generator).tolist()
    drawn = torch.stack([_draw(kinds[i], size, generator) for i in picks])
    if blur == 0:
        return drawn
    sigma = torch.rand(count, generator=generator) * blur * min(size)
    return gaussian_blur(drawn, sigma, edges="wrap").clamp(0, 1)


@matched
def composite(
    colour: Float[Tensor, "n 3 h w"], opacity: Float[Tensor, "n 1 h w"], background: Float[Tensor, "#n 3 #h #w"]
) -> Float[Tensor, "n 3 h w"]:
    """Put premultiplied colour (what a volume renderer accumulates) over a background."""
    return colour + (1 - opacity) * background


def _draw(kind: Background, size: tuple[int, int], generator: Generator) -> Float[Tensor, "3 h w"]:
    if kind == "noise":
        return torch.rand(3, *size, generator=generator)
    if kind == "texture":
        return _texture(size, generator)
    if kind == "checker":
        return _checker(size, generator)
    if kind == "solid":
        return torch.rand(3, 1, 1, generator=generator).expand(3, *size)
    return torch.full((3, *size), float(kind == "white"))


def _checker(size: tuple[int, int], generator: Generator) -> Float[Tensor, "3 h w"]:
    first, second = torch.rand(2, 3, 1, 1, generator=generator)
    shortest = min(size)
    cell = int(torch.randint(max(shortest // 16, 1), max(shortest // 3, 2), (), generator=generator))
    shift = torch.randint(2 * cell, (2,), generator=generator)
    rows = (torch.arange(size[0]) + shift[0])[:, None] // cell
    columns = (torch.arange(size[1]) + shift[1]) // cell
    return torch.where((rows + columns) % 2 == 0, first, second)


def _texture(size: tuple[int, int], generator: Generator) -> Float[Tensor, "3 h w"]:
    rows = torch.fft.fftfreq(size[0])[:, None]
    columns = torch.fft.rfftfreq(size[1])
    frequency = (rows**2 + columns**2).sqrt().clamp(min=1 / max(size))
    spectrum = torch.fft.rfft2(torch.randn(3, *size, generator=generator)) / frequency
    field = torch.fft.irfft2(spectrum, s=size)
    # One pixel has no spread: torch's own estimate, which corrects for the mean, is NaN.
    spread = field.std(dim=(1, 2), keepdim=True, correction=min(1, field[0].numel() - 1)).clamp(min=1e-6)
    return torch.sigmoid(
        (field - field.mean(dim=(1, 2), keepdim=True)) / spread + torch.randn(3, 1, 1, generator=generator)
    )
