"""The circle goes around the part, in its colour and thickness."""

import math

import pytest
import torch
from torch import Tensor

from gencontrol.alpha_clip.model import AlphaCLIP
from gencontrol.errors import ConfigError
from gencontrol.focus import CircleFocus
from gencontrol.focus.circle import ellipse_alpha
from gencontrol.focus.pixels import whole
from gencontrol.regions.shapes import box_alpha


def test_ellipse_touches_the_sides_of_the_grown_box() -> None:
    line = ellipse_alpha((40, 30, 80, 50), (80, 120), thickness=3, margin=0.1)
    rows, columns = line.amax(dim=1).nonzero().flatten(), line.amax(dim=0).nonzero().flatten()
    # Semi-axes 24 and 12 around (60, 40); the line reaches 1.5 pixels and a soft edge further.
    assert abs(columns[0] - (60 - 24 - 1.5)) <= 1 and abs(columns[-1] + 1 - (60 + 24 + 1.5)) <= 1
    assert abs(rows[0] - (40 - 12 - 1.5)) <= 1 and abs(rows[-1] + 1 - (40 + 12 + 1.5)) <= 1
    assert line[40, 60] == 0 and line[0, 0] == 0


@pytest.mark.parametrize("box", [(40, 30, 80, 50), (20, 10, 100, 70), (50, 10, 70, 70)])
@pytest.mark.parametrize("thickness", [1, 3])
def test_line_has_its_thickness_all_around(box: tuple[int, int, int, int], thickness: int) -> None:
    x0, y0, x1, y1 = box
    line = ellipse_alpha((x0, y0, x1, y1), (80, 120), thickness=thickness, margin=0.0)
    a, b = (x1 - x0) / 2, (y1 - y0) / 2
    perimeter = math.pi * (3 * (a + b) - math.sqrt((3 * a + b) * (a + 3 * b)))  # Ramanujan
    assert line.sum().item() == pytest.approx(perimeter * thickness, rel=0.1)


def test_it_embeds_the_picture_with_the_line(plain: AlphaCLIP, rgb: Tensor, alpha: Tensor) -> None:
    line = ellipse_alpha((30, 10, 50, 40), (60, 90), thickness=3.0, margin=0.0)
    red = torch.tensor([1.0, 0.0, 0.0])[:, None, None]
    embeds = CircleFocus(thickness=0.05, margin=0.0).embed(plain, rgb, alpha)
    expected = plain.encode_image(rgb[0] * (1 - line) + red * line)
    torch.testing.assert_close(embeds[:1], expected, atol=1e-5, rtol=1e-5)


def test_a_part_of_one_pixel_gets_its_circle_too() -> None:
    line = ellipse_alpha((5, 5, 6, 6), (12, 12), thickness=1, margin=0.1)
    assert line.isfinite().all() and line.any()


def test_impossible_settings() -> None:
    with pytest.raises(ConfigError, match="thickness: expected above 0 and at most 1, got 0"):
        CircleFocus(thickness=0.0)
    with pytest.raises(ConfigError, match="margin: expected 0 or more and at most 100, got -1"):
        CircleFocus(margin=-1.0)
    with pytest.raises(ConfigError, match="colour: expected 'mean'"):
        CircleFocus(colour="reddish")


def test_the_line_is_a_fiftieth_of_the_short_side_and_at_least_a_pixel(plain: AlphaCLIP) -> None:
    assert CircleFocus() == CircleFocus(colour="red", thickness=0.02, margin=0.1)
    for side, thickness in ((200, 4.0), (30, 1.0)):
        box = (side // 3, side // 3, side // 2, side // 2)
        line = ellipse_alpha(box, (side, side), thickness=thickness, margin=0.1)
        expected = torch.stack([torch.ones_like(line), 1 - line, 1 - line])[None]
        part = box_alpha(box, (side, side))[None]
        view = CircleFocus().view(plain.processor, torch.ones(1, 3, side, side), part)
        torch.testing.assert_close(view, whole(plain.processor, expected))
