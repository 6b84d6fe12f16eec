"""Backgrounds: kinds, blur, compositing."""

import pytest
import torch

from gencontrol.errors import ConfigError
from gencontrol.guidance.backgrounds import BACKGROUNDS, check_kinds, composite, random_backgrounds


def draw(kinds, *, count: int = 3, blur: float = 0.0, seed: int = 0):
    generator = torch.Generator().manual_seed(seed)
    return random_backgrounds(count, (20, 24), kinds, blur=blur, generator=generator)


@pytest.mark.parametrize("kind", BACKGROUNDS)
def test_every_kind_fills_the_range_and_repeats_with_its_seed(kind) -> None:
    first = draw((kind,), blur=0.1)
    assert first.shape == (3, 3, 20, 24)
    assert first.min() >= 0 and first.max() <= 1
    assert torch.equal(first, draw((kind,), blur=0.1))


def test_a_kind_that_there_is_not_is_refused() -> None:
    check_kinds(BACKGROUNDS)
    with pytest.raises(ConfigError, match="There is no background 'sold'; did you mean 'solid'"):
        check_kinds(("black", "sold"))


def test_solid_is_one_colour_and_a_checker_two() -> None:
    solid, checker = draw(("solid",), count=1)[0], draw(("checker",), count=1)[0]
    assert len(solid.flatten(1).T.unique(dim=0)) == 1
    assert len(checker.flatten(1).T.unique(dim=0)) == 2
    assert len(draw(("noise",), count=1)[0].flatten(1).T.unique(dim=0)) == 20 * 24


def test_black_and_white_are_exact() -> None:
    assert draw(("black",)).max() == 0
    assert draw(("white",)).min() == 1


def test_texture_is_smoother_than_noise() -> None:
    def roughness(kind) -> float:
        picture = draw((kind,), count=8)
        return float(picture.diff(dim=-1).square().mean() / picture.var())

    assert roughness("texture") < 0.5 * roughness("noise")


def test_composite_shows_the_background_where_nothing_is() -> None:
    colour = torch.tensor([0.2, 0.0]).reshape(1, 1, 1, 2).expand(1, 3, 1, 2)
    opacity = torch.tensor([0.25, 0.0]).reshape(1, 1, 1, 2)
    over = composite(colour, opacity, torch.full((1, 3, 1, 2), 0.8))
    assert over[0, 0, 0].tolist() == pytest.approx([0.2 + 0.75 * 0.8, 0.8])
