"""What a caller may give as images and alpha maps, brought to one form: per image, colour and its stack of maps."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from jaxtyping import Float, UInt8
from torch import Tensor
from transformers import CLIPVisionConfig

from gencontrol.alpha_clip.architectures import square
from gencontrol.errors import InputError
from gencontrol.images.picture import check_unit_range
from gencontrol.images.reading import read_image
from gencontrol.regions.masks import from_mask
from gencontrol.regions.region import check_marked


@dataclass(frozen=True, kw_only=True)
class MaskedImage:
    """One image with one or several alpha maps."""

    rgb: Float[Tensor, "3 h w"] | UInt8[Tensor, "3 h w"]
    """sRGB colour, straight; [0, 1], or bytes."""
    alphas: Float[Tensor, "k h w"]
    """1 where to look; [0, 1]; not normalised."""


def pair_up(image: Any, alpha: Any) -> list[MaskedImage]:
    """Bring images and alpha maps together.

    Args:
        image: One image (anything `read_image` takes), several of them as a list, or a tensor (b, 3, h, w).
        alpha: None looks everywhere. For one image: one map (h, w), or several as (k, h, w) or a list. For several
            images: a list with one entry for each, or a tensor (h, w) for all, (b, h, w) one each, (b, k, h, w) several
            each. A map is a float or boolean tensor or array in [0, 1], or anything else that `from_mask` takes (a
            file, a PIL image, 8-bit integers).

    Raises:
        InputError: No image, or maps that do not fit the images in number, size, type or range.
    """
    if not _is_batch(image):
        return [_masked(image, alpha)]
    images = list(image)
    if not images:
        raise InputError("No image to encode: the list is empty.")
    return [_masked(i, a) for i, a in zip(images, _spread(alpha, len(images)), strict=True)]


def _is_batch(image: Any) -> bool:
    return isinstance(image, (list, tuple)) or (isinstance(image, Tensor) and image.dim() == 4)


def _spread(alpha: Any, count: int) -> Sequence[Any]:
    if alpha is None or (isinstance(alpha, (Tensor, np.ndarray)) and alpha.ndim == 2):
        return [alpha] * count
    if not isinstance(alpha, (list, tuple, Tensor, np.ndarray)):
        raise InputError(f"One mask for {count} images: give a list with one for each.")
    if len(alpha) != count:
        raise InputError(f"{len(alpha)} alpha maps for {count} images: give one entry for each image.")
    return list(alpha)


def _masked(image: Any, alpha: Any) -> MaskedImage:
    picture = read_image(image)
    rgb = picture.stored_rgb
    if alpha is None:
        # One number that stands for all pixels.
        one = rgb.new_ones((1, 1, 1), dtype=rgb.dtype if rgb.dtype.is_floating_point else torch.float32)
        return MaskedImage(rgb=rgb, alphas=one.expand(1, *picture.size))
    maps = _maps(alpha, picture.size)
    return MaskedImage(rgb=rgb, alphas=maps.to(rgb) if rgb.dtype.is_floating_point else maps.to(rgb.device))


def _maps(alpha: Any, size: tuple[int, int]) -> Float[Tensor, "k h w"]:
    if isinstance(alpha, (list, tuple)):
        _check_some(len(alpha))
        return torch.cat([_maps(a, size) for a in alpha])
    if isinstance(alpha, np.ndarray) and (alpha.dtype == np.bool_ or np.issubdtype(alpha.dtype, np.floating)):
        alpha = torch.from_numpy(np.ascontiguousarray(alpha))
    if isinstance(alpha, Tensor) and (alpha.dtype == torch.bool or alpha.is_floating_point()):
        return _checked(alpha.float(), size)
    return from_mask(alpha, size=size).alpha[None]


def _checked(alpha: Float[Tensor, "..."], size: tuple[int, int]) -> Float[Tensor, "k h w"]:
    if alpha.dim() not in (2, 3):
        raise InputError(f"An image's alpha maps have the shape (h, w) or (k, h, w); got {tuple(alpha.shape)}.")
    _check_some(alpha.numel())
    if tuple(alpha.shape[-2:]) != size:
        raise InputError(
            f"The alpha map is {alpha.shape[-1]} x {alpha.shape[-2]} but the image is {size[1]} x {size[0]} "
            "(width x height): give it at the image's own size."
        )
    maps = check_unit_range(alpha.reshape(-1, *size), name="The alpha map")
    if not maps.requires_grad:
        # What is optimised may begin with nothing.
        for one in maps:
            check_marked(one, name="The alpha map")
    return maps


def _check_some(count: int) -> None:
    if count == 0:
        raise InputError("No alpha map: give None to look at the whole image.")


def fitting_bias(bias: Tensor, config: CLIPVisionConfig, *, count: int) -> Tensor:
    """A bias on attention logits, after a check that it broadcasts to them: (count, heads, tokens, tokens).

    Raises:
        InputError: It does not.
    """
    size, patch = square(config)
    tokens = (size // patch) ** 2 + 1
    logits = (count, config.num_attention_heads, tokens, tokens)
    sides = zip(reversed(bias.shape), reversed(logits), strict=False)
    if not (1 < bias.ndim <= 4 and all(side in (1, whole) for side, whole in sides)):
        raise InputError(f"attention_bias: expected a shape that broadcasts to {logits}, got {tuple(bias.shape)}.")
    return bias
