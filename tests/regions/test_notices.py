"""Users hear of lost context and of regions that the encoder will hardly see."""

import re
import warnings

import pytest
import torch

from gencontrol.errors import InputError
from gencontrol.images.picture import Picture
from gencontrol.regions import Geometry, RegionWarning, check_seen, lost_context, seen_share, whole
from gencontrol.regions.notices import warn_lost_context, warn_of_grey, warn_small
from gencontrol.regions.shapes import box_alpha

CROP = Geometry(size=32, fit="crop")


def cut_out(background: float) -> Picture:
    alpha = box_alpha((4, 4, 12, 12), (16, 16))
    rgb = torch.rand(3, 16, 16, generator=torch.Generator().manual_seed(0))
    return Picture(rgb=torch.where(alpha > 0, rgb, background), alpha=alpha)


@pytest.mark.parametrize(("level", "name"), [(0.0, "black"), (1.0, "white")])
def test_a_cut_out_without_colour_left_is_told(level: float, name: str) -> None:
    message = lost_context(cut_out(level))
    assert message is not None and f"plain {name}" in message and "original picture" in message
    with pytest.warns(RegionWarning, match=f"plain {name}"):
        warn_lost_context(cut_out(level))


def test_context_that_is_there_is_not_complained_of() -> None:
    with_context = Picture(rgb=torch.rand(3, 16, 16), alpha=box_alpha((4, 4, 12, 12), (16, 16)))
    plain_background = cut_out(0.4)
    opaque = Picture(rgb=torch.zeros(3, 4, 4), alpha=torch.ones(4, 4))
    for picture in (with_context, plain_background, opaque, Picture(rgb=torch.zeros(3, 4, 4))):
        assert lost_context(picture) is None
        warn_lost_context(picture)


def test_seen_share() -> None:
    alpha = box_alpha((20, 10, 60, 20), (40, 80))  # the crop sees x from 20 to 60
    assert seen_share(alpha, CROP) == pytest.approx(1, abs=0.01)
    half = box_alpha((0, 10, 40, 20), (40, 80))
    assert seen_share(half, CROP) == pytest.approx(0.5, abs=0.01)
    assert seen_share(half, Geometry(size=32)) == 1
    assert seen_share(whole((40, 80)).alpha, CROP) == pytest.approx(0.5, abs=0.01)


def test_regions_out_of_view() -> None:
    with pytest.raises(InputError, match="outside the centre crop that the encoder sees; use the fit 'pad'"):
        check_seen(box_alpha((0, 0, 15, 40), (40, 80)), CROP)
    with pytest.warns(RegionWarning, match="centre crop cuts off 50% of the region"):
        check_seen(box_alpha((0, 10, 40, 20), (40, 80)), CROP)


def test_regions_too_small_to_see() -> None:
    with pytest.warns(RegionWarning, match="smaller than a pixel of the encoder's 32 x 32 view"):
        check_seen(box_alpha((100, 100, 103, 103), (640, 640)), Geometry(size=32))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        check_seen(box_alpha((100, 100, 140, 140), (640, 640)), Geometry(size=32))
        check_seen(0.1 * box_alpha((100, 100, 140, 140), (640, 640)), Geometry(size=32))


@pytest.mark.parametrize(("share", "told"), [(0.995, True), (0.95, False)])
def test_a_little_colour_left_is_context(share: float, told: bool) -> None:
    rgb, alpha = torch.zeros(3, 40, 50), torch.zeros(40, 50)
    rgb.view(3, -1)[:, round(share * 2000) :] = 0.5
    assert (lost_context(Picture(rgb=rgb, alpha=alpha)) is not None) == told


@pytest.mark.parametrize(("start", "told"), [(14, True), (17, True), (19, False), (20, False)])
def test_a_region_is_cut_where_less_than_nine_tenths_are_seen(start: int, told: bool) -> None:
    # The crop sees x from 20 to 60 of a region that is twenty wide: 0.7, 0.85, 0.95 and all of it.
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        check_seen(box_alpha((start, 10, start + 20, 30), (40, 80)), CROP)
    assert ["crop cuts off" in str(warning.message) for warning in caught] == [True] * told


def test_a_sliver_in_view_is_enough_to_be_used() -> None:
    with pytest.warns(RegionWarning, match="cuts off 9[0-9]%"):
        check_seen(box_alpha((0, 10, 21, 30), (40, 80)), CROP)


@pytest.mark.parametrize(("side", "told"), [(4, True), (8, True), (12, False)])
def test_a_region_of_a_quarter_of_a_pixel_is_just_seen(side: int, told: bool) -> None:
    # One of the view's pixels covers 20 x 20: these cover 4 %, 16 % and 36 % of one.
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        start = 210 - side // 2
        check_seen(box_alpha((start, start, start + side, start + side), (640, 640)), Geometry(size=32, fit="squash"))
    assert ["smaller than a pixel" in str(warning.message) for warning in caught] == [True] * told


@pytest.mark.parametrize(("long", "warned"), [(15, True), (16, False)])
def test_a_part_that_is_small_in_its_picture_is_told_of(long: int, warned: bool) -> None:
    alpha = torch.zeros(40, 60)
    alpha[10 : 10 + long, 20:24] = 0.4
    alpha[0, 0] = 0.1  # less than half of the most, so no part of it
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        warn_small(alpha)
        warn_small(alpha.T)
    assert len(caught) == 2 * warned
    assert all(f"{long} pixels long" in str(w.message) and w.category is RegionWarning for w in caught)


def test_one_pixel_is_one() -> None:
    with pytest.warns(RegionWarning, match="^The region is 1 pixel long in its picture"):
        warn_small(box_alpha((3, 4, 4, 5), (40, 60)))


def test_of_an_empty_map_nothing_is_seen() -> None:
    assert seen_share(torch.zeros(40, 80), CROP) == 0
    assert seen_share(torch.zeros(40, 80), Geometry(size=32, fit="pad")) == 1


@pytest.mark.parametrize(("level", "told"), [(0.89, True), (0.5, True), (0.91, False)])
def test_grey_is_told_of(level: float, told: bool) -> None:
    alphas = torch.zeros(2, 20, 20)
    alphas[0, :5] = 1.0
    alphas[1, 5:10] = level
    with warnings.catch_warnings(record=True) as seen:
        warnings.simplefilter("always")
        warn_of_grey(alphas)
    assert [bool(re.search("mostly grey, and this encoder was not trained on grey", str(w.message))) for w in seen] == (
        [True] if told else []
    )


def test_soft_edges_are_no_levels() -> None:
    alphas = torch.full((1, 20, 20), 0.5)
    alphas[0, :2] = 1.0
    warn_of_grey(alphas)
    alphas[0, :1] = 0.5
    with pytest.warns(RegionWarning, match="mostly grey"):
        warn_of_grey(alphas)
