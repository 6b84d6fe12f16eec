"""Regions are embedded one by one, weights aside."""

from types import ModuleType

import pytest
import torch
from torch.testing import assert_close

from gencontrol.alpha_clip.model import AlphaCLIP
from gencontrol.conditioning.each_region import embed_each_region, region_labels
from gencontrol.errors import InputError
from gencontrol.focus import CropFocus
from gencontrol.images.reading import read_image
from gencontrol.regions.geometry import Geometry
from gencontrol.regions.region import Region
from gencontrol.regions.scene import Scene


@pytest.fixture(scope="module")
def encoder(tiny: ModuleType) -> AlphaCLIP:
    return AlphaCLIP.from_clip(tiny.alpha_clip_model()).requires_grad_(False)


@pytest.fixture(scope="module")
def scene(tiny: ModuleType) -> Scene:
    left = Region(alpha=tiny.half_mask(60, 90), label="ball", weight=9.0)
    right = Region(alpha=tiny.half_mask(60, 90, side="right"))
    return Scene(picture=read_image(tiny.photo(60, 90)), regions=(left, right), negative_regions=(left,))


def test_one_row_for_each_region(encoder: AlphaCLIP, scene: Scene) -> None:
    alone = [encoder.encode_image(scene.picture, region.alpha) for region in scene.regions]
    assert_close(embed_each_region(encoder, scene), torch.cat(alone))
    assert region_labels(scene) == ("ball", "region 1")


def test_without_regions_one_row_of_the_whole_picture(encoder: AlphaCLIP, scene: Scene) -> None:
    whole = Scene(picture=scene.picture)
    assert_close(embed_each_region(encoder, whole), encoder.encode_image(scene.picture))
    assert region_labels(whole) == ("whole picture",)


def test_what_the_crop_leaves_out_is_refused(encoder: AlphaCLIP, scene: Scene) -> None:
    alpha = torch.zeros(60, 90)
    alpha[:, :5] = 1
    edge = Scene(picture=scene.picture, regions=(Region(alpha=alpha),))
    cropped = encoder.with_geometry(Geometry(size=64, fit="crop"))
    with pytest.raises(InputError, match="outside the centre crop"):
        embed_each_region(cropped, edge)
    assert embed_each_region(cropped, edge, focus=CropFocus()).shape == (1, 24)
