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


def test_a_scene_without_regions_is_the_whole_picture() -> None:
    scene = Scene(picture=Picture(rgb=torch.rand(3, 4, 6)))
    assert scene.regions == scene.negative_regions == () and scene.source is None


@pytest.mark.parametrize("role", ["regions", "negative_regions"])
def test_regions_have_their_pictures_size(role: str) -> None:
    picture = Picture(rgb=torch.rand(3, 4, 6))
    one: dict[str, Any] = {role: (region(4, 6),)}
    assert len(getattr(Scene(picture=picture, **one), role)) == 1
    other: dict[str, Any] = {role: (region(4, 6), region(6, 4))}
    with pytest.raises(InputError, match=r"A region of 4 x 6 on a picture of 6 x 4 \(width x height\)"):
        Scene(picture=picture, **other)
