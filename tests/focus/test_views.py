"""Boxes around parts, fill colours, and pixels of a whole picture."""

import pytest
import torch
from torch import Tensor

from gencontrol.alpha_clip.model import AlphaCLIP
from gencontrol.errors import ConfigError, InputError
from gencontrol.focus.views import check_fill, fill_colour, part_box, pixels
from gencontrol.regions.shapes import box_alpha


def test_part_box() -> None:
    assert part_box(box_alpha((3, 2, 9, 7), (12, 14))) == (3, 2, 9, 7)
    assert part_box(torch.ones(5, 6)) == (0, 0, 6, 5)
    faint = 0.2 * box_alpha((3, 2, 9, 7), (12, 14)) + 0.05 * box_alpha((0, 0, 14, 12), (12, 14))
    assert part_box(faint) == (3, 2, 9, 7)
    with pytest.raises(InputError, match="region is empty"):
        part_box(torch.zeros(4, 4))


def test_fill_colour(plain: AlphaCLIP) -> None:
    like, processor = torch.zeros(1), plain.processor
    assert fill_colour("white", processor, like).flatten().tolist() == [1, 1, 1]
    torch.testing.assert_close(fill_colour("#ff8000", processor, like).flatten(), torch.tensor([1, 128 / 255, 0]))
    assert fill_colour("mean", plain.processor, like).flatten().tolist() == pytest.approx(
        plain.processor.image_mean[:3]
    )


def test_check_fill() -> None:
    check_fill("mean")
    check_fill("#123456")
    with pytest.raises(ConfigError, match="got '#12345z'"):
        check_fill("#12345z")


def test_pixels_look_everywhere_without_a_map(plain: AlphaCLIP, rgb: Tensor, alpha: Tensor) -> None:
    torch.testing.assert_close(pixels(plain, rgb), plain.preprocess(rgb))
    torch.testing.assert_close(pixels(plain, rgb, alpha), plain.preprocess(rgb, alpha))
