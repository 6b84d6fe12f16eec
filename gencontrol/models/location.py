"""Where a saved model lies: a folder, or a place on the hub; and its files of settings, read without its weights."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from transformers.utils.hub import cached_file

from gencontrol.configuration import nearest
from gencontrol.errors import CheckpointError
from gencontrol.models.registry import PRESETS


@dataclass(frozen=True, kw_only=True)
class Location:
    """A saved model: a folder or a hub id, and how to look it up."""

    name: str
    """Folder or hub id."""
    revision: str | None = None
    """Branch, tag or commit on the hub."""
    subfolder: str = ""
    """Folder inside it."""
    local_files_only: bool = False
    """Whether to look in the cache only."""

    def lookup(self) -> dict[str, Any]:
        """Keyword arguments that every transformers loader takes."""
        return {
            "revision": self.revision or "main",
            "subfolder": self.subfolder,
            "local_files_only": self.local_files_only,
        }

    def find(self, file: str) -> Path | None:
        """The file of that name, or None if it is not there or cannot be asked for."""
        found = cached_file(
            self.name,
            file,
            _raise_exceptions_for_gated_repo=False,
            _raise_exceptions_for_missing_entries=False,
            _raise_exceptions_for_connection_errors=False,
            **self.lookup(),
        )
        return Path(found) if found else None

    def read(self, path: str) -> dict[str, Any] | None:
        """A JSON file inside it, or None if there is no such file.

        Raises:
            CheckpointError: Nothing there, no connection, or not JSON settings.
        """
        folder, _, file = f"{self.subfolder}/{path}".strip("/").rpartition("/")
        try:
            found = cached_file(
                self.name, file, _raise_exceptions_for_missing_entries=False, **(self.lookup() | {"subfolder": folder})
            )
        except (OSError, ValueError) as error:
            raise no_model(self, error) from error
        return None if found is None else read_json(Path(found))


def no_model(location: Location, error: Exception) -> CheckpointError:
    """The error for a name under which nothing is found.

    Args:
        location: Where it was looked for.
        error: What the hub's client says.
    """
    text = f"No model at {location.name!r}, neither a folder nor"
    if location.local_files_only:
        # The client's words would be of a connection that failed, and none was tried.
        hint = preset_hint(location.name)
        return CheckpointError(f"{text} in this machine's cache{hint}, and the hub is not asked (`local_files_only`).")
    return CheckpointError(f"{text} on the hub{preset_hint(location.name)}: {error}")


def preset_hint(name: str) -> str:
    """The preset that a name may be meant for, in brackets; nothing if it looks like a hub id or a path."""
    # A name without a slash is more likely a preset's than a model's on the hub.
    return "" if "/" in name else f" ({nearest(name, PRESETS).removeprefix('; ')})"


def read_json(path: Path) -> dict[str, Any]:
    """The settings in one of a saved model's files.

    Raises:
        CheckpointError: Not JSON, or not a mapping.
    """
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise CheckpointError(f"{path} is not valid JSON: {error}") from error
    if not isinstance(values, dict):
        raise CheckpointError(f"{path}: expected a mapping of settings, got {type(values).__name__}.")
    return values
