"""Embedded colour profiles bring pictures to sRGB, as a formula says; one that is broken or does not fit is left."""

import struct
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image, ImageCms

from gencontrol.images.profiles import to_srgb
from gencontrol.images.reading import read_image

# Primaries of sRGB as profiles hold them, adapted to D50: so that only the curve differs, and the formula is short.
COLUMNS = {"rXYZ": (0.4361, 0.2225, 0.0139), "gXYZ": (0.3851, 0.7169, 0.0971), "bXYZ": (0.1431, 0.0606, 0.7141)}
WHITE = (0.9642, 1.0, 0.8249)


def profile(space: str, *, gamma: float = 1.0, name: str = "Test") -> bytes:
    """An ICC profile of version 2 (ICC.1:2001-04): of colours with the primaries of sRGB, or of grey."""

    def fixed(numbers: tuple[float, ...]) -> bytes:
        return b"XYZ \0\0\0\0" + b"".join(struct.pack(">i", round(n * 65536)) for n in numbers)

    curve = b"curv\0\0\0\0" + struct.pack(">IH", 1, round(gamma * 256)) + b"\0\0"
    text = name.encode() + b"\0"
    described = b"desc\0\0\0\0" + struct.pack(">I", len(text)) + text + b"\0" * 78
    tags = {"desc": described + b"\0" * (-len(described) % 4), "wtpt": fixed(WHITE)}
    if space == "RGB ":
        tags |= {key: fixed(column) for key, column in COLUMNS.items()} | dict.fromkeys(("rTRC", "gTRC", "bTRC"), curve)
    else:
        tags["kTRC"] = curve
    table, body, start = struct.pack(">I", len(tags)), b"", 128 + 4 + 12 * len(tags)
    for key, content in tags.items():
        table += key.encode() + struct.pack(">II", start + len(body), len(content))
        body += content
    head = struct.pack(">I4sI4s4s4s", start + len(body), b"\0" * 4, 0x02400000, b"mntr", space.encode(), b"XYZ ")
    head += b"\0" * 12 + b"acsp" + b"\0" * 28 + b"".join(struct.pack(">i", round(n * 65536)) for n in WHITE)
    return head.ljust(128, b"\0") + table + body


def encoded(linear: torch.Tensor) -> torch.Tensor:
    """IEC 61966-2-1."""
    return torch.where(linear <= 0.0031308, 12.92 * linear, 1.055 * linear.clamp(min=1e-9) ** (1 / 2.4) - 0.055)


LEVELS = np.random.default_rng(0).integers(0, 256, (6, 8, 4), dtype=np.uint8)


@pytest.mark.parametrize("mode", ["RGB", "RGBA", "L", "LA"])
def test_a_picture_with_linear_colours_is_brought_to_srgb(mode: str, tmp_path: Path) -> None:
    image = Image.fromarray(LEVELS).convert("LA" if mode == "L" else mode)
    image = image.getchannel("L") if mode == "L" else image
    stored = read_image(image)
    image.save(tmp_path / "linear.png", icc_profile=profile("GRAY" if mode[0] == "L" else "RGB "))
    picture = read_image(tmp_path / "linear.png")
    torch.testing.assert_close(picture.rgb, encoded(stored.rgb), atol=2 / 255, rtol=0)
    assert (picture.alpha is None) == (stored.alpha is None)
    if picture.alpha is not None and stored.alpha is not None:
        assert torch.equal(picture.alpha, stored.alpha)


def test_a_palette_is_converted_by_its_colours(tmp_path: Path) -> None:
    image = Image.fromarray(LEVELS[..., :3]).quantize(16)
    image.save(tmp_path / "palette.png", icc_profile=profile("RGB "))
    expected = encoded(read_image(image).rgb)
    torch.testing.assert_close(read_image(tmp_path / "palette.png").rgb, expected, atol=2 / 255, rtol=0)


def test_a_profile_that_is_cut_leaves_grey_as_it_is() -> None:
    grey = Image.fromarray(LEVELS[..., 0])
    grey.info["icc_profile"] = profile("GRAY")[:-8]
    assert np.array_equal(np.asarray(to_srgb(grey)), LEVELS[..., 0])


@pytest.mark.parametrize(
    "content",
    [
        b"no profile",
        profile("RGB ")[:300],
        profile("GRAY"),
        profile("RGB ", name="sRGB IEC61966-2.1"),
        ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes(),
        b"",
    ],
    ids=["broken", "cut", "of another kind", "sRGB by name", "sRGB", "empty"],
)
def test_colours_are_left_where_no_profile_says_otherwise(content: bytes) -> None:
    image = Image.fromarray(LEVELS[..., :3])
    plain = read_image(image).rgb
    image.info["icc_profile"] = content
    assert np.array_equal(np.asarray(to_srgb(image)), np.asarray(image)) and torch.equal(read_image(image).rgb, plain)


def test_ink_without_a_profile_that_fits_is_converted_as_pillow_does(tmp_path: Path) -> None:
    ink = Image.fromarray(LEVELS[..., :3]).convert("CMYK")
    expected = read_image(ink.convert("RGB")).rgb
    assert torch.equal(read_image(ink).rgb, expected)
    ink.info["icc_profile"] = profile("RGB ")
    assert torch.equal(read_image(ink).rgb, expected)
