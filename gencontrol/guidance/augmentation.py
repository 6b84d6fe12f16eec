"""Random views of one rendering, colour and alpha moved together: what keeps CLIP guidance from adversarial patterns.

PureCLIPNeRF's own augmentation moved the colour and left the opacity where it was; here one resampling moves
premultiplied colour, opacity and the alpha map, and the background is put behind afterwards.
"""

import math
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Generator, Tensor

from gencontrol.errors import ConfigError, InputError
from gencontrol.guidance.backgrounds import BACKGROUNDS, Background, check_kinds, composite, random_backgrounds
from gencontrol.guidance.warp import random_homographies, warp
from gencontrol.images.blur import gaussian_blur
from gencontrol.kinds import check_fields
from gencontrol.sides import matched

_SHARES = ("blur", "translation", "brightness", "contrast", "saturation", "soften", "noise")


@dataclass(frozen=True, kw_only=True)
class Augmentation:
    """How each copy of a rendering is varied before an encoder sees it; where nothing else is said, from 0 to 1."""

    copies: int = 4
    """How many differently varied copies of each view."""
    backgrounds: tuple[Background, ...] = ("solid", "checker", "noise", "texture")
    """Kinds of background, drawn uniformly."""
    blur: float = 0.05
    """Largest blur of a background, standard deviation as a fraction of the shorter side."""
    perspective: float = 0.3
    """How far a corner may move inwards, as a fraction of half the side; PureCLIPNeRF uses 0.6 on voxel grids."""
    crop: float = 0.85
    """Smallest side of the random window, as a fraction of the picture's."""
    widest: float = 1.0
    """Largest side of the random window; above 1 the rendering is shrunk, with background around it."""
    translation: float = 0.05
    """Largest shift, as a fraction of the side."""
    brightness: float = 0.1
    """Largest amount added to or taken from all channels."""
    contrast: float = 0.2
    """Largest relative change of the distance from the picture's mean."""
    saturation: float = 0.2
    """Largest relative change of the distance from grey."""
    soften: float = 0.0
    """Largest blur of the rendering itself, standard deviation as a fraction of the shorter side."""
    noise: float = 0.0
    """Standard deviation of Gaussian noise on every pixel, which smooths what the encoder answers."""

    def __post_init__(self) -> None:
        check_fields(self)
        if self.copies < 1:
            raise ConfigError(f"Augmentation needs at least one copy; got {self.copies}.")
        if not self.backgrounds:
            raise ConfigError(f"Augmentation needs a kind of background; choose from {', '.join(BACKGROUNDS)}.")
        check_kinds(self.backgrounds)
        if not 0 <= self.perspective < 1:
            raise ConfigError(f"perspective must lie in [0, 1); got {self.perspective}.")
        if not 0 < self.crop <= 1:
            raise ConfigError(f"crop must lie in (0, 1]; got {self.crop}.")
        # Written so that NaN is refused too.
        if not self.crop <= self.widest < math.inf:
            raise ConfigError(f"widest must be finite and at least crop ({self.crop}); got {self.widest}.")
        for name in _SHARES:
            if not 0 <= getattr(self, name) <= 1:
                raise ConfigError(f"{name} must lie in [0, 1]; got {getattr(self, name)}.")


# One copy, unmoved, over a plain colour: for scores, where nothing should be random but the background.
STILL = Augmentation(
    copies=1,
    backgrounds=("solid",),
    blur=0.0,
    perspective=0.0,
    crop=1.0,
    translation=0.0,
    brightness=0.0,
    contrast=0.0,
    saturation=0.0,
)


@matched
def augment(
    colour: Float[Tensor, "b 3 h w"],
    opacity: Float[Tensor, "b 1 h w"],
    alpha: Float[Tensor, "b 1 h w"],
    settings: Augmentation,
    *,
    generator: Generator,
) -> tuple[Float[Tensor, "n 3 h w"], Float[Tensor, "n 1 h w"]]:
    """Vary each rendering `settings.copies` times; n = b * copies, copies of one view side by side.

    Differentiable in all three.

    Args:
        colour: Premultiplied by opacity (what a volume renderer accumulates, over black), [0, 1].
        opacity: Accumulated opacity of everything, [0, 1]; the background shows through the rest.
        alpha: Where to look: 1 on the highlighted part, 0 elsewhere; [0, 1].
        settings: What varies and by how much.
        generator: On the CPU; the same state gives the same views on any device.

    Returns:
        Straight colour over random backgrounds, [0, 1] give or take the colour change, and the moved alpha map.
    """
    if generator.device.type != "cpu":
        raise InputError(f"The generator must be on the CPU, or devices would differ; got {generator.device}.")
    planes = torch.cat([colour, opacity, alpha], dim=1).repeat_interleave(settings.copies, dim=0)
    maps = random_homographies(
        len(planes),
        perspective=settings.perspective,
        window=(settings.crop, settings.widest),
        translation=settings.translation,
        generator=generator,
    )
    moved = _softened(warp(planes, maps), settings.soften, generator)
    size = (colour.shape[-2], colour.shape[-1])
    behind = random_backgrounds(len(planes), size, settings.backgrounds, blur=settings.blur, generator=generator)
    rgb = composite(moved[:, :3], moved[:, 3:4], behind.to(moved))
    rgb = jitter(rgb, settings, generator=generator)
    if settings.noise > 0:
        rgb = rgb + settings.noise * torch.randn(rgb.shape, generator=generator).to(rgb)
    return rgb, moved[:, 4:]


def jitter(rgb: Float[Tensor, "n 3 h w"], settings: Augmentation, *, generator: Generator) -> Float[Tensor, "n 3 h w"]:
    """Change brightness, saturation and contrast, each picture by its own amount; affine, so gradients stay whole."""

    def amount(limit: float) -> Tensor:
        return (2 * torch.rand(len(rgb), 1, 1, 1, generator=generator) - 1).to(rgb) * limit

    rgb = rgb + amount(settings.brightness)
    grey = rgb.mean(dim=1, keepdim=True)
    rgb = grey + (rgb - grey) * (1 + amount(settings.saturation))
    mean = rgb.mean(dim=(1, 2, 3), keepdim=True)
    return mean + (rgb - mean) * (1 + amount(settings.contrast))


def _softened(planes: Float[Tensor, "n 5 h w"], limit: float, generator: Generator) -> Float[Tensor, "n 5 h w"]:
    """Blur premultiplied colour, opacity and alpha alike, each picture by its own width."""
    if limit == 0:
        return planes
    sigma = torch.rand(len(planes), generator=generator) * limit * min(planes.shape[-2:])
    return gaussian_blur(planes, sigma.to(planes), edges="wrap")
