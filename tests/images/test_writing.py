"""Pictures are written with the colours under their transparent pixels, whole or not at all."""

import resource
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from gencontrol.errors import InputError, OutputError
from gencontrol.images.picture import Picture
from gencontrol.images.reading import read_image
from gencontrol.images.writing import save_image, to_pil

LEVELS = np.array([[0, 64, 128, 255], [10, 20, 30, 40]], dtype=np.uint8)


def rgba(height: int = 6, width: int = 8) -> np.ndarray:
    """Random colours, the left half fully transparent."""
    levels = np.random.default_rng(0).integers(0, 256, (height, width, 4), dtype=np.uint8)
    levels[..., 3] = 255
    levels[:, : width // 2, 3] = 0
    return levels


def test_transparent_colours_survive_reading_and_writing(tmp_path: Path) -> None:
    path = tmp_path / "cut.png"
    save_image(Image.fromarray(rgba()), path)
    picture = read_image(path)
    assert picture.alpha is not None and picture.size == (6, 8)
    assert torch.equal(picture.rgb, torch.from_numpy(rgba()[..., :3]).permute(2, 0, 1) / 255)
    assert torch.equal(picture.alpha, torch.from_numpy(rgba()[..., 3]) / 255)
    assert np.array_equal(np.asarray(to_pil(picture)), rgba())


def test_to_pil_rounds_and_takes_an_alpha() -> None:
    rgb = torch.full((3, 2, 2), 0.5)
    assert np.asarray(to_pil(rgb)).tolist() == [[[128, 128, 128]] * 2] * 2
    assert to_pil(rgb).mode == "RGB"
    masked = to_pil(Picture(rgb=rgb, alpha=torch.ones(2, 2)), torch.zeros(2, 2))
    assert masked.mode == "RGBA" and np.asarray(masked)[0, 0].tolist() == [128, 128, 128, 0]


def test_alpha_is_written_as_png_only(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="written as PNG only"):
        save_image(Image.fromarray(rgba()), tmp_path / "cut.webp")
    with pytest.raises(InputError, match=r"unknown image format '\.xyz'"):
        save_image(Image.fromarray(LEVELS), tmp_path / "x.xyz")
    save_image(Image.fromarray(LEVELS), tmp_path / "sub" / "grey.jpg")
    assert [p.name for p in tmp_path.iterdir()] == ["sub"]


@pytest.mark.parametrize("name", ["a.jpg", "a.JPEG", "a.png", "a.webp", "a.tiff", "a.bmp"])
def test_nothing_is_left_of_what_a_full_disk_did_not_take(name: str, tmp_path: Path) -> None:
    """Files of this process may have 900 bytes; Pillow says nothing where half of a JPEG does not fit."""
    noise = Image.fromarray(np.random.default_rng(0).integers(0, 256, (32, 32, 3), dtype=np.uint8))
    save_image(noise, tmp_path / name)
    before = (tmp_path / name).read_bytes()
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (900, limits[1]))
    try:
        with pytest.raises(OutputError, match=rf"{name} cannot be written: "):
            save_image(noise.rotate(90), tmp_path / name)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert [(path.name, path.read_bytes()) for path in tmp_path.iterdir()] == [(name, before)]


def test_what_overshoots_is_cut_and_not_turned_round() -> None:
    rgb = torch.tensor([-0.5, 1.4, 1.004])[:, None, None].expand(3, 2, 2)
    assert np.asarray(to_pil(rgb)).tolist() == [[[0, 255, 255]] * 2] * 2


def test_what_no_format_has_room_for(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"mode F and 2 x 3 pixels cannot be written so .*; make it RGB, or use \.png"):
        save_image(Image.new("F", (2, 3)), tmp_path / "a.png")
    with pytest.raises(InputError, match="cannot be written so"):
        save_image(Image.new("RGB", (70000, 1)), tmp_path / "a.jpg")
    with pytest.raises(InputError, match="cannot be written so"):
        save_image(Image.new("RGB", (2, 3)), tmp_path / "a.fits")
    assert not list(tmp_path.iterdir())


def test_no_level_stands_for_nan() -> None:
    rgb, nan = torch.rand(3, 4, 5), float("nan")
    with pytest.raises(InputError, match="The picture holds NaN"):
        to_pil(rgb * nan)
    with pytest.raises(InputError, match="The alpha map holds NaN"):
        to_pil(rgb, torch.full((4, 5), nan))
    with pytest.raises(InputError, match=r"alpha map of the picture's size, got 4 x 5 and 5 x 4 \(width x height\)"):
        to_pil(Picture(rgb=rgb), torch.ones(5, 4))
    with pytest.raises(InputError, match=r"to_pil: .* do not go together: h differs"):
        to_pil(rgb, torch.ones(5, 4))
