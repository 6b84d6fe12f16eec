"""The preview is the encoder's own view: same geometry, dimmed outside, outlined."""

import numpy as np
import pytest
import torch

from gencontrol.images.picture import Picture
from gencontrol.images.writing import to_pil
from gencontrol.regions import Geometry, fit_planes
from gencontrol.regions.geometry import Fit
from gencontrol.regions.preview import preview
from gencontrol.regions.shapes import box_alpha


@pytest.mark.parametrize("fit", ["pad", "squash", "crop"])
def test_preview_shows_the_encoders_pixels(fit: Fit) -> None:
    rgb = torch.rand(3, 20, 60, generator=torch.Generator().manual_seed(0))
    alpha = box_alpha((22, 0, 38, 20), (20, 60))
    geometry = Geometry(size=32, fit=fit)
    image = preview(Picture(rgb=rgb), alpha, geometry, readable=60)
    assert image.size == (64, 64) and image.mode == "RGB"
    shown = np.asarray(image)
    assert (shown[::2, ::2] == shown[1::2, 1::2]).mean() > 0.9  # two by two, but for the outline
    fitted, where = fit_planes(rgb, geometry), fit_planes(alpha[None], geometry)[0]
    inside, outside = where == 1, where == 0
    line = (shown[::2, ::2] == (255, 0, 153)).all(axis=-1) | (shown[1::2, 1::2] == (255, 0, 153)).all(axis=-1)
    assert inside.any() and outside.any() and line.any() and not line[inside].any()
    assert np.array_equal(shown[::2, ::2][inside], np.asarray(to_pil(fitted))[inside])
    dim = outside & ~torch.from_numpy(line)
    assert np.array_equal(shown[::2, ::2][dim], np.asarray(to_pil(fitted * 0.35))[dim])


def test_the_whole_image_has_no_outline_and_full_brightness() -> None:
    rgb = torch.rand(3, 48, 48, generator=torch.Generator().manual_seed(0))
    image = preview(rgb, torch.ones(48, 48), Geometry(size=48), readable=1)
    assert np.array_equal(np.asarray(image), np.asarray(to_pil(rgb)))


def test_soft_maps_are_dimmed_by_their_share_and_outlined_where_they_pass_a_half() -> None:
    alpha = torch.full((12, 12), 0.4)
    alpha[4:8, 3:9] = 0.6
    shown = np.asarray(preview(torch.ones(3, 12, 12), alpha, Geometry(size=12), readable=1))
    expected = np.full((12, 12, 3), round(255 * (0.35 + 0.65 * 0.4)), dtype=np.uint8)
    expected[3:9, 2:10] = (255, 0, 153)  # one pixel wide, outside of the part
    expected[4:8, 3:9] = round(255 * (0.35 + 0.65 * 0.6))
    assert np.array_equal(shown, expected)


@pytest.mark.parametrize(("size", "side"), [(224, 448), (100, 400), (384, 384), (400, 400)])
def test_previews_are_enlarged_by_whole_steps_to_384_pixels(size: int, side: int) -> None:
    assert preview(torch.ones(3, 4, 4), torch.ones(4, 4), Geometry(size=size)).size == (side, side)
