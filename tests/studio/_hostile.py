"""Files that somebody sends who means no good."""

import io
import struct
import zlib

import numpy as np
from PIL import Image


def chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def bomb(side: int) -> bytes:
    """A PNG of some kilobytes that says it is `side` pixels wide and high."""
    head = chunk(b"IHDR", struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + head + chunk(b"IDAT", zlib.compress(b"\0" * 10_000)) + chunk(b"IEND", b"")


def png(size: tuple[int, int] = (40, 30)) -> bytes:
    held = io.BytesIO()
    Image.fromarray(np.random.default_rng(0).integers(0, 255, (*size[::-1], 3), np.uint8)).save(held, format="PNG")
    return held.getvalue()


HOSTILE = {
    "bomb.png": (bomb(60_000), "bomb.png is too large, or a decompression bomb"),
    "cut.png": (png()[:900], "cut.png is truncated or damaged"),
    "drawing.svg": (b"<svg xmlns='http://www.w3.org/2000/svg'><script>alert(1)</script></svg>", "expected a picture"),
    "drawing.png": (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "drawing.png is not an image"),
    "page.html": (b"<script>alert(1)</script>", "page.html: expected a picture whose name ends in .bmp"),
    "text.jpg": (b"hello", "text.jpg is not an image"),
    "array.npy": (b"\x93NUMPY", "array.npy: expected a picture"),
    "runs.json": (b"{}", "runs.json: expected a picture"),
    "empty.png": (b"", "empty.png is not an image"),
}
