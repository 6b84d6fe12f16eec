"""Names that visitors give, as names of files."""

import re

_NAME = re.compile(r"[^\w.-]+")


def safe_name(name: str, *, otherwise: str = "picture") -> str:
    """A file name without folders or anything that a shell or a file system minds."""
    plain = _NAME.sub("-", name.replace("\\", "/").rsplit("/", 1)[-1]).strip("-.")
    return plain[-80:].lstrip("-.") or otherwise
