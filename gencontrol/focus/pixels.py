"""Pictures as an encoder takes them, and looked at all over."""

import torch
from jaxtyping import Float
from torch import Tensor

from gencontrol.alpha_clip.model import AlphaCLIP
from gencontrol.alpha_clip.preprocess import AlphaCLIPProcessor
from gencontrol.images.picture import Colours


def pixels(encoder: AlphaCLIP, rgb: Colours, alpha: Float[Tensor, "b h w"] | None = None) -> Float[Tensor, "b 4 s s"]:
    """Through the encoder's processor, in its dtype; without an alpha map it looks at the whole image, all ones."""
    # The device is left alone: an encoder that is offloaded between calls names none.
    planes = whole(encoder.processor, rgb) if alpha is None else encoder.processor(rgb, alpha)
    return planes.to(encoder.dtype)


def whole(processor: AlphaCLIPProcessor, rgb: Colours) -> Float[Tensor, "b 4 s s"]:
    """Normalised planes of pictures that are looked at all over: alpha 1 everywhere."""
    # One number that stands for all pixels.
    one = rgb.new_ones((1, 1, 1), dtype=rgb.dtype if rgb.dtype.is_floating_point else torch.float32)
    return processor(rgb, one.expand(len(rgb), *rgb.shape[-2:]))
