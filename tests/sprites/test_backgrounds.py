import math

import pytest
import torch

from gencontrol.sprites.backgrounds import (
    _FAMILIES,
    BACKGROUND_KINDS,
    _crop,
    _Source,
    _turned_coordinates,
    draw_backgrounds,
)
from gencontrol.sprites.store import CPU


@pytest.mark.parametrize("kind", range(len(BACKGROUND_KINDS)))
def test_every_kind_stays_in_range_and_varies_as_it_should(kind):
    drawn = draw_backgrounds([kind] * 6, 24, "train", torch.Generator().manual_seed(0))
    assert drawn.shape == (6, 3, 24, 24) and drawn.min() >= 0 and drawn.max() <= 1
    spread = drawn.flatten(2).std(-1).amax(-1)
    assert (spread == 0).all() if BACKGROUND_KINDS[kind] == "plain" else (spread > 0.001).all()
    assert not torch.equal(drawn[0], drawn[1])


def test_gradients_are_linear():
    drawn = draw_backgrounds([1] * 4, 16, "train", torch.Generator().manual_seed(0))
    assert drawn.diff(dim=-1).diff(dim=-1).abs().max() < 1e-5


def test_kinds_keep_their_rows():
    mixed = draw_backgrounds([3, 0, 3], 16, "train", torch.Generator().manual_seed(0))
    flat = mixed.flatten(2).std(-1).amax(-1) == 0
    assert flat.tolist() == [False, True, False]


@pytest.mark.parametrize(
    ("family", "value"),
    [
        ("stripes", math.sin(0.5)),
        ("checks", math.sin(0.5) * math.sin(1)),
        ("dots", math.cos(0.5) + math.cos(1) - 1),
        ("rings", math.sin(math.hypot(0.5, 1))),
        ("waves", math.sin(0.5 + 2 * math.sin(0.5))),
    ],
)
def test_families_of_textures(family, value):
    assert _FAMILIES[family](torch.tensor(0.5), torch.tensor(1.0)).item() == pytest.approx(value)


def test_coordinates_are_turned_each_by_its_own_angle():
    source = _Source(generator=torch.Generator().manual_seed(0), device=CPU)
    u, v = _turned_coordinates(50, 8, source)
    axis = (torch.arange(8) + 0.5) / 4 - 1
    assert torch.allclose(u.square() + v.square(), (axis.square() + axis.square()[:, None]).expand(50, 1, 8, 8))
    right, down = (u[:, 0, 0, -1] - u[:, 0, 0, 0]) / 1.75, (u[:, 0, -1, 0] - u[:, 0, 0, 0]) / 1.75
    # Turned, not mirrored, and all the way round.
    assert torch.allclose(right, (v[:, 0, -1, 0] - v[:, 0, 0, 0]) / 1.75, atol=1e-6)
    assert torch.atan2(down, right).sort().values.diff().max() < 0.6 and right.min() < -0.9 and right.max() > 0.9


@pytest.mark.parametrize(
    ("place", "top", "left", "side", "mirrored"),
    [((0.5, 0.2, 0.0, 0.5), 17, 92, 15, False), ((0.0, 1.0, 1.0, 0.49), 50, 0, 50, True)],
)
def test_a_crop_is_a_square_of_a_seventh_to_a_half_of_the_shorter_side(place, top, left, side, mirrored):
    photograph = torch.rand(3, 100, 200, generator=torch.Generator().manual_seed(0))
    part = photograph[:, top : top + side, left : left + side]
    assert torch.equal(_crop(photograph, side, *place), part.flip(-1) if mirrored else part)
    assert torch.allclose(_crop(photograph, 1, *place).flatten(), part.mean((1, 2)), atol=1e-5)


def test_noise_has_two_octaves_and_photographs_have_tints():
    generator = torch.Generator().manual_seed(0)
    noise, photographs = (draw_backgrounds([kind] * 60, 24, "train", generator) for kind in (2, 4))
    assert noise.diff(dim=-1).abs().mean() == pytest.approx(0.0185, rel=0.2)
    # Greyscale photographs show nothing but their tint between channels, 0.6 to 1.4.
    ratio = photographs.mean((2, 3))
    assert (ratio[:, 0] / ratio[:, 2]).min() < 0.6 and (ratio[:, 0] / ratio[:, 2]).max() > 1.5
