"""Data sets of coloured squares: where things are, and what they are, is known."""

import io
import json
import tarfile
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

RED, GREEN, BLUE = (230, 20, 20), (20, 200, 20), (20, 20, 230)
SQUARES = ((RED, (4, 6, 20, 22)), (BLUE, (26, 20, 44, 36)))
"""Colours, and x0, y0, x1, y1."""


def picture(*squares: Any, size: tuple[int, int] = (40, 48)) -> Image.Image:
    """Squares on grey; size is (height, width)."""
    pixels = np.full((*size, 3), 128, np.uint8)
    for colour, (x0, y0, x1, y1) in squares or SQUARES:
        pixels[y0:y1, x0:x1] = colour
    return Image.fromarray(pixels)


def save_pictures(folder: Path, count: int = 5) -> Path:
    """Pictures with a red and a blue square."""
    folder.mkdir(parents=True, exist_ok=True)
    for number in range(count):
        picture().save(folder / f"{number}.png")
    return folder


def boxes() -> list[dict[str, Any]]:
    """What the squares are said to be."""
    return [{"phrase": "a cat", "box": [4, 6, 20, 22]}, {"phrase": "the dog", "box": [26, 20, 44, 36], "score": 0.5}]


def rows(count: int = 5) -> list[dict[str, Any]]:
    """Lines of a captions file."""
    return [{"file": f"{number}.png", "caption": "a cat and the dog", "boxes": boxes()} for number in range(count)]


def write_lines(path: Path, lines: list[Any]) -> Path:
    """As JSON, a line each; text as it is."""
    path.write_text("".join(f"{one if isinstance(one, str) else json.dumps(one)}\n" for one in lines), encoding="utf-8")
    return path


def content(image: Image.Image, encoding: str = "PNG") -> bytes:
    """A picture's file."""
    held = io.BytesIO()
    image.save(held, format=encoding)
    return held.getvalue()


def write_tar(path: Path, members: dict[str, bytes]) -> Path:
    """An archive of files, in their order."""
    with tarfile.open(path, "w") as archive:
        for name, held in members.items():
            about = tarfile.TarInfo(name)
            about.size = len(held)
            archive.addfile(about, io.BytesIO(held))
    return path


def hostile(folder: Path) -> dict[str, str]:
    """Pictures that cannot be used, and one in an odd mode that can; name -> what is said of it."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "cut.png").write_bytes(content(picture())[:60])
    (folder / "text.png").write_text("I am no picture.")
    picture(size=(1, 1)).save(folder / "one.png")
    picture().convert("CMYK").save(folder / "cmyk.jpg")
    bomb = bytearray(content(Image.new("1", (64, 64))))
    # The header alone says how large it is.
    bomb[16:24] = (60_000).to_bytes(4, "big") * 2
    import zlib

    bomb[29:33] = zlib.crc32(bytes(bomb[12:29])).to_bytes(4, "big")
    (folder / "bomb.png").write_bytes(bytes(bomb))
    return {
        "cut.png": "unreadable picture",
        "text.png": "unreadable picture",
        "one.png": "small picture",
        "cmyk.jpg": "",
        "bomb.png": "unreadable picture",
        "missing.png": "unreadable picture",
    }
