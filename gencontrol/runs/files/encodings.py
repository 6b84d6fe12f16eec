"""Pictures as bytes, each with the record of its making where its format has room for one."""

import copy
import io
import json
from collections.abc import Mapping
from typing import Any

from PIL import ExifTags, Image, PngImagePlugin

from gencontrol.runs.notices import ShareWarning, warn

KEY = "gencontrol"
"""Keyword of the PNG text chunk, which holds JSON; in EXIF, what the user comment begins with."""
ENCODINGS: Mapping[str, tuple[str, Mapping[str, Any]]] = {
    ".png": ("PNG", {}),
    ".jpg": ("JPEG", {"quality": 95, "subsampling": 0}),
    ".jpeg": ("JPEG", {"quality": 95, "subsampling": 0}),
    # Without `exact` the colours under full transparency are thrown away.
    ".webp": ("WEBP", {"lossless": True, "exact": True}),
}
"""Suffix -> Pillow's name of the format, and its settings."""
_ASCII = b"ASCII\0\0\0"
"""What an EXIF user comment begins with, by the standard."""
_LONGEST_EXIF = 60_000
"""Bytes: a JPEG's segment holds 65,533, and EXIF has a frame of its own."""


def encode(
    image: Image.Image, suffix: str, *, record: dict[str, Any] | None = None, exif: Image.Exif | None = None
) -> bytes:
    """A picture as the bytes of a file.

    Warns with a `ShareWarning` of a record that is too long for a JPEG, and is left out.

    Args:
        image: The picture.
        suffix: A key of `ENCODINGS`.
        record: What is written into it.
        exif: What else its EXIF says; where the record goes there too, in the place of a user's comment.
    """
    kind, settings = ENCODINGS[suffix.lower()]
    buffer, kept = io.BytesIO(), {"exif": exif} if exif else {}
    # In memory, for Pillow's own way into a file does not notice that half of a JPEG did not fit on the disk.
    if record is None:
        image.save(buffer, format=kind, **settings, **kept)
    elif kind == "PNG":
        image.save(buffer, format=kind, pnginfo=to_chunk(record), **settings, **kept)
    else:
        image.save(buffer, format=kind, **settings, **kept | _to_exif(record, is_short=kind == "JPEG", exif=exif))
    return buffer.getvalue()


def to_chunk(record: dict[str, Any]) -> PngImagePlugin.PngInfo:
    """The record as a PNG text chunk. Not compressed: Pillow refuses to read large compressed ones."""
    info = PngImagePlugin.PngInfo()
    info.add_itxt(KEY, json.dumps(record))
    return info


def _to_exif(record: dict[str, Any], *, is_short: bool, exif: Image.Exif | None) -> dict[str, Any]:
    comment = _comment(record)
    if is_short and len(comment) > _LONGEST_EXIF:
        warn(
            "a JPEG has no room for the record of so fine a mask, which is left out; PNG and WebP hold it.",
            ShareWarning,
        )
        return {}
    exif = copy.deepcopy(exif) if exif else Image.Exif()
    exif.get_ifd(ExifTags.IFD.Exif)[ExifTags.Base.UserComment] = _ASCII + comment
    return {"exif": exif}


def has_room(record: Mapping[str, Any], suffix: str) -> bool:
    """Whether a picture of that suffix, a key of `ENCODINGS`, can hold a record."""
    return ENCODINGS[suffix.lower()][0] != "JPEG" or len(_comment(record)) <= _LONGEST_EXIF


def _comment(record: Mapping[str, Any]) -> bytes:
    return f"{KEY}:{json.dumps(record)}".encode("ascii")


def comment_of(image: Image.Image) -> str | None:
    """The text of an EXIF user comment; None where there is none, or none that can be read."""
    comment = image.getexif().get_ifd(ExifTags.IFD.Exif).get(ExifTags.Base.UserComment)
    if isinstance(comment, str):
        return comment
    if not isinstance(comment, bytes):
        return None
    code, text = comment[:8], comment[8:]
    if code == b"UNICODE\0":
        # The byte order is the file's, which Pillow does not say; Latin letters have a zero byte first in one of them.
        order = "utf-16-be" if text[:1] == b"\0" else "utf-16-le"
        return text.decode(order, errors="replace")
    return text.decode("utf-8", errors="replace") if code in (_ASCII, bytes(8)) else None


def record_text(image: Image.Image) -> str | None:
    """The JSON of a record of ours, wherever the format keeps it; None if there is none."""
    text = image.info.get(KEY)
    if isinstance(text, str):
        return text
    comment = comment_of(image)
    return comment.removeprefix(f"{KEY}:") if comment is not None and comment.startswith(f"{KEY}:") else None
