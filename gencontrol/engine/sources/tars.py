"""Tar archives as webdataset and img2dataset write them: files of one name are one row, KEY.jpg, KEY.json, KEY.txt."""

import tarfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
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
        key, held = "", _Held()
        try:
            # As a stream: an index of millions of members would be held otherwise.
            with tarfile.open(path, "r|") as archive:
                for member in archive:
                    stem, suffix = _split(member.name)
                    if stem != key:
                        yield from held.rows(key)
                        key, held = stem, _Held()
                    if member.isfile() and suffix in SUFFIXES | _TEXTS:
                        held.known[suffix] = _content(archive, member)
                    elif member.isfile():
                        held.others.append(suffix)
                end = archive.offset
            yield from held.rows(key)
            # Python reads one that was cut off as if it ended there; a whole one has an empty block behind its last.
            if path.stat().st_size < end + tarfile.BLOCKSIZE:
                yield Row(name=path.name, fault="the archive is broken: it ends early")
        except (tarfile.TarError, OSError, EOFError) as error:
            yield Row(name=path.name, fault=f"the archive is broken: {reason_of(error)}")


@dataclass(frozen=True, kw_only=True)
class _Held:
    """What an archive holds under one key."""

    known: dict[str, bytes] = field(default_factory=dict[str, bytes])
    """Pictures and texts, by their endings."""
    others: list[str] = field(default_factory=list[str])
    """Endings of what is not read: masks, classes, and pictures with a full stop in their names."""

    def rows(self, key: str) -> Iterator[Row]:
        """The row that they are; none of a key that holds nothing."""
        if self.known or self.others:
            yield _row(key, self.known, self.others)


def _split(name: str) -> tuple[str, str]:
    """A member's key and its ending: everything behind the first dot of the file's name."""
    folder, slash, file = name.rpartition("/")
    stem, dot, suffix = file.partition(".")
    return f"{folder}{slash}{stem}", f"{dot}{suffix}".lower()


def _content(archive: tarfile.TarFile, member: tarfile.TarInfo) -> bytes:
    file = archive.extractfile(member)
    # What is larger is read no further, and refused as a picture that is cut off.
    return b"" if file is None else file.read(LARGEST)


def _row(key: str, held: Mapping[str, bytes], others: Sequence[str]) -> Row:
    suffix = next((one for one in held if one in SUFFIXES), None)
    name = f"{key}{suffix or ''}"
    if suffix is None:
        more = f", but {', '.join(others[:3])} (names end at the first full stop)" if others else ""
        return Row(name=name, fault=f"no picture of this name in the archive{more}")
    try:
        values = json_value(held[".json"].decode("utf-8-sig")) if ".json" in held else {}
        text = held[".txt"].decode("utf-8-sig").strip() if ".txt" in held else ""
    except ValueError as error:
        return Row(name=name, fault=f"its .json or .txt cannot be read: {error}")
    if text and isinstance(values, dict) and not values.get("caption"):
        values = {**values, "caption": text}
    return row_of(values, name=name, picture=held[suffix])
