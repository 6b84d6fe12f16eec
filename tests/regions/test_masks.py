"""Masks and alpha channels give the alpha map they should, and each mistake its own message."""

import warnings
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from gencontrol.errors import InputError
from gencontrol.images.picture import Picture
from gencontrol.images.writing import save_image, to_pil
from gencontrol.regions import (
    RegionWarning,
    from_image_alpha,
    from_mask,
)

SIZE = (6, 8)
HALF = np.repeat(np.array([[255] * 4 + [0] * 4], dtype=np.uint8), 6, axis=0)


def half() -> torch.Tensor:
    return torch.from_numpy(HALF / 255).float()


def test_mask_file_white_is_look_here(tmp_path: Path) -> None:
    Image.fromarray(HALF).save(tmp_path / "mask.png")
    region = from_mask(tmp_path / "mask.png", size=SIZE, weight=2.0, label="left")
    assert torch.equal(region.alpha, half())
    assert (region.weight, region.label) == (2.0, "left")


def test_mask_grey_is_kept_and_threshold_makes_it_hard() -> None:
    grey = np.linspace(0, 1, 48, dtype=np.float32).reshape(SIZE)
    assert torch.equal(from_mask(grey, size=SIZE).alpha, torch.from_numpy(grey))
    hard = from_mask(grey, size=SIZE, threshold=0.5).alpha
    assert torch.equal(hard, torch.from_numpy(grey >= 0.5).float())


def test_mask_opaque_is_look_here_whatever_its_colour() -> None:
    black_paint = Picture(rgb=torch.zeros(3, *SIZE), alpha=half())
    assert torch.equal(from_mask(to_pil(black_paint), size=SIZE).alpha, half())


@pytest.mark.parametrize("opacity", [0.2, 1.0])
def test_mask_with_constant_alpha_is_read_by_brightness(opacity: float) -> None:
    mask = Picture(rgb=half().expand(3, -1, -1), alpha=torch.full(SIZE, opacity))
    assert torch.equal(from_mask(mask, size=SIZE).alpha, half())


def test_mask_of_bools_and_tensors() -> None:
    assert torch.equal(from_mask(HALF > 0, size=SIZE).alpha, half())
    assert torch.equal(from_mask(half()[None], size=SIZE).alpha, half())


def test_mask_as_jpeg_with_traces_of_colour_is_grey(tmp_path: Path) -> None:
    Image.fromarray(HALF.repeat(8, 0).repeat(8, 1)).convert("RGB").save(tmp_path / "mask.jpg", quality=90)
    alpha = from_mask(tmp_path / "mask.jpg", size=(48, 64), threshold=0.5).alpha
    assert torch.equal(alpha, half().repeat_interleave(8, 0).repeat_interleave(8, 1))


def test_mask_empty() -> None:
    with pytest.raises(InputError, match="Region 'cat' is empty: no pixel is marked"):
        from_mask(np.zeros(SIZE, dtype=np.uint8), size=SIZE, label="cat")
    with pytest.raises(InputError, match=r"largest value 0\.4 is below the threshold 0\.5"):
        from_mask(np.full(SIZE, 0.4), size=SIZE, threshold=0.5)
    with pytest.raises(InputError, match="Expected a threshold above 0 and at most 1, got 2"):
        from_mask(np.full(SIZE, 0.4), size=SIZE, threshold=2)


def test_mask_of_another_size() -> None:
    with pytest.raises(
        InputError, match=r"mask is 4 x 3 but the image is 8 x 6 \(width x height\); was one .*`resize`"
    ):
        from_mask(np.ones((3, 4)), size=SIZE)
    with pytest.raises(InputError, match="are width and height swapped, or a photo's rotation lost"):
        from_mask(np.ones((8, 6)), size=SIZE)
    with pytest.warns(RegionWarning, match="mask is 4 x 3 but the image is 8 x 6 .* it was stretched"):
        region = from_mask(np.array([[1.0, 1, 0, 0]] * 3), size=SIZE, resize=True)
    assert region.size == SIZE and (region.alpha[:, :3] == 1).all() and (region.alpha[:, 5:] == 0).all()


def test_mask_with_nan() -> None:
    with pytest.raises(InputError, match="NaN"):
        from_mask(np.full(SIZE, np.nan), size=SIZE)


def test_mask_unreadable(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="No image file at"):
        from_mask(tmp_path / "none.png", size=SIZE)


def test_mask_in_colour() -> None:
    red = np.zeros((*SIZE, 3), dtype=np.uint8)
    red[:, :4, 0] = 255
    with pytest.raises(InputError, match=r"mask has colours; expected grey.*use `from_index_mask`"):
        from_mask(red, size=SIZE)


def test_mask_of_zeros_and_ones_of_255_is_told_from_an_empty_one() -> None:
    with pytest.raises(InputError, match=r"largest value is 1 of 255.*save it as 0 and 255"):
        from_mask(HALF // 255, size=SIZE)
    with pytest.warns(RegionWarning, match=r"mask is faint: its largest value is 0\.0196"):
        from_mask(HALF // 255 * 5, size=SIZE)


@pytest.mark.parametrize("largest", [1, 255])
def test_8_bits_stored_as_16_are_called_so(largest: int, tmp_path: Path) -> None:
    levels = np.zeros((8, 8), dtype=np.uint16)
    levels[2:4] = largest
    Image.fromarray(levels).save(tmp_path / "deep.png")
    for source in (levels, tmp_path / "deep.png"):
        with pytest.raises(InputError, match=rf"value is {largest} of 65535, .* looks like 8 bits stored as 16"):
            from_mask(source, size=(8, 8))
    with pytest.raises(InputError, match=r"largest value is 0\.357 of 255"):
        from_mask(np.full((8, 8), 0.0014), size=(8, 8))


def test_image_alpha(tmp_path: Path) -> None:
    picture = Picture(rgb=torch.rand(3, *SIZE), alpha=half())
    save_image(to_pil(picture), tmp_path / "cut.png")
    assert torch.equal(from_image_alpha(tmp_path / "cut.png").alpha, half())


@pytest.mark.parametrize(("opaque", "told"), [(48, True), (47, False)])
def test_an_alpha_channel_that_leaves_nothing_out_is_told(opaque: int, told: bool) -> None:
    alpha = (torch.arange(48) < opaque).float().view(SIZE)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        from_image_alpha(Picture(rgb=torch.rand(3, *SIZE), alpha=alpha))
    message = "The alpha channel marks the whole picture: no part of it is wholly transparent."
    assert [str(warning.message) for warning in caught] == [message] * told


def test_image_alpha_is_missing() -> None:
    with pytest.raises(InputError, match="no alpha channel to look through; give a mask"):
        from_image_alpha(np.ones((*SIZE, 3)))


def test_image_alpha_fully_transparent() -> None:
    with pytest.raises(InputError, match="is empty"):
        from_image_alpha(Picture(rgb=torch.rand(3, *SIZE), alpha=torch.zeros(SIZE)))


def test_image_alpha_of_a_cut_out_without_colour_left() -> None:
    with pytest.warns(RegionWarning, match="transparent part of the picture is plain black.*no context to keep"):
        from_image_alpha(Picture(rgb=torch.rand(3, *SIZE) * half(), alpha=half()))


@pytest.mark.parametrize(("spread", "grey"), [(12, True), (13, False)])
def test_traces_of_colour_are_grey_up_to_twelve_levels(spread: int, grey: bool) -> None:
    levels = np.full((*SIZE, 3), 200, dtype=np.uint8)
    levels[0] = 0
    levels[1:, :, 2] += spread
    if grey:
        assert (from_mask(levels, size=SIZE).alpha[1:] == 200 / 255).all()
    else:
        with pytest.raises(InputError, match="mask has colours"):
            from_mask(levels, size=SIZE)


def test_a_mask_is_faint_below_a_tenth() -> None:
    from_mask(HALF / 255 * 0.1001, size=SIZE)
    with pytest.warns(RegionWarning, match=r"largest value is 0\.0999"):
        from_mask(np.full(SIZE, 0.0999), size=SIZE)
    with pytest.warns(RegionWarning, match=r"largest value is 0\.00784"):
        from_mask(np.full(SIZE, 2, dtype=np.uint8), size=SIZE)


def test_a_mask_that_is_made_smaller_keeps_the_share_of_what_is_marked() -> None:
    stripes = np.tile(np.array([1.0, 0.0, 0.0]), (60, 30))[:, :80]
    with pytest.warns(RegionWarning, match="stretched"):
        alpha = from_mask(stripes, size=SIZE, resize=True).alpha
    torch.testing.assert_close(alpha, torch.full(SIZE, 1 / 3), atol=0.05, rtol=0)
