"""A picture as GLIP takes it."""

import numpy as np
import pytest
import torch
from PIL import Image

from gencontrol.images.picture import Picture
from gencontrol.images.reading import read_image
from gencontrol.proposals.glip.config import GLIP_T, GlipConfig
from gencontrol.proposals.glip.pixels import glip_pixels, scaled_size


@pytest.mark.parametrize(
    ("size", "scaled"),
    [
        ((480, 640), (800, 1066)),
        ((640, 480), (1066, 800)),
        ((300, 1000), (400, 1333)),
        ((1000, 300), (1333, 400)),
        ((50, 50), (800, 800)),
        ((600, 1000), (800, 1333)),
        ((600, 999), (800, 1332)),
        ((1, 5000), (1, 5000)),
    ],
)
def test_sizes(size: tuple[int, int], scaled: tuple[int, int]) -> None:
    assert scaled_size(size, GLIP_T) == scaled


def test_channels_are_blue_green_red_from_0_to_255() -> None:
    colours = torch.tensor([200, 100, 50], dtype=torch.uint8)[:, None, None].expand(3, 30, 40)
    pixels, size = glip_pixels(read_image(colours.clone()), GlipConfig(shorter_side=60, longer_side=100))
    assert size == (60, 80) and pixels.shape == (1, 3, 64, 96)
    wanted = [(50 - 103.53) / 57.375, (100 - 116.28) / 57.12, (200 - 123.675) / 58.395]
    assert torch.allclose(pixels[0, :, :60, :80], torch.tensor(wanted)[:, None, None].expand(3, 60, 80), atol=1e-5)
    assert not pixels[:, :, 60:].any() and not pixels[..., 80:].any()


def test_it_is_scaled_as_pillow_does() -> None:
    values = torch.randint(0, 256, (3, 37, 50), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    pixels, size = glip_pixels(read_image(values), GlipConfig(shorter_side=20, longer_side=100))
    image = Image.fromarray(values.permute(1, 2, 0).numpy()).resize((27, 20), Image.Resampling.BILINEAR)
    red = (np.asarray(image)[..., 0].astype(np.float32) - 123.675) / 58.395
    assert size == (20, 27) and np.allclose(pixels[0, 2, :20, :27].numpy(), red, atol=1e-5)


def test_alpha_plays_no_part() -> None:
    rgb, alpha = torch.rand(3, 8, 8), torch.rand(8, 8)
    config = GlipConfig(shorter_side=8, longer_side=100)
    seen, plain = (glip_pixels(picture, config)[0] for picture in (Picture(rgb=rgb, alpha=alpha), Picture(rgb=rgb)))
    assert torch.equal(seen, plain)
