"""Where weights that come with the package lie, beside the embedded models."""

from importlib.resources import files
from pathlib import Path

RELATIONS = "relations"
"""Folder of the relation module."""
LANGUAGE = "language"
"""Folder of the language head of `tiny`."""


def shipped_folder(name: str) -> Path:
    """The folder of that name, whether or not this build has it."""
    return Path(str(files("gencontrol.models"))) / name
