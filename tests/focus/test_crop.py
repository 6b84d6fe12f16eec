"""The crop is the part's box, square as far as the picture reaches, with the rest painted over."""

import math

import pytest
import torch
from torch import Tensor

from gencontrol.alpha_clip.model import AlphaCLIP
from gencontrol.errors import ConfigError
from gencontrol.focus import CropFocus
from gencontrol.focus.crop import square_box


@pytest.mark.parametrize(
    ("box", "margin", "expected"),
    [
        ((30, 10, 50, 30), 0.0, (30, 10, 50, 30)),
        ((30, 10, 50, 30), 0.1, (28, 8, 52, 32)),
        ((30, 10, 50, 40), 0.0, (25, 10, 55, 40)),  # made square
        ((0, 10, 10, 40), 0.0, (0, 10, 30, 40)),  # moved inside
        ((85, 0, 90, 60), 0.0, (30, 0, 90, 60)),
        ((0, 20, 90, 30), 0.0, (0, 0, 90, 60)),  # cut: wider than the picture is high
        ((0, 0, 90, 60), 0.5, (0, 0, 90, 60)),
    ],
)
def test_square_box(box: tuple[int, ...], margin: float, expected: tuple[int, ...]) -> None:
    x0, y0, x1, y1 = box
    assert square_box((x0, y0, x1, y1), (60, 90), margin=margin) == expected


def test_it_embeds_the_cut(plain: AlphaCLIP, rgb: Tensor, alpha: Tensor) -> None:
    embeds = CropFocus(masked=False, margin=0.0).embed(plain, rgb, alpha)
    first = plain.encode_image(rgb[0, :, 10:40, 25:55])
    second = plain.encode_image(rgb[1, :, 20:60, 40:80])
    torch.testing.assert_close(embeds, torch.cat([first, second]), atol=1e-5, rtol=1e-5)


def test_masked_paints_the_rest_of_the_box(plain: AlphaCLIP, rgb: Tensor, alpha: Tensor) -> None:
    embeds = CropFocus(margin=0.0, colour="#ff0080").embed(plain, rgb, alpha)
    painted = torch.tensor([1.0, 0.0, 128 / 255])[:, None, None].repeat(1, 30, 30)
    painted[:, :, 5:25] = rgb[0, :, 10:40, 30:50]
    torch.testing.assert_close(embeds[:1], plain.encode_image(painted), atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("margin", [-0.1, math.inf, math.nan])
def test_impossible_settings(margin: float) -> None:
    with pytest.raises(ConfigError, match="margin: expected 0 or more"):
        CropFocus(margin=margin)
    with pytest.raises(ConfigError, match="colour: expected 'mean'"):
        CropFocus(colour="reddish")


def test_defaults_are_the_fields_baseline() -> None:
    assert CropFocus() == CropFocus(margin=0.1, masked=True, colour="mean")
