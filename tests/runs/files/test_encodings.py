"""Pictures as files that say how they were made."""

import io
from pathlib import Path

import numpy as np
import pytest
from PIL import ExifTags, Image

from gencontrol.errors import InputError
from gencontrol.runs.files.encodings import comment_of, encode, record_text
from gencontrol.runs.files.outputs import write_picture
from gencontrol.runs.files.records import describe, describe_sheet, is_result, read_record
from gencontrol.runs.notices import ShareWarning

RECORD = describe(settings={"steps": 3}, seed=7, image={"path": "Ähre\udcff.png", "sha256": "0"}, regions=[])


@pytest.fixture
def noise() -> Image.Image:
    return Image.effect_noise((40, 30), 60).convert("RGB")


@pytest.mark.parametrize("suffix", [".png", ".jpg", ".JPEG", ".webp"])
def test_every_encoding_gives_the_record_back(suffix: str, noise: Image.Image, tmp_path: Path) -> None:
    path = tmp_path / f"a{suffix}"
    assert write_picture(noise, path, record=RECORD)
    assert read_record(path) == RECORD and is_result(path)
    with Image.open(path) as image:
        difference = np.abs(np.asarray(image).astype(int) - np.asarray(noise)).max()
    assert difference <= (20 if "J" in suffix.upper() else 0)
    write_picture(noise, path)
    assert not is_result(path)
    with pytest.raises(InputError, match="holds no gencontrol record"):
        read_record(path)


@pytest.mark.parametrize("suffix", [".png", ".webp"])
def test_colours_under_full_transparency_stay(suffix: str, noise: Image.Image) -> None:
    """A part is removed from a cut-out, say: all else of it is to be as it was, to the bit."""
    noise.putalpha(0)
    assert Image.open(io.BytesIO(encode(noise, suffix))).tobytes() == noise.tobytes()


@pytest.mark.parametrize("suffix", [".png", ".jpg", ".webp"])
def test_a_sheet_says_that_it_is_one(suffix: str, noise: Image.Image, tmp_path: Path) -> None:
    path = tmp_path / f"a{suffix}"
    write_picture(noise, path, record=describe_sheet("grid"))
    assert is_result(path)
    with pytest.raises(InputError, match=r"is a sheet \(grid\): a run is repeated from one of its pictures"):
        read_record(path)


def test_a_record_that_a_jpeg_has_no_room_for(noise: Image.Image) -> None:
    long = RECORD | {"regions": ["x" * 70_000]}
    with pytest.warns(ShareWarning, match="a JPEG has no room for the record"):
        content = encode(noise, ".jpg", record=long)
    assert record_text(Image.open(io.BytesIO(content))) is None
    assert record_text(Image.open(io.BytesIO(encode(noise, ".webp", record=long)))) is not None


@pytest.mark.parametrize(
    ("comment", "text"),
    [
        (b"ASCII\0\0\0steps", "steps"),
        (b"UNICODE\0" + "Größe".encode("utf-16-be"), "Größe"),
        (b"UNICODE\0" + "Größe".encode("utf-16-le"), "Größe"),
        (bytes(8) + b"steps", "steps"),
        (b"JIS\0\0\0\0\0steps", None),
        (b"", None),
    ],
)
def test_comments_of_others(comment: bytes, text: str | None, noise: Image.Image) -> None:
    exif = Image.Exif()
    exif.get_ifd(ExifTags.IFD.Exif)[ExifTags.Base.UserComment] = comment
    buffer = io.BytesIO()
    noise.save(buffer, format="JPEG", exif=exif)
    image = Image.open(buffer)
    assert comment_of(image) == text and record_text(image) is None
