"""Renderings as pictures."""

import torch
from jaxtyping import Float
from PIL import Image
from torch import Tensor


def rgba_picture(colour: Float[Tensor, "3 h w"], opacity: Float[Tensor, "1 h w"]) -> Image.Image:
    """Premultiplied colour and opacity as a straight RGBA picture."""
    straight = torch.where(opacity > 1e-4, colour / opacity.clamp(min=1e-4), colour).clamp(0, 1)
    planes = torch.cat([straight, opacity.clamp(0, 1)])
    return Image.fromarray((planes * 255).round().byte().permute(1, 2, 0).numpy())
