"""Tables in parquet: GRIT's, whose pictures lie beside them, and those that hold their pictures."""

import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from gencontrol.engine.rows import EXPRESSIONS, Row, row_of
from gencontrol.engine.sources.pictures import SUFFIXES
from gencontrol.errors import InputError, MissingDependencyError, reason_of
from gencontrol.text_files import check_regular

SUFFIX = ".parquet"
"""Ending of a table's name."""
PICTURES = ("image", "jpg", "jpeg", "png", "webp", "file", "file_name", "image_path", "key")
"""Columns that a picture may be in, the first of which that holds anything counts: its bytes, those in a struct of
`bytes` and `path` as `datasets` writes it, or its name, relative to the table; of a name without an ending, as GRIT's
keys are, all endings of pictures are tried."""
CAPTIONS = ("caption", "text", "txt")
"""Columns that a caption may be in."""
_AT_ONCE = 16
"""Rows that are there at one time."""


class ParquetShards:
    """Rows of tables, of which each group of rows is a shard; a few rows are held."""

    def __init__(self, paths: Path):
        """List the tables and their groups.

        Args:
            paths: A table, or a folder of them.

        Raises:
            InputError: Nothing there.
            MissingDependencyError: pyarrow is not installed.
        """
        self._tables = _tables()
        found = sorted(paths.glob(f"*{SUFFIX}")) if paths.is_dir() else [paths]
        if not found:
            raise InputError(f"No {SUFFIX} files in {paths}.")
        self._groups: list[tuple[Path, int]] = []
        told = []
        for path in found:
            check_regular(path, what="a parquet table", piped=False)
            count = self._count(path)
            self._groups += [(path, number) for number in range(count)]
            told.append([path.name, path.stat().st_size, count])
        self._facts = {"kind": "parquet", "tables": told}

    @property
    def shards(self) -> int:
        """See `Source`."""
        return len(self._groups)

    @property
    def facts(self) -> Mapping[str, Any]:
        """See `Source`."""
        return self._facts

    def read(self, shard: int) -> Iterator[Row]:
        """See `Source`; a table that is broken gives one row that says so."""
        path, group = self._groups[shard]
        number = 0
        try:
            with self._tables.ParquetFile(path) as table:
                known = [name for name in table.schema_arrow.names if name in _COLUMNS]
                for batch in table.iter_batches(batch_size=_AT_ONCE, row_groups=[group], columns=known):
                    for values in batch.to_pylist():
                        yield _row(values, path, f"{path.stem}/{group}/{number}")
                        number += 1
        # A broken table raises pyarrow's own errors, which are OSError and ValueError as well.
        except (OSError, ValueError) as error:
            yield Row(name=path.name, fault=f"the table is broken: {reason_of(error)}")

    def _count(self, path: Path) -> int:
        """Its groups; a broken one has one, which says that it is."""
        try:
            with self._tables.ParquetFile(path) as table:
                return table.num_row_groups
        except (OSError, ValueError):
            return 1


_COLUMNS = frozenset({*PICTURES, *CAPTIONS, *EXPRESSIONS, "boxes"})


def _tables() -> Any:
    try:
        import pyarrow.parquet
    except ImportError:
        raise MissingDependencyError(
            "Parquet tables are read by pyarrow: run `pip install 'gencontrol[parquet]'`."
        ) from None
    return pyarrow.parquet


def _row(values: Mapping[str, Any], path: Path, place: str) -> Row:
    caption = next((values[name] for name in CAPTIONS if values.get(name)), None)
    told = {name: values.get(name) for name in ("boxes", *EXPRESSIONS)} | {"caption": caption}
    held = next((values[name] for name in PICTURES if values.get(name)), None)
    if isinstance(held, Mapping):
        held = held.get("bytes") or held.get("path")
    if isinstance(held, bytes):
        return row_of(told, name=place, picture=held)
    if not isinstance(held, str):
        there = {name: str(values[name])[:30] for name in PICTURES if values.get(name) is not None}
        came = "; ".join(f"{name} {value}" for name, value in there.items()) or "none"
        return Row(name=place, fault=f"no picture: expected one of the columns {', '.join(PICTURES)}, got {came}")
    return row_of(told, name=held, picture=_beside(path.parent, held))


def _beside(folder: Path, name: str) -> Path:
    """The file of that name; of one without an ending, the first picture that is called so."""
    path = folder / name
    if path.suffix.lower() in SUFFIXES:
        return path
    known = (path.with_name(path.name + suffix) for suffix in sorted(SUFFIXES))
    # One that is too long to be a name is no file, and no reason to read no further.
    return next((one for one in known if os.path.isfile(one)), path)
