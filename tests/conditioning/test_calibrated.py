"""A curve of levels in an encoder's configuration: kept, saved, checked, and heeded."""

import copy
from dataclasses import replace
from pathlib import Path
from types import ModuleType

import pytest
import torch

from gencontrol.alpha_clip.model import GRADED, AlphaCLIP
from gencontrol.conditioning.calibrated import check_tower, curve_of, set_curve, tower_mark
from gencontrol.conditioning.each_region import embed_each_region
from gencontrol.conditioning.embed import alpha_maps, embed_regions, weighted_mean
from gencontrol.errors import InputError, PairingError
from gencontrol.focus import CropFocus
from gencontrol.images.reading import read_image
from gencontrol.regions import Geometry, Region, RegionWarning
from gencontrol.regions.curves import LevelsCurve, curved_maps, identity
from gencontrol.regions.scene import Scene

SIZE = (64, 80)
GEOMETRY = Geometry(size=64)
ONE_PASS = LevelsCurve(way="one-pass", levels=(0.0, 0.5, 1.0), values=(0.0, 0.2, 1.0))
PASSES = replace(ONE_PASS, way="passes")


@pytest.fixture
def encoder(tiny: ModuleType) -> AlphaCLIP:
    return AlphaCLIP.from_clip(tiny.alpha_clip_model()).requires_grad_(False)


def regions(tiny: ModuleType, *levels: float) -> tuple[Region, ...]:
    sides = ("left", "right")
    return tuple(Region(alpha=tiny.half_mask(*SIZE, side=s), level=a) for s, a in zip(sides, levels, strict=True))


def test_it_is_saved_with_the_encoder(encoder: AlphaCLIP, tmp_path: Path) -> None:
    assert curve_of(encoder.vision) is None
    set_curve(encoder.vision, ONE_PASS)
    encoder.save_pretrained(tmp_path / "saved")
    assert curve_of(AlphaCLIP.from_pretrained(tmp_path / "saved").vision) == ONE_PASS
    set_curve(encoder.vision, None)
    assert curve_of(encoder.vision) is None


def test_towers_are_told_apart_in_any_precision(encoder: AlphaCLIP, tiny: ModuleType) -> None:
    curve = replace(ONE_PASS, tower=tower_mark(encoder.vision))
    assert len(curve.tower) == 3
    half = AlphaCLIP.from_clip(encoder.vision, dtype=torch.bfloat16)
    for same in (encoder.vision, half.vision):
        check_tower(curve, same)
    for other in (tiny.vision_tower(channels=4, seed=3), AlphaCLIP.from_clip(tiny.clip()).vision):
        with pytest.raises(PairingError, match=r"fitted to another encoder: make one .* `gencontrol calibrate`"):
            set_curve(other, curve)
    with pytest.raises(PairingError, match="fitted to another encoder"):
        check_tower(replace(curve, tower=curve.tower[:2]), encoder.vision)
    # Nothing is known of weights that are elsewhere, nor of curves that say nothing.
    elsewhere = copy.deepcopy(encoder).to("meta")
    assert tower_mark(elsewhere.vision) == ()
    check_tower(curve, elsewhere.vision)
    check_tower(ONE_PASS, encoder.vision)


def test_a_configuration_that_holds_something_else(encoder: AlphaCLIP) -> None:
    encoder.vision.config.levels_curve = [1, 2]
    with pytest.raises(InputError, match=r"The encoder's config\.json: levels_curve: expected a curve"):
        curve_of(encoder.vision)


def test_one_pass_is_a_look_at_the_curved_map(encoder: AlphaCLIP, tiny: ModuleType) -> None:
    image, two = read_image(tiny.photo(*SIZE)), regions(tiny, 1.0, 0.5)
    apart = embed_regions(encoder, GEOMETRY, image, two).image_embeds
    set_curve(encoder.vision, ONE_PASS)
    expected = encoder.encode_image(image, torch.maximum(two[0].alpha, 0.2 * two[1].alpha))
    for levels in ((1.0, 0.5), (0.4, 0.2)):
        found = embed_regions(encoder, GEOMETRY, image, regions(tiny, *levels)).image_embeds
        torch.testing.assert_close(found, expected, atol=1e-5, rtol=1e-5)
    assert not torch.allclose(apart, expected, atol=1e-3)
    # Other ways of looking have no map, and this curve says nothing of mixtures.
    crops = [embed_regions(encoder, GEOMETRY, image, [r], focus=CropFocus()).image_embeds[0] for r in two]
    said = r"curve of levels does nothing: it was fitted for one look at all regions; give the focus alpha"
    with pytest.warns(RegionWarning, match=said):
        mixed = embed_regions(encoder, GEOMETRY, image, two, focus=CropFocus()).image_embeds[0]
    torch.testing.assert_close(mixed, weighted_mean(torch.stack(crops), torch.tensor([2.0, 1.0])))


def test_a_curve_of_the_other_way_is_told_of(encoder: AlphaCLIP, tiny: ModuleType) -> None:
    image, two = read_image(tiny.photo(*SIZE)), regions(tiny, 1.0, 1.0)
    set_curve(encoder.vision, PASSES)
    setattr(encoder.vision.config, GRADED, True)
    levelled = [replace(region, mixed_by="level") for region in two]
    with pytest.warns(
        RegionWarning, match="fitted for a look at each region, and this encoder looks once, at all; leave"
    ):
        embed_regions(encoder, GEOMETRY, image, levelled)
    # Where no levels are said, nothing is missing: warnings are errors here.
    embed_regions(encoder, GEOMETRY, image, two)
    embed_regions(encoder, GEOMETRY, image, levelled[:1])


def test_passes_are_mixed_by_the_curve(encoder: AlphaCLIP, tiny: ModuleType) -> None:
    image, two = read_image(tiny.photo(*SIZE)), regions(tiny, 1.0, 0.5)
    looks = torch.cat([embed_regions(encoder, GEOMETRY, image, [region]).image_embeds for region in two])
    set_curve(encoder.vision, PASSES)
    for levels in ((1.0, 0.5), (0.4, 0.2)):
        found = embed_regions(encoder, GEOMETRY, image, regions(tiny, *levels)).image_embeds[0]
        torch.testing.assert_close(found, weighted_mean(looks, torch.tensor([1.0, 0.2])), atol=1e-5, rtol=1e-5)


def test_maps_and_weights(tiny: ModuleType) -> None:
    two = regions(tiny, 1.0, 0.5)
    _, weights = alpha_maps(two, curve=PASSES)
    torch.testing.assert_close(weights, torch.tensor([5 / 6, 1 / 6], dtype=torch.float64))
    for curve in (None, ONE_PASS, identity("passes")):
        torch.testing.assert_close(alpha_maps(two, curve=curve)[1], torch.tensor([2 / 3, 1 / 3], dtype=torch.float64))
    maps, _ = alpha_maps(two, one_pass=True, curve=PASSES)
    assert torch.equal(maps, alpha_maps(two, one_pass=True)[0])
    heavy = (Region(alpha=0.25 * two[0].alpha + 0.5 * two[1].alpha, weight=2.0), two[0])
    maps, weights = alpha_maps([heavy[0], replace(two[0], level=1.0)], one_pass=True, curve=ONE_PASS)
    torch.testing.assert_close(maps[0], 0.2 * two[0].alpha + two[1].alpha)
    assert weights.tolist() == [2.0, 1.0]


def test_a_grey_mask_is_a_map_of_levels_then(encoder: AlphaCLIP, tiny: ModuleType) -> None:
    """No warning of grey; a faint mask by itself is all that is looked at."""
    set_curve(encoder.vision, ONE_PASS)
    image, (left, right) = read_image(tiny.photo(*SIZE)), regions(tiny, 1.0, 1.0)
    grey = Region(alpha=0.25 * left.alpha + 0.5 * right.alpha)
    expected = encoder.encode_image(image, 0.2 * left.alpha + right.alpha)
    found = embed_regions(encoder, GEOMETRY, image, [grey]).image_embeds
    torch.testing.assert_close(found, expected, atol=1e-5, rtol=1e-5)
    torch.testing.assert_close(curved_maps(grey.alpha[None], ONE_PASS)[0], 0.2 * left.alpha + right.alpha)
    each = embed_each_region(encoder, Scene(picture=image, regions=(grey,)))
    torch.testing.assert_close(each, expected, atol=1e-5, rtol=1e-5)
    crop = embed_each_region(encoder, Scene(picture=image, regions=(grey,)), focus=CropFocus())
    torch.testing.assert_close(crop, CropFocus().embed(encoder, image.rgb[None], grey.alpha[None]))
