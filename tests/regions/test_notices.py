"""Users hear of lost context and of regions that the encoder will hardly see."""

import warnings

import pytest
import torch

from gencontrol.errors import InputError
from gencontrol.images.picture import Picture
from gencontrol.regions import Geometry, RegionWarning, check_seen, lost_context, seen_share, whole
from gencontrol.regions.notices import warn_lost_context
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
