"""One geometry for picture and alpha: against plain restatements, aligned, never premultiplied, differentiable."""

import itertools
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
import torchvision
from PIL import Image
from torch.nn import functional
from transformers import CLIPImageProcessor

from gencontrol.errors import ConfigError
from gencontrol.images.reading import read_image
from gencontrol.regions import Geometry, fit_planes
from gencontrol.regions.geometry import Fit, of_alpha

FITS: tuple[Fit, ...] = ("pad", "squash", "crop")
SIZES = [(48, 48), (37, 90), (90, 37), (200, 41), (9, 13)]


@pytest.mark.parametrize("antialias", [True, False])
@pytest.mark.parametrize("size", SIZES)
def test_pad_is_padding_to_a_square_and_resizing_that(size: tuple[int, int], antialias: bool) -> None:
    planes = torch.rand(2, 3, *size, generator=torch.Generator().manual_seed(0))
    side = max(size)
    top, left = ((side - n) // 2 for n in size)
    square = torch.full((2, 3, side, side), 0.3)
    square[..., top : top + size[0], left : left + size[1]] = planes
    expected = functional.interpolate(square, size=(32, 32), mode="bicubic", antialias=antialias).clamp(0, 1)
    fitted = fit_planes(planes, Geometry(size=32, antialias=antialias), fill=0.3)
    torch.testing.assert_close(fitted, expected, atol=1e-6, rtol=0)


@pytest.mark.parametrize("size", SIZES)
def test_crop_is_what_the_stock_processor_does(size: tuple[int, int]) -> None:
    # Mid-range values: the stock one rounds, and clamps overshoot, to 8-bit integers between its two passes.
    levels = np.random.default_rng(0).integers(80, 176, (*size, 3), dtype=np.uint8)
    stock = CLIPImageProcessor(size={"shortest_edge": 32}, crop_size={"height": 32, "width": 32}, do_normalize=False)
    expected = stock(Image.fromarray(levels), return_tensors="pt")["pixel_values"][0]
    fitted = fit_planes(read_image(levels).rgb, Geometry(size=32, fit="crop"))
    torch.testing.assert_close(fitted, expected, atol=1.5 / 255, rtol=0)


def test_squash_without_antialias_is_the_plain_resize() -> None:
    planes = torch.rand(3, 400, 90, generator=torch.Generator().manual_seed(0))
    plain = functional.interpolate(planes[None], size=(32, 32), mode="bicubic", antialias=False)[0].clamp(0, 1)
    smooth = fit_planes(planes, Geometry(size=32, fit="squash"))
    assert torch.equal(fit_planes(planes, Geometry(size=32, fit="squash", antialias=False)), plain)
    assert smooth.std() < 0.5 * plain.std()


def test_interpolation_is_the_named_one() -> None:
    planes = torch.rand(1, 8, 8, generator=torch.Generator().manual_seed(0))
    expected = functional.interpolate(planes[None], size=(32, 32), mode="bilinear", antialias=True)[0]
    fitted = fit_planes(planes, Geometry(size=32, interpolation="bilinear"))
    assert torch.equal(fitted, expected)


@pytest.mark.parametrize("fit", FITS)
def test_a_picture_of_the_right_size_is_not_touched(fit: Fit) -> None:
    planes = torch.rand(4, 32, 32)
    assert torch.equal(fit_planes(planes, Geometry(size=32, fit=fit)), planes)


@pytest.mark.parametrize("antialias", [True, False])
@pytest.mark.parametrize("fit", FITS)
def test_one_marked_pixel_lands_in_the_same_patch(fit: Fit, antialias: bool) -> None:
    """Image and alpha marked at one place peak in one patch of 8 x 8, wherever it is in a non-square picture."""
    geometry = Geometry(size=64, fit=fit, antialias=antialias)
    height, width = 30, 70
    for y, x in itertools.product((1, 11, 17, 28), (21, 30, 44, 49)):
        planes = torch.zeros(4, height, width)
        planes[:, y, x] = 1.0
        peaks = functional.max_pool2d(fit_planes(planes, geometry), 8).flatten(1).argmax(dim=1)
        assert len(set(peaks.tolist())) == 1
        assert int(peaks[0]) == expected_patch(fit, (y + 0.5, x + 0.5), (height, width))


def expected_patch(fit: Fit, point: tuple[float, float], size: tuple[int, int]) -> int:
    """Where the point goes by the geometry's definition: row-major patch of an 8 x 8 grid over 64 pixels."""
    (y, x), (height, width) = point, size
    if fit == "squash":
        rows, columns = y / height, x / width
    elif fit == "pad":
        rows, columns = (y + (width - height) / 2) / width, x / width
    else:
        rows, columns = y / height, (x - (width - height) / 2) / height
    return int(rows * 8) * 8 + int(columns * 8)


@pytest.mark.parametrize("fit", FITS)
def test_colour_is_never_premultiplied(fit: Fit) -> None:
    planes = torch.rand(4, 30, 70, generator=torch.Generator().manual_seed(0))
    planes[3] = 0
    geometry = Geometry(size=16, fit=fit)
    together = fit_planes(planes, geometry)
    apart = torch.stack([fit_planes(plane[None], geometry)[0] for plane in planes])
    assert torch.equal(together, apart)
    assert together[:3].mean() > 0.1 and not together[3].any()


def test_pad_is_black_with_alpha_zero_and_may_be_filled_otherwise() -> None:
    ones = torch.ones(4, 10, 40)
    dark, grey = fit_planes(ones, Geometry(size=40)), fit_planes(ones, Geometry(size=40), fill=0.25)
    assert not dark[:, :14].any() and (grey[:, :14] == 0.25).all()
    assert (dark[:, 17:23] == 1).all()


def test_leading_dimensions_are_independent() -> None:
    planes = torch.rand(2, 5, 3, 20, 30)
    fitted = fit_planes(planes, Geometry(size=16))
    assert fitted.shape == (2, 5, 3, 16, 16)
    torch.testing.assert_close(fitted[1, 4], fit_planes(planes[1, 4], Geometry(size=16)))


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32, torch.float64])
def test_dtypes(dtype: torch.dtype) -> None:
    planes = torch.rand(1, 20, 30).to(dtype)
    fitted = fit_planes(planes, Geometry(size=16))
    assert fitted.dtype == dtype
    tolerance = {torch.float16: 1e-3, torch.bfloat16: 4e-3}.get(dtype, 1e-6)
    exact = fit_planes(planes.double(), Geometry(size=16))
    torch.testing.assert_close(fitted.double(), exact, atol=tolerance, rtol=0)


@pytest.mark.parametrize("fit", FITS)
def test_gradient(fit: Fit) -> None:
    # Values well inside (0, 1), where the clamp is not active.
    planes = torch.rand(1, 2, 5, 9, dtype=torch.float64) * 0.4 + 0.3
    planes.requires_grad_()
    geometry = Geometry(size=6, fit=fit)
    assert torch.autograd.gradcheck(lambda p: fit_planes(p, geometry, fill=0.5), (planes,))


@pytest.mark.parametrize("fit", FITS)
def test_every_pixel_in_view_has_a_gradient(fit: Fit) -> None:
    planes = torch.full((1, 30, 30), 0.5, requires_grad=True)
    (gradient,) = torch.autograd.grad(fit_planes(planes, Geometry(size=20, fit=fit)).sum(), planes)
    assert (gradient > 0).all()


@pytest.mark.parametrize("level", [0.0, 1.0])
@pytest.mark.parametrize("fit", FITS)
def test_values_at_the_bounds_have_the_gradient_of_those_between(fit: Fit, level: float) -> None:
    # Resampling leaves ones a little above 1 or below it: rounding, which must not cost the gradient either.
    geometry = Geometry(size=20, fit=fit)
    gradients = []
    for value in (level, 0.5):
        planes = torch.full((1, 31, 45), value, requires_grad=True)
        gradients += torch.autograd.grad(fit_planes(planes, geometry, fill=value).sum(), planes)
    assert torch.equal(*gradients)


def test_a_hard_mask_has_a_gradient_everywhere_but_where_the_filter_rings() -> None:
    alpha = torch.zeros(1, 96, 96)
    alpha[:, 20:60, 20:60] = 1
    alpha.requires_grad_()
    (gradient,) = torch.autograd.grad(fit_planes(alpha, Geometry(size=64)).sum(), alpha)
    assert (gradient > 0).float().mean() > 0.95


@pytest.mark.parametrize("antialias", [True, False])
@pytest.mark.parametrize("fit", FITS)
@pytest.mark.parametrize("size", [(300, 47), (47, 300), (32, 90), (90, 32), (32, 32), (150, 150)])
def test_bytes_are_resized_as_floats_are(
    size: tuple[int, int], fit: Fit, antialias: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Strips of a few rows, so that there are several.
    monkeypatch.setattr("gencontrol.images.resampling._STRIP", 1000)
    levels = torch.randint(0, 256, (2, 3, *size), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    geometry = Geometry(size=32, fit=fit, antialias=antialias)
    fitted = fit_planes(levels, geometry, fill=0.25)
    assert fitted.dtype == torch.float32
    torch.testing.assert_close(fitted, fit_planes(levels.float() / 255, geometry, fill=0.25), atol=1e-6, rtol=0)


def test_the_default_is_the_view_that_the_published_encoders_were_trained_on() -> None:
    assert Geometry() == Geometry(size=224, fit="pad", antialias=True, interpolation="bicubic")


def test_impossible_settings(unchecked: Callable[..., Any]) -> None:
    with pytest.raises(ConfigError, match="size: expected a positive number of pixels, got 0"):
        Geometry(size=0)
    with pytest.raises(ConfigError, match="fit: expected one of pad, squash, crop, published, got 'stretch'"):
        unchecked(Geometry, size=1, fit="stretch", interpolation="bicubic")
    with pytest.raises(ConfigError, match="interpolation: expected one of bicubic, bilinear, got 'lanczos'"):
        unchecked(Geometry, size=1, fit="pad", interpolation="lanczos")


@pytest.mark.parametrize("size", [(50, 83), (83, 50), (64, 64), (40, 41), (97, 31)])
def test_published_is_what_the_authors_inference_code_does(size: tuple[int, int]) -> None:
    """Their `preprocess` and `mask_transform`, on tensors: a crop of the picture, and a squashed mask."""
    planes = torch.rand(4, *size, generator=torch.Generator().manual_seed(0))
    geometry = Geometry(size=24, fit="published")
    bicubic = torchvision.transforms.InterpolationMode.BICUBIC
    crop = torchvision.transforms.Compose(
        [torchvision.transforms.Resize(24, interpolation=bicubic), torchvision.transforms.CenterCrop(24)]
    )
    torch.testing.assert_close(fit_planes(planes[:3], geometry), crop(planes[:3]).clamp(0, 1), atol=1e-6, rtol=0)
    mask = torchvision.transforms.Resize((24, 24))(planes[3:])
    torch.testing.assert_close(fit_planes(planes[3:], of_alpha(geometry)), mask, atol=1e-6, rtol=0)
    # Elsewhere picture and mask go one way.
    for fit in FITS:
        assert of_alpha(Geometry(size=24, fit=fit, antialias=False)) == Geometry(size=24, fit=fit, antialias=False)
