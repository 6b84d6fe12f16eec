"""What a caller may give as `image`, `mask_image` and the rest, brought to one form: scenes."""

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from gencontrol.conditioning.strength import StrengthSchedule, as_strength
from gencontrol.errors import InputError
from gencontrol.finite import check_finite
from gencontrol.focus.strategy import FocusStrategy
from gencontrol.images.picture import Picture
from gencontrol.images.reading import ImageSource, read_image
from gencontrol.regions.geometry import Fit
from gencontrol.regions.mask_planes import MaskSource as OneMask
from gencontrol.regions.mask_planes import split_stack
from gencontrol.regions.masks import from_image_alpha, from_mask
from gencontrol.regions.region import Region, RegionWarning
from gencontrol.regions.scene import Scene

MaskSource = OneMask | Region | tuple[OneMask | Region, float | int]
"""A mask, a region, or either with a weight."""
Masks = MaskSource | list[MaskSource] | None
"""One or several masks of one picture, as a list or stacked (k, h, w), or none."""
AllMasks = Masks | list[Masks]
"""Masks of one picture, or for a list of pictures a list with one entry for each."""


@dataclass(frozen=True, kw_only=True)
class Reference:
    """What a call is conditioned on, as the caller gave it; see the pipelines' `__call__`."""

    image: Any
    """Pictures, stock pixel values, or None beside `image_embeds`."""
    mask_image: Any
    """Where to look."""
    negative_mask_image: Any
    """What to keep away from."""
    focus: str | FocusStrategy | None
    """How the encoder is made to look."""
    fit: Fit | None
    """How pictures become square."""
    strength: float | StrengthSchedule
    """How strongly regions act."""
    image_embeds: Float[Tensor, "b d"] | None
    """Embeddings in the place of pictures."""
    negative_image_embeds: Float[Tensor, "m d"] | None
    """Embeddings to keep away from."""

    @property
    def negative(self) -> str | None:
        """The name of what says what to keep away from; None where nothing does."""
        if self.negative_image_embeds is not None:
            return "negative_image_embeds"
        masks = self.negative_mask_image
        given = any(mask is not None for mask in masks) if isinstance(masks, list) else masks is not None
        return "negative_mask_image" if given else None


def read_scenes(image: Any, mask_image: Any = None, negative_mask_image: Any = None) -> list[Scene]:
    """Bring pictures and masks together.

    Args:
        image: One picture (an `ImageSource`), or a list of them.
        mask_image: `AllMasks`. For one picture: a mask, or several regions as a list of masks or a stack (k, h, w). For
            a list of pictures: a list with one entry for each picture, which is None or any of these. White (or opaque)
            means: look here. Without a mask, a picture's own alpha channel is its region.
        negative_mask_image: The same, for what to keep away from.

    Raises:
        InputError: No picture, lists of different lengths, or pictures and masks that cannot be used.
    """
    if not isinstance(image, list):
        return [_scene(image, mask_image, negative_mask_image)]
    if not image:
        raise InputError("Expected at least one image, got an empty list.")
    masks = _per_image(mask_image, len(image), name="mask_image")
    negatives = _per_image(negative_mask_image, len(image), name="negative_mask_image")
    return [_scene(i, m, n) for i, m, n in zip(image, masks, negatives, strict=True)]


def warn_of_idle(reference: Reference, scenes: Sequence[Scene]) -> None:
    """Warn with a `RegionWarning` of arguments that do nothing where no picture of a call shows a region.

    Args:
        reference: As the caller gave it.
        scenes: What was read of it.
    """
    kept_away = any(scene.negative_regions for scene in scenes)
    if any(scene.regions for scene in scenes):
        return
    given = {
        "focus": reference.focus is not None and not kept_away,
        "strength": as_strength(reference.strength) != StrengthSchedule(),
    }
    idle = [name for name, is_given in given.items() if is_given]
    if idle:
        warnings.warn(
            f"No region is shown, so {' and '.join(idle)} can do nothing: give `mask_image`, or a picture with "
            "an alpha channel.",
            RegionWarning,
            stacklevel=6,
        )


def _per_image(masks: Any, count: int, *, name: str) -> list[Any]:
    if masks is None:
        return [None] * count
    if not isinstance(masks, list) or len(masks) != count:
        got = f"a list of {len(masks)}" if isinstance(masks, list) else f"one {type(masks).__name__}"
        raise InputError(
            f"{name}: for a list of {count} images, expected a list of {count} entries (each None, a mask or a list "
            f"of masks), got {got}."
        )
    return list(masks)


def _scene(image: ImageSource, masks: Any, negatives: Any) -> Scene:
    picture = read_image(image)
    regions = _regions(masks, picture, name="mask_image")
    if masks is None and picture.alpha is not None:
        regions = (from_image_alpha(picture),)
    negative = _regions(negatives, picture, name="negative_mask_image")
    return Scene(picture=picture, regions=regions, negative_regions=negative)


def _regions(masks: Any, picture: Picture, *, name: str) -> tuple[Region, ...]:
    if masks is None:
        return ()
    if isinstance(masks, list) and not masks:
        raise InputError(f"{name}: expected at least one mask, got an empty list; None shows no region.")
    if not isinstance(masks, list):
        masks = split_stack(masks, picture.size) or [masks]
    return tuple(_region(mask, picture) for mask in masks)


def _region(mask: Any, picture: Picture) -> Region:
    if isinstance(mask, tuple):
        if len(mask) != 2 or isinstance(mask[1], bool) or not isinstance(mask[1], (int, float)):
            raise InputError("A tuple is one mask with its weight, (mask, 0.5); give several masks as a list.")
        region = _region(mask[0], picture)
        return Region(alpha=region.alpha, weight=float(mask[1]), label=region.label)
    if isinstance(mask, Region):
        return mask
    return from_mask(mask, size=picture.size)


def is_pixel_values(image: Any) -> bool:
    """Whether an image is what a CLIPImageProcessor made of pictures: a batch, as stock pipelines take it."""
    return isinstance(image, Tensor) and image.ndim == 4


def as_pictures(image: Any) -> Any:
    """A batch (b, 3, h, w) of values in [0, 1] as a list of pictures; all else as it is.

    Normalised pixel values reach beyond [0, 1] in any picture that has a dark, a bright or a coloured place.
    """
    if not is_pixel_values(image) or image.shape[1] != 3 or not image.numel():
        return image
    low, high = (float(value) for value in torch.aminmax(image.detach()))
    return list(image) if 0 <= low and high <= 1 else image


def noise_of(
    latents: Any, pipeline: Any, *, count: int, size: tuple[int | None, int | None]
) -> Float[Tensor, "n c h w"] | None:
    """The noise to start from where the host runs; None leaves it to be drawn.

    Args:
        latents: As given.
        pipeline: The host.
        count: How many outputs there are.
        size: (height, width) of an output in pixels; None is the denoiser's own.

    Raises:
        InputError: No tensor, one of another shape, or one with NaN or infinite values.
    """
    if latents is None:
        return None
    settings, scale = pipeline.unet.config, pipeline.vae_scale_factor
    sides = [settings.sample_size if pixels is None else pixels // scale for pixels in size]
    expected = (count, settings.in_channels, *sides)
    if not isinstance(latents, Tensor) or tuple(latents.shape) != expected:
        got = tuple(latents.shape) if isinstance(latents, Tensor) else type(latents).__name__
        raise InputError(
            f"latents: expected a tensor (outputs, channels, height, width) of {expected}, sides being {scale} times "
            f"less than the picture's, got {got}."
        )
    check_finite(latents, name="latents:")
    return latents.to(pipeline._execution_device, pipeline.unet.dtype)


def check_alone(reference: Reference, what: str) -> None:
    """Refuse arguments that need a picture where there is none.

    Raises:
        InputError: Names them.
    """
    given = {
        "mask_image": reference.mask_image is not None,
        "negative_mask_image": reference.negative_mask_image is not None,
        "focus": reference.focus is not None,
        "fit": reference.fit is not None,
        "strength": reference.strength != 1.0,
    }
    extra = [name for name, is_given in given.items() if is_given]
    if extra:
        raise InputError(f"{', '.join(extra)} cannot act on {what}: give the picture itself.")
