"""Telling two models apart by their files, without reading their gigabytes."""

import hashlib
import mmap
import struct
import zipfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from gencontrol.files import sha256
from gencontrol.models.location import Location
from gencontrol.text_files import json_value

_SAMPLE = 256
"""Bytes at the beginning, in the middle and at the end of each tensor: training changes all of a tensor."""
_ZIPPED = frozenset({".bin", ".pt", ".pth", ".ckpt"})
"""Suffixes of torch's files, which are zip archives, and so hold a checksum of each tensor."""
_SETTINGS = ".json"
ONE_PASS = "one_pass"
"""Folder beside an encoder's weights, with what it embeds several regions at once with."""
_TENSORS = ".safetensors"
_INDEX = ".index.json"


def fingerprint(location: Location, file: str | None = None) -> str:
    """A digest that changes where the model is trained anew, or set in another way, and not where it is moved.

    Of a folder or a file it is of the settings, and of the tensors' names, shapes and some of their bytes; a single
    changed bit may pass unseen. Of a model on the hub it is the commit. The hub itself is never asked.

    Args:
        location: Where the model is.
        file: The one file of weights that counts; None is all that there are.

    Returns:
        Hexadecimal; "" where nothing is on this machine yet.
    """
    try:
        return _fingerprint(location, file)
    except OSError:
        # Whoever loads it says what is wrong.
        return ""


def weights_mark(location: Location) -> str:
    """What tells an encoder's weights from others', whatever its settings say.

    Args:
        location: Where it is.

    Returns:
        "KIND:DIGEST"; only marks of one kind can be compared. "" where nothing is on this machine yet.
    """
    place = Path(location.name)
    folder = place / location.subfolder
    try:
        if place.is_file():
            return f"file:{_digest({'': place})}"
        if folder.is_dir():
            # What is trained beside a tower leaves its embeddings what they were.
            own = {n: p for n, p in _files(folder) if p.suffix != _SETTINGS and not n.startswith(f"{ONE_PASS}/")}
            return f"folder:{_digest(own)}"
        commit = _fingerprint(location, None)
    except OSError:
        return ""
    return f"hub:{commit}/{location.subfolder}" if commit else ""


def _fingerprint(location: Location, file: str | None) -> str:
    place = Path(location.name)
    if place.is_file():
        return _digest({"": place})
    folder = place / location.subfolder
    if folder.is_dir():
        return _digest({file: folder / file} if file is not None else dict(_files(folder)))
    here = replace(location, local_files_only=True)
    for name in (file, "model_index.json", "config.json"):
        found = None if name is None else here.find(name)
        if found is not None and "snapshots" in found.parts:
            return found.parts[found.parts.index("snapshots") + 1]
    return ""


def _files(folder: Path) -> Iterator[tuple[str, Path]]:
    """The files that say what a saved model is, its components' in folders of their own."""
    for path in sorted([*folder.glob("*"), *folder.glob("*/*")]):
        if path.suffix in _ZIPPED | {_SETTINGS, _TENSORS} and path.is_file():
            yield path.relative_to(folder).as_posix(), path
    yield from sorted(_named_elsewhere(folder))


def _named_elsewhere(folder: Path) -> Iterator[tuple[str, Path]]:
    """Weights beside the folder that an index in it names, as `gencontrol assemble --once` stores them."""
    for index in folder.glob(f"*{_TENSORS}{_INDEX}"):
        try:
            named = {str(name) for name in json_value(index.read_bytes())["weight_map"].values()}
        except (ValueError, KeyError, TypeError, AttributeError):
            # Whoever loads it says what is wrong.
            continue
        yield from ((name, folder / name) for name in named if ".." in Path(name).parts and (folder / name).is_file())


def _digest(files: dict[str, Path]) -> str:
    told = hashlib.sha256()
    for name, path in files.items():
        told.update(f"{name}\0{_told(path)}\0".encode())
    return told.hexdigest()


def _told(path: Path) -> str:
    if path.suffix == _TENSORS:
        return _of_tensors(path)
    if zipfile.is_zipfile(path):
        with zipfile.ZipFile(path) as archive:
            return repr([(entry.filename, entry.file_size, entry.CRC) for entry in archive.infolist()])
    return sha256(path) if path.is_file() else ""


def _of_tensors(path: Path) -> str:
    """Of a safetensors file: its header, and samples of every tensor; of a broken one, all of it."""
    if not path.stat().st_size:
        return ""
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
        try:
            (length,) = struct.unpack_from("<Q", content)
            tensors = json_value(content[8 : 8 + length])
            spans = sorted(value["data_offsets"] for name, value in tensors.items() if name != "__metadata__")
        except (struct.error, ValueError, TypeError, KeyError, AttributeError):
            return sha256(path)
        told = hashlib.sha256(content[8 : 8 + length])
        for start, end in spans:
            for place in (start, (start + end) // 2, max(start, end - _SAMPLE)):
                told.update(content[8 + length + place : 8 + length + min(place + _SAMPLE, end)])
        return told.hexdigest()
