"""Outside the part everything is one colour."""

import pytest
import torch
from torch import Tensor

from gencontrol.alpha_clip.model import AlphaCLIP
from gencontrol.errors import ConfigError
from gencontrol.focus import BlankFocus
from gencontrol.focus.blank import blend


def test_blend() -> None:
    inside, outside = torch.rand(2, 3, 4, 5), torch.rand(2, 3, 4, 5)
    assert torch.equal(blend(inside, outside, torch.ones(2, 4, 5)), inside)
    assert torch.equal(blend(inside, outside, torch.zeros(2, 4, 5)), outside)
    torch.testing.assert_close(blend(inside, outside, torch.full((2, 4, 5), 0.25)), 0.25 * inside + 0.75 * outside)


@pytest.mark.parametrize(
    ("colour", "value"), [("black", (0, 0, 0)), ("#ffffff", (1, 1, 1)), ("#ff0080", (1, 0, 128 / 255))]
)
def test_it_embeds_the_painted_picture(
    colour: str, value: tuple[float, ...], plain: AlphaCLIP, rgb: Tensor, alpha: Tensor
) -> None:
    painted = torch.where(alpha[:, None] == 1, rgb, torch.tensor(value, dtype=torch.float32)[:, None, None])
    embeds = BlankFocus(colour=colour).embed(plain, rgb, alpha)
    torch.testing.assert_close(embeds, plain.encode_image(painted))


def test_the_mean_is_zero_to_the_tower(plain: AlphaCLIP, rgb: Tensor) -> None:
    nothing = torch.zeros_like(rgb[:, 0])
    mean = torch.tensor(plain.processor.image_mean[:3])[:, None, None].expand_as(rgb[0])
    torch.testing.assert_close(BlankFocus().embed(plain, rgb, nothing)[:1], plain.encode_image(mean))


def test_impossible_colour() -> None:
    with pytest.raises(ConfigError, match=r"colour: expected 'mean', '#rrggbb' or a colour's name.*got 'reddish'"):
        BlankFocus(colour="reddish")
