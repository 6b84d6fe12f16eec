"""Tar archives as webdataset and img2dataset write them: files of one name are one row, KEY.jpg, KEY.json, KEY.txt."""

import tarfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from gencontrol.engine.rows import Row, row_of
from gencontrol.engine.sources.pictures import SUFFIXES
from gencontrol.errors import InputError, reason_of
from gencontrol.text_files import check_regular, json_value

LARGEST = 2**28
"""Bytes of a member: above every photograph."""
_TEXTS = frozenset({".json", ".txt"})


class TarShards:
    """Rows of archives, each of which is a shard; nothing but a row is held."""

    def __init__(self, paths: Path):
        """List the archives.

        Args:
            paths: An archive, or a folder of them.

        Raises:
            InputError: Nothing there.
        """
        self._paths = sorted(paths.glob("*.tar")) if paths.is_dir() else [paths]
        for path in self._paths:
            check_regular(path, what="a tar archive", piped=False)
        if not self._paths:
            raise InputError(f"No tar archives in {paths}.")
        told = [[path.name, path.stat().st_size] for path in self._paths]
        self._facts = {"kind": "tar", "archives": told}

    @property
    def shards(self) -> int:
        """See `Source`."""
        return len(self._paths)

    @property
    def facts(self) -> Mapping[str, Any]:
        """See `Source`."""
        return self._facts

    def read(self, shard: int) -> Iterator[Row]:
        """See `Source`; an archive that ends early, or is none, gives one row that says so."""
        path = self._paths[shard]
        key, held = "", dict[str, bytes]()
        try:
            # As a stream: an index of millions of members would be held otherwise.
            with tarfile.open(path, "r|") as archive:
                for member in archive:
                    stem, suffix = _split(member.name)
                    if stem != key and held:
                        yield _row(key, held)
                    key, held = (key, held) if stem == key else (stem, {})
                    if member.isfile() and suffix in SUFFIXES | _TEXTS:
                        held[suffix] = _content(archive, member)
                end = archive.offset
            if held:
                yield _row(key, held)
            # Python reads one that was cut off as if it ended there; a whole one has an empty block behind its last.
            if path.stat().st_size < end + tarfile.BLOCKSIZE:
                yield Row(name=path.name, fault="the archive is broken: it ends early")
        except (tarfile.TarError, OSError, EOFError) as error:
            yield Row(name=path.name, fault=f"the archive is broken: {reason_of(error)}")


def _split(name: str) -> tuple[str, str]:
    """A member's key and its ending: everything behind the first dot of the file's name."""
    folder, slash, file = name.rpartition("/")
    stem, dot, suffix = file.partition(".")
    return f"{folder}{slash}{stem}", f"{dot}{suffix}".lower()


def _content(archive: tarfile.TarFile, member: tarfile.TarInfo) -> bytes:
    file = archive.extractfile(member)
    # What is larger is read no further, and refused as a picture that is cut off.
    return b"" if file is None else file.read(LARGEST)


def _row(key: str, held: Mapping[str, bytes]) -> Row:
    suffix = next((one for one in held if one in SUFFIXES), None)
    name = f"{key}{suffix or ''}"
    if suffix is None:
        return Row(name=name, fault="no picture of this name in the archive")
    try:
        values = json_value(held[".json"].decode("utf-8-sig")) if ".json" in held else {}
        text = held[".txt"].decode("utf-8-sig").strip() if ".txt" in held else ""
    except ValueError as error:
        return Row(name=name, fault=f"its .json or .txt cannot be read: {error}")
    if text and isinstance(values, dict) and not values.get("caption"):
        values = {**values, "caption": text}
    return row_of(values, name=name, picture=held[suffix])
