"""Resampling: what torch makes of planes, of bytes the same to rounding, and of columns what torch should make."""

import pytest
import torch
from torch.nn import functional

from gencontrol.images.resampling import resize_planes


@pytest.mark.parametrize("antialias", [True, False])
@pytest.mark.parametrize("interpolation", ["bicubic", "bilinear"])
@pytest.mark.parametrize("size", [(7, 9), (50, 9), (7, 30), (50, 30)])
def test_floats_are_resized_as_torch_does_it(size: tuple[int, int], interpolation, antialias: bool) -> None:
    planes = torch.rand(2, 3, 20, 30, generator=torch.Generator().manual_seed(0))
    expected = functional.interpolate(planes, size=size, mode=interpolation, antialias=antialias)
    assert torch.equal(resize_planes(planes, size, interpolation=interpolation, antialias=antialias), expected)


def test_the_default_is_bilinear_and_smooth() -> None:
    planes = torch.rand(1, 1, 20, 30, generator=torch.Generator().manual_seed(0))
    expected = functional.interpolate(planes, size=(7, 9), mode="bilinear", antialias=True)
    assert torch.equal(resize_planes(planes, (7, 9)), expected)


@pytest.mark.parametrize("strip", [1, 500, 2**20])
@pytest.mark.parametrize("size", [(7, 9), (20, 9), (7, 30), (20, 30), (50, 40)])
def test_bytes_are_floats_strip_by_strip(size: tuple[int, int], strip: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gencontrol.images.resampling._STRIP", strip)
    levels = torch.randint(0, 256, (2, 3, 20, 30), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    resized = resize_planes(levels, size, interpolation="bicubic")
    expected = resize_planes(levels.float() / 255, size, interpolation="bicubic")
    torch.testing.assert_close(resized, expected, atol=1e-6, rtol=0)


@pytest.mark.parametrize("length", [30, 200])
def test_a_column_is_resized_as_the_same_row_is(length: int) -> None:
    column = torch.rand(1, 1, 90, 1, generator=torch.Generator().manual_seed(0))
    wide = resize_planes(column.expand(1, 1, 90, 8).contiguous(), (length, 8))
    torch.testing.assert_close(resize_planes(column, (length, 1)), wide[..., :1], atol=1e-6, rtol=0)
