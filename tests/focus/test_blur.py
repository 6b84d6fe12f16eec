"""Outside the part the picture is blurred; inside it is untouched."""

import math

import pytest
import torch
from scipy import ndimage
from torch import Tensor

from gencontrol.alpha_clip.model import AlphaCLIP
from gencontrol.errors import ConfigError
from gencontrol.focus import BlurFocus


def test_it_embeds_the_blurred_picture(plain: AlphaCLIP, rgb: Tensor, alpha: Tensor) -> None:
    blurred = torch.from_numpy(ndimage.gaussian_filter(rgb.numpy(), (0, 0, 12, 12), mode="nearest"))
    shown = torch.where(alpha[:, None] == 1, rgb, blurred)
    embeds = BlurFocus(sigma=0.2).embed(plain, rgb, alpha)  # 0.2 of the short side of 60 pixels
    torch.testing.assert_close(embeds, plain.encode_image(shown), atol=2e-3, rtol=1e-3)
    assert not torch.allclose(embeds, plain.encode_image(rgb), atol=0.05)


def test_no_blur_is_the_plain_answer(plain: AlphaCLIP, rgb: Tensor, alpha: Tensor) -> None:
    torch.testing.assert_close(BlurFocus(sigma=0.0).embed(plain, rgb, alpha), plain.encode_image(rgb))


@pytest.mark.parametrize("sigma", [-0.1, math.inf, math.nan, 1e9])
def test_impossible_settings(sigma: float) -> None:
    with pytest.raises(ConfigError, match="sigma: expected 0 or more"):
        BlurFocus(sigma=sigma)


def test_the_default_is_the_authors_100_pixels_of_480() -> None:
    assert BlurFocus() == BlurFocus(sigma=0.2)
