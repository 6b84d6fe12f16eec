"""Pictures as an encoder takes them."""

import torch
from torch import Tensor

from gencontrol.alpha_clip.model import AlphaCLIP
from gencontrol.focus.pixels import pixels


def test_pixels_look_everywhere_without_a_map(plain: AlphaCLIP, rgb: Tensor, alpha: Tensor) -> None:
    torch.testing.assert_close(pixels(plain, rgb), plain.preprocess(rgb))
    torch.testing.assert_close(pixels(plain, rgb, alpha), plain.preprocess(rgb, alpha))
