"""A closer window: from the frame to the part's box, its pixels and its alpha, and what is outside."""

import math

import pytest
import torch
from torch import Tensor

from gencontrol.alpha_clip.model import AlphaCLIP
from gencontrol.errors import ConfigError, InputError
from gencontrol.focus import AlphaFocus, ZoomFocus, focus_strategy
from gencontrol.focus.zoom import window_between
from gencontrol.images.blur import gaussian_blur

FRAME, PART = (0, 0, 90, 60), (30, 10, 50, 40)


def test_it_embeds_colours_and_alpha_of_the_window(trained: AlphaCLIP, rgb: Tensor, alpha: Tensor) -> None:
    embeds = ZoomFocus(margin=0.0).embed(trained, rgb, alpha)
    first = trained.encode_image(rgb[0, :, 10:40, 25:55], alpha[0, 10:40, 25:55])
    second = trained.encode_image(rgb[1, :, 20:60, 40:80], alpha[1, 20:60, 40:80])
    torch.testing.assert_close(embeds, torch.cat([first, second]), atol=1e-5, rtol=1e-5)


def test_closeness_0_is_the_alpha_strategy(trained: AlphaCLIP, rgb: Tensor, alpha: Tensor) -> None:
    far = ZoomFocus(closeness=0.0).view(trained.processor, rgb, alpha)
    assert torch.equal(far, AlphaFocus().view(trained.processor, rgb, alpha))


@pytest.mark.parametrize(
    ("closeness", "expected"),
    [(0.0, FRAME), (1.0, PART), (0.5, (21, 6, 63, 48))],  # 42 = sqrt(90 * 20) = sqrt(60 * 30)
)
def test_windows_between(closeness: float, expected: tuple[int, ...]) -> None:
    assert window_between(FRAME, PART, closeness) == expected


@pytest.mark.parametrize("part", [(0, 0, 5, 5), (85, 55, 90, 60), (0, 20, 90, 30), (44, 0, 45, 60)])
def test_windows_stay_in_the_frame_hold_the_part_and_shrink(part: tuple[int, int, int, int]) -> None:
    before = FRAME
    for closeness in torch.linspace(0, 1, 21).tolist():
        x0, y0, x1, y1 = window_between(FRAME, part, closeness)
        assert 0 <= x0 <= part[0] and part[2] <= x1 <= 90 and 0 <= y0 <= part[1] and part[3] <= y1 <= 60
        assert x1 - x0 <= before[2] - before[0] and y1 - y0 <= before[3] - before[1]
        before = (x0, y0, x1, y1)
    assert before == part


def test_outside_is_painted_or_blurred_and_alpha_is_given(trained: AlphaCLIP, rgb: Tensor, alpha: Tensor) -> None:
    window, mask = rgb[0, :, 10:40, 25:55], alpha[0, 10:40, 25:55]
    painted = torch.tensor([1.0, 0.0, 128 / 255])[:, None, None].repeat(1, 30, 30)
    painted[:, :, 5:25] = window[:, :, 5:25]
    blank = ZoomFocus(margin=0.0, outside="blank", colour="#ff0080").embed(trained, rgb[:1], alpha[:1])
    torch.testing.assert_close(blank, trained.encode_image(painted, mask), atol=1e-5, rtol=1e-5)
    soft = gaussian_blur(window, 0.1 * 30)
    soft[:, :, 5:25] = window[:, :, 5:25]
    blurred = ZoomFocus(margin=0.0, outside="blur", sigma=0.1).embed(trained, rgb[:1], alpha[:1])
    torch.testing.assert_close(blurred, trained.encode_image(soft, mask), atol=1e-5, rtol=1e-5)


def test_gradients_reach_colour_and_alpha(trained: AlphaCLIP, rgb: Tensor, alpha: Tensor) -> None:
    colour, mask = rgb.clone().requires_grad_(), (0.2 + 0.6 * alpha).requires_grad_()
    ZoomFocus(outside="blank").embed(trained, colour, mask).sum().backward()
    assert colour.grad is not None and colour.grad[0, :, 10:40, 30:50].abs().sum() > 0
    assert mask.grad is not None and mask.grad[0, 10:40, 30:50].abs().sum() > 0


def test_defaults_and_names() -> None:
    assert ZoomFocus() == ZoomFocus(margin=0.25, closeness=1.0, outside="keep", colour="mean", sigma=0.2)
    assert focus_strategy("zoom", outside="blank", closeness=0.5) == ZoomFocus(outside="blank", closeness=0.5)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"margin": -0.1}, "margin: expected 0 or more and at most 100, got -0.1"),
        ({"sigma": math.nan}, "sigma: expected a finite number, got nan"),
        ({"sigma": 1e9}, "sigma: expected 0 or more and at most 100, got 1000000000"),
        ({"closeness": 1.1}, r"closeness: expected 0 \(the whole frame\) to 1 .* got 1.1"),
        ({"closeness": math.nan}, "closeness: expected a finite number, got nan"),
        ({"outside": "paint"}, "outside"),
        ({"colour": "reddish"}, "colour: expected 'mean'"),
    ],
)
def test_impossible_settings(changes: dict[str, object], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        focus_strategy("zoom", **changes)


def test_an_empty_region_is_refused(trained: AlphaCLIP, rgb: Tensor) -> None:
    with pytest.raises(InputError, match="region is empty"):
        ZoomFocus().embed(trained, rgb, torch.zeros_like(rgb[:, 0]))
