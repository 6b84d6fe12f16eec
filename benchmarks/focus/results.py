"""What has been measured, in one JSON file: a row is written as soon as it is finished, and not measured again."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from gencontrol.errors import InputError
from gencontrol.files import atomic_file, sha256

Record = dict[str, Any]
"""Figures of one row, plain values."""


class Results:
    """Finished records of one part of the benchmark, by key."""

    def __init__(self, path: Path, part: str, settings: Mapping[str, Any] | None = None):
        """Read what is there.

        Args:
            path: The file; other parts in it are kept.
            part: "recognition" or "variation".
            settings: What the records depend on, as plain values; None takes what is there.

        Raises:
            InputError: The file is no such file, or its records depend on other settings.
        """
        self._path, self._part = path, part
        plain = None if settings is None else json.loads(json.dumps(settings))
        found = _read(path).get(part, {"settings": plain or {}, "records": {}})
        before = found["settings"]
        self.settings: dict[str, Any] = before if plain is None else plain
        self.records: dict[str, Record] = dict(found["records"])
        changed = sorted(k for k in {*before, *self.settings} if before.get(k) != self.settings.get(k))
        if changed:
            raise InputError(
                f"{path} holds rows of {part} that were measured with another {', '.join(changed)}: name another "
                "--output, or remove the file to measure anew."
            )

    def put(self, key: str, record: Record) -> None:
        """Add a record and write the file."""
        self.records[key] = record
        whole = _read(self._path) | {self._part: {"settings": self.settings, "records": self.records}}
        with atomic_file(self._path) as temporary:
            temporary.write_text(json.dumps(whole, indent=1) + "\n", encoding="utf-8")


def digests(folder: Path, parts: tuple[str, ...]) -> dict[str, str]:
    """Short digests of the weights in subfolders, which tell one model from another."""
    files = sorted(p for part in parts for p in (folder / part).glob("*.safetensors"))
    return {str(p.relative_to(folder)): sha256(p)[:16] for p in files}


def _read(path: Path) -> dict[str, Any]:
    if not path.is_file():
        return {}
    try:
        whole = json.loads(path.read_text(encoding="utf-8"))
        if isinstance(whole, dict):
            return whole
    except ValueError:
        pass
    raise InputError(f"{path} is not a file that this benchmark wrote: name another --output.")
