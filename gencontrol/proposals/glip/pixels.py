"""A picture as GLIP takes it: scaled, in the order blue, green, red, from 0 to 255, less a mean, padded with zeros."""

import numpy as np
import torch
from jaxtyping import Float
from PIL import Image
from torch import Tensor
from torch.nn import functional

from gencontrol.images.picture import Picture
from gencontrol.images.writing import to_pil
from gencontrol.proposals.glip.config import GlipConfig

MEAN = (103.530, 116.280, 123.675)
STD = (57.375, 57.120, 58.395)
"""Of ImageNet, in the order of the channels: blue, green, red."""

_MULTIPLE = 32
"""Of which the sides of a padded picture are multiples."""


def scaled_size(size: tuple[int, int], config: GlipConfig) -> tuple[int, int]:
    """(height, width) of a picture of that (height, width) once its shorter side is what GLIP wants.

    Where the longer side would be too long, that decides.
    """
    short, long = min(size), max(size)
    target = config.shorter_side
    if long / short * target > config.longer_side:
        target = max(round(config.longer_side * short / long), 1)
    scaled = target * long // short
    return (target, scaled) if size[0] <= size[1] else (scaled, target)


def glip_pixels(picture: Picture, config: GlipConfig) -> tuple[Float[Tensor, "1 3 h w"], tuple[int, int]]:
    """The pixels, padded below and on the right, and (height, width) without the padding; alpha plays no part."""
    height, width = scaled_size(picture.size, config)
    shown = to_pil(Picture(rgb=picture.stored_rgb)).resize((width, height), Image.Resampling.BILINEAR)
    levels = torch.from_numpy(np.array(shown)).permute(2, 0, 1).flip(0).float()
    mean, std = (torch.tensor(values)[:, None, None] for values in (MEAN, STD))
    padding = (0, -width % _MULTIPLE, 0, -height % _MULTIPLE)
    return functional.pad((levels - mean) / std, padding)[None], (height, width)
