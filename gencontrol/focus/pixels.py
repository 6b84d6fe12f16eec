"""Pictures as an encoder takes them, and looked at all over."""

import torch
from jaxtyping import Float
from torch import Tensor

from gencontrol.alpha_clip.model import AlphaCLIP
from gencontrol.alpha_clip.preprocess import AlphaCLIPProcessor


def pixels(
    encoder: AlphaCLIP, rgb: Float[Tensor, "b 3 h w"], alpha: Float[Tensor, "b h w"] | None = None
) -> Float[Tensor, "b 4 s s"]:
    """Through the encoder's processor, in its dtype; without an alpha map it looks at the whole image, all ones."""
    # The device is left alone: an encoder that is offloaded between calls names none.
    planes = whole(encoder.processor, rgb) if alpha is None else encoder.processor(rgb, alpha)
    return planes.to(encoder.dtype)


def whole(processor: AlphaCLIPProcessor, rgb: Float[Tensor, "b 3 h w"]) -> Float[Tensor, "b 4 s s"]:
    """Normalised planes of pictures that are looked at all over: alpha 1 everywhere."""
    return processor(rgb, torch.ones_like(rgb[:, 0]))
