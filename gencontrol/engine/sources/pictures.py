"""What counts as a picture in a data set."""

import os
from pathlib import Path

SUFFIXES = frozenset({".bmp", ".gif", ".jpeg", ".jpg", ".png", ".tif", ".tiff", ".webp"})
"""Endings of names."""


def is_picture(path: Path) -> bool:
    """Whether something has the name of a picture, and is no folder: a link to nothing is to be told of as well."""
    return path.suffix.lower() in SUFFIXES and os.path.lexists(path) and not os.path.isdir(path)
