"""A folder of pictures, and a file with a line in JSON for each: its name, and what it shows."""

import hashlib
import itertools
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from gencontrol.engine.rows import Row, row_of
from gencontrol.errors import InputError
from gencontrol.text_files import check_regular, json_value

LONGEST = 2**20
"""Bytes of a line: a caption and some hundred boxes are a hundredth of that."""
_FILE = ("file", "image", "file_name")
"""What the picture's name may be called."""
_FIRST = 20
"""Lines, one of which at least must be a row: a file of rows may begin with broken ones, but hardly with so many."""


class CaptionsFile:
    """Rows of a captions file; only where its shards begin is kept, however long it is."""

    def __init__(self, path: Path, pictures: Path, *, shard: int):
        """Look the file through once.

        Args:
            path: The file.
            pictures: The folder that names are relative to.
            shard: Lines of a shard.

        Raises:
            InputError: No such file, no line in it, or none of its first lines is a row.
        """
        check_regular(path, what="a file of captions", piped=False)
        if not pictures.is_dir():
            raise InputError(f"{pictures} is no folder; expected that of the pictures which {path} names.")
        self.path = path
        self.pictures = pictures
        self.shard = shard
        self._starts: list[int] = []
        digest, count = hashlib.sha256(), 0
        with path.open("rb") as file:
            for place, _ in _lines(file, digest.update):
                if count % shard == 0:
                    self._starts.append(place)
                count += 1
        if not count:
            raise InputError(f"{path} is empty; expected one JSON object a line with file and caption.")
        self._check_first()
        self._facts = {"kind": "captions", "pictures": count, "sha256": digest.hexdigest()}

    @property
    def shards(self) -> int:
        """See `Source`."""
        return len(self._starts)

    @property
    def facts(self) -> Mapping[str, Any]:
        """See `Source`."""
        return self._facts

    def read(self, shard: int) -> Iterator[Row]:
        """See `Source`."""
        first, count = shard * self.shard, 0
        with self.path.open("rb") as file:
            file.seek(self._starts[shard])
            for _, line in itertools.islice(_lines(file), self.shard):
                count += 1
                yield self._row(line, first + count)

    def _check_first(self) -> None:
        """Refuse another kind of file, a table in CSV for one, of which every line would be told of as a broken row."""
        with self.path.open("rb") as file:
            first = [line for _, line in itertools.islice(_lines(file), _FIRST)]
        rows = [self._row(line, number) for number, line in enumerate(first, start=1)]
        if all(row.picture is None for row in rows):
            raise InputError(
                f"{self.path}: expected one JSON object a line with file and caption, one list of such objects, or "
                f"COCO's captions; the first of {len(rows)} broken lines: {rows[0].fault}."
            )

    def _row(self, line: bytes, number: int) -> Row:
        where = f"{self.path.name}, row {number}"
        if len(line) > LONGEST:
            return Row(name=where, fault=f"longer than {LONGEST:,} bytes")
        try:
            values: Any = json_value(line.decode("utf-8-sig"))
        except ValueError as error:
            return Row(name=where, fault=f"not JSON in UTF-8: {error}")
        return row_in(values, where=where, pictures=self.pictures)


def named_in(values: Any) -> str | None:
    """The picture that a row names; None where it names none."""
    named = next((values[key] for key in _FILE if values.get(key)), None) if isinstance(values, dict) else None
    return named if isinstance(named, str) else None


def row_in(values: Any, *, where: str, pictures: Path) -> Row:
    """The row that an object with `file` (or `image`, `file_name`) and `caption` is.

    Args:
        values: What was read.
        where: What the row is called where it names no picture.
        pictures: The folder that its name is relative to.

    Returns:
        With its fault where the values are none such.
    """
    named = named_in(values)
    if named is None:
        return Row(name=where, fault=f"expected an object with file and caption, got {str(values)[:60]}")
    return row_of(values, name=named, picture=pictures / named)


def _lines(file: Any, told: Callable[[bytes], Any] = len) -> Iterator[tuple[int, bytes]]:
    """Where each line begins, and the line, less those that are blank; of one that is longer than any may be, so much
    that it is seen to be, so that none fills the memory.

    Args:
        file: Open, at the beginning of a line.
        told: Is given all that is read, piece by piece; unless given, nobody is.
    """
    place = file.tell()
    while line := file.readline(LONGEST + 2):
        piece, size = line, 0
        while piece:
            told(piece)
            size += len(piece)
            piece = b"" if piece.endswith(b"\n") else file.readline(LONGEST + 2)
        if line.strip() or size > LONGEST:
            yield place, line
        place += size
