"""The record of a picture with its regions."""

from typing import Any

import pytest
import torch

from gencontrol.errors import InputError
from gencontrol.images.picture import Picture
from gencontrol.regions.region import Region
from gencontrol.regions.scene import Scene


def region(height: int, width: int) -> Region:
    return Region(alpha=torch.ones(height, width))


def left_half(height: int, width: int) -> Region:
    alpha = torch.zeros(height, width)
    alpha[:, : width // 2] = 1
    return Region(alpha=alpha)


def test_a_scene_without_regions_is_the_whole_picture() -> None:
    scene = Scene(picture=Picture(rgb=torch.rand(3, 4, 6)))
    assert scene.regions == scene.negative_regions == () and scene.source is None


@pytest.mark.parametrize("role", ["regions", "negative_regions"])
def test_regions_have_their_pictures_size(role: str) -> None:
    picture = Picture(rgb=torch.rand(3, 4, 6))
    one: dict[str, Any] = {role: (left_half(4, 6),)}
    assert len(getattr(Scene(picture=picture, **one), role)) == 1
    other: dict[str, Any] = {role: (region(4, 6), region(6, 4))}
    with pytest.raises(InputError, match=r"A region of 4 x 6 on a picture of 6 x 4 \(width x height\)"):
        Scene(picture=picture, **other)


def test_what_is_looked_at_is_not_kept_away_from() -> None:
    picture = Picture(rgb=torch.rand(3, 4, 6))
    one = left_half(4, 6)
    other = Region(alpha=1 - one.alpha)
    assert Scene(picture=picture, regions=(one,), negative_regions=(other,)).negative_regions == (other,)
    assert Scene(picture=picture, negative_regions=(other,)).regions == ()
    assert Scene(picture=picture, regions=(region(4, 6),), negative_regions=(one,)).regions
    same: list[tuple[tuple[Region, ...], tuple[Region, ...]]] = [
        ((one,), (one,)),
        ((one, other), (region(4, 6),)),
        ((), (region(4, 6),)),
    ]
    for regions, negative in same:
        with pytest.raises(InputError, match="What to look at and what to keep away from are the same pixels"):
            Scene(picture=picture, regions=regions, negative_regions=negative)
