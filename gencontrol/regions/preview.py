"""What the encoder will see, as a picture for people."""

import math

import torch
from jaxtyping import Bool, Float
from PIL import Image
from torch import Tensor
from torch.nn import functional

from gencontrol.images.reading import ImageSource, read_image
from gencontrol.images.writing import to_pil
from gencontrol.regions.geometry import Geometry, fit_planes, of_alpha

# Brightness left where the encoder is not to look.
_DIM = 0.35
# The outline's colour, rare in photographs; in [0, 1].
_OUTLINE = (1.0, 0.0, 0.6)
# Previews are enlarged by whole steps to at least this many pixels.
_READABLE = 384


def preview(
    picture: ImageSource, alpha: Float[Tensor, "h w"], geometry: Geometry, *, readable: int = _READABLE
) -> Image.Image:
    """Show a picture and its alpha map through the encoder's geometry.

    Args:
        picture: The picture.
        alpha: Where to look, [0, 1], of the picture's size.
        geometry: The encoder's.
        readable: Least side of the result; each of the encoder's pixels becomes a square of whole pixels.

    Returns:
        RGB: the encoder's pixels at full brightness where alpha is 1, dimmed where it is 0, a line where it passes 0.5.
    """
    rgb = fit_planes(read_image(picture).stored_rgb, geometry)
    planes = torch.cat([rgb, fit_planes(alpha[None], of_alpha(geometry)).to(rgb)])
    scale = math.ceil(readable / geometry.size)
    planes = planes.repeat_interleave(scale, dim=-2).repeat_interleave(scale, dim=-1)
    shown = planes[:3] * (_DIM + (1 - _DIM) * planes[3])
    colour = shown.new_tensor(_OUTLINE)[:, None, None]
    return to_pil(torch.where(_outline(planes[3] >= 0.5), colour, shown))


def _outline(inside: Bool[Tensor, "h w"]) -> Bool[Tensor, "h w"]:
    """The pixels outside that touch the inside; none along the border of the view."""
    return functional.max_pool2d(inside[None].float(), 3, stride=1, padding=1)[0].bool() & ~inside
