from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from gencontrol.alpha_clip.inputs import pair_up
from gencontrol.errors import InputError
from gencontrol.images.picture import unit_planes

RGB = torch.rand(3, 6, 8, generator=torch.Generator().manual_seed(0))
MAPS = torch.rand(2, 6, 8, generator=torch.Generator().manual_seed(1))


@pytest.mark.parametrize(
    ("image", "alpha", "counts"),
    [
        (RGB, None, [1]),
        (RGB, MAPS[0], [1]),
        (RGB, MAPS, [2]),
        (RGB, [MAPS[0], MAPS], [3]),
        ([RGB, RGB], None, [1, 1]),
        ([RGB, RGB], MAPS[0], [1, 1]),
        ([RGB, RGB], MAPS, [1, 1]),
        ([RGB, RGB], [MAPS, None], [2, 1]),
        (torch.stack([RGB, RGB]), MAPS, [1, 1]),
        (torch.stack([RGB, RGB]), MAPS[None].expand(2, -1, -1, -1), [2, 2]),
        (RGB[None], MAPS[None], [2]),
        ((RGB,), (MAPS,), [2]),
    ],
)
def test_every_form_becomes_images_with_their_maps(image: Any, alpha: Any, counts: list[int]) -> None:
    pairs = pair_up(image, alpha)
    assert [len(p.alphas) for p in pairs] == counts
    for pair in pairs:
        torch.testing.assert_close(pair.rgb, RGB)
        assert pair.alphas.shape[1:] == (6, 8)


def test_no_map_is_the_whole_image_even_of_a_transparent_picture() -> None:
    levels = np.zeros((6, 8, 4), dtype=np.uint8)
    levels[..., 0] = 255
    [pair] = pair_up(Image.fromarray(levels), None)
    assert torch.equal(pair.alphas, torch.ones(1, 6, 8))
    assert unit_planes(pair.rgb)[0].eq(1).all()


def test_maps_keep_their_order_and_values() -> None:
    pairs = pair_up([RGB, RGB], MAPS)
    assert torch.equal(pairs[0].alphas[0], MAPS[0]) and torch.equal(pairs[1].alphas[0], MAPS[1])


def test_maps_of_other_kinds(tmp_path: Path) -> None:
    mask = MAPS[0] > 0.5
    levels = (mask * 255).to(torch.uint8).numpy()
    Image.fromarray(levels).save(tmp_path / "mask.png")
    for alpha in (mask, mask.numpy(), mask.double(), levels, Image.fromarray(levels), tmp_path / "mask.png"):
        [pair] = pair_up(RGB, alpha)
        assert torch.equal(pair.alphas[0], mask.float())


def test_images_of_other_kinds(tiny: ModuleType, tmp_path: Path) -> None:
    photo = tiny.photo(6, 8)
    photo.save(tmp_path / "photo.png")
    expected = torch.from_numpy(np.array(photo)).permute(2, 0, 1) / 255
    for image in (photo, np.array(photo), tmp_path / "photo.png", str(tmp_path / "photo.png"), expected):
        [pair] = pair_up(image, MAPS[0])
        torch.testing.assert_close(unit_planes(pair.rgb), expected)


def test_half_precision_is_resampled_in_float32() -> None:
    [pair] = pair_up(RGB.half(), MAPS[0].bfloat16())
    assert pair.rgb.dtype == pair.alphas.dtype == torch.float32


def test_gradients_pass_through() -> None:
    rgb, alpha = RGB.clone().requires_grad_(), MAPS[0].clone().requires_grad_()
    [pair] = pair_up(rgb, alpha)
    (pair.rgb.sum() + pair.alphas.sum()).backward()
    assert rgb.grad is not None and alpha.grad is not None


def test_what_is_optimised_may_begin_with_nothing() -> None:
    assert not pair_up(RGB, torch.zeros(6, 8, requires_grad=True))[0].alphas.any()


@pytest.mark.parametrize(
    ("image", "alpha", "message"),
    [
        (RGB, torch.zeros(6, 8), "^The alpha map is empty: no pixel is marked. White"),
        (RGB, [MAPS[0], np.zeros((6, 8))], "^The alpha map is empty"),
        (RGB, torch.stack([MAPS[0], torch.zeros(6, 8)]), "^The alpha map is empty"),
        (RGB, torch.zeros(6, 8, dtype=torch.bool), "^The alpha map is empty"),
        ([], None, "No image to encode"),
        ([RGB, RGB], MAPS[:1], "1 alpha maps for 2 images"),
        ([RGB, RGB], "mask.png", "One mask for 2 images"),
        ([RGB, RGB], 0.5, "One mask for 2 images"),
        (RGB, MAPS[0].T, r"alpha map is 6 x 8 but the image is 8 x 6 \(width x height\)"),
        (RGB, MAPS[None], r"\(h, w\) or \(k, h, w\); got \(1, 2, 6, 8\)"),
        (RGB, MAPS[:0], "No alpha map"),
        (RGB, [], "No alpha map"),
        (RGB, MAPS[0] * 255, r"The alpha map: expected values in \[0, 1\].*divide by 255"),
        (RGB, MAPS[0] * torch.nan, "NaN"),
        (RGB * 2, None, r"expected values in \[0, 1\]"),
        (Path("nowhere.png"), None, "No image file at nowhere.png"),
    ],
)
def test_errors(image: Any, alpha: Any, message: str) -> None:
    with pytest.raises(InputError, match=message):
        pair_up(image, alpha)
