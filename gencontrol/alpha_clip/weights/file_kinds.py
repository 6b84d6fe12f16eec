"""What a file is, judged by its first bytes and not by its name: downloads fail, and files are renamed."""

import zipfile
from collections.abc import Mapping
from pathlib import Path

_SIGNATURES: Mapping[bytes, str] = {
    b"\x89PNG": "a PNG picture",
    b"\xff\xd8\xff": "a JPEG picture",
    b"GIF8": "a GIF picture",
    b"RIFF": "a WebP picture or another RIFF file",
    b"%PDF": "a PDF document",
    b"\x1f\x8b": "a gzip archive: unpack it first",
    b"\xfd7zXZ": "an xz archive: unpack it first",
    b"7z\xbc\xaf": "a 7z archive: unpack it first",
    b"\x93NUMPY": "a numpy array",
    b"\x89HDF": "an HDF5 file",
    b"GGUF": "a GGUF file",
}
_LOOKED_AT = 2048


def is_safetensors(path: Path) -> bool:
    """Whether it begins as a safetensors file does: the length of a header in JSON, and that header."""
    with path.open("rb") as file:
        start = file.read(9)
    return len(start) == 9 and start[8:] == b"{" and 2 <= int.from_bytes(start[:8], "little") <= path.stat().st_size - 8


def foreign_kind(path: Path) -> str:
    """A noun phrase for a file that holds no weights; nothing for one that may."""
    with path.open("rb") as file:
        start = file.read(_LOOKED_AT)
    if not start:
        return "an empty file"
    for signature, kind in _SIGNATURES.items():
        if start.startswith(signature):
            return kind
    if zipfile.is_zipfile(path):
        with zipfile.ZipFile(path) as archive:
            names = archive.namelist()
        return "" if any(name.endswith("data.pkl") for name in names) else "a zip archive with none of torch's files"
    return _text_kind(start)


def _text_kind(start: bytes) -> str:
    # A pickle begins with a byte that no text does.
    if start.startswith(b"\x80") or b"\0" in start:
        return ""
    text = start.decode("utf-8", errors="ignore").lstrip("\ufeff \t\r\n").lower()
    if text.startswith("version https://git-lfs"):
        return "a pointer of git-lfs, in the place of the file: `git lfs pull` fetches that"
    if text.startswith(("<!doctype", "<html", "<?xml", "<head")):
        return "a web page: the download failed, or asked for a login"
    if text.startswith(("{", "[")):
        return "JSON text, such as a server's answer: the download failed"
    if text and all(letter.isprintable() or letter.isspace() for letter in text):
        return "a text file"
    return ""
