"""Folders of pictures that are called after what is in them."""

import hashlib
from collections.abc import Iterator, Mapping
from pathlib import Path

from gencontrol.engine.rows import Row
from gencontrol.engine.sources.pictures import is_picture
from gencontrol.engine.sources.source import Held
from gencontrol.errors import InputError
from gencontrol.text_files import check_no_address, read_text


class ClassFolders(Held):
    """Rows of class folders, in the order of their names."""

    def __init__(self, root: Path, *, shard: int, names: Mapping[str, str] | None = None):
        """List the folders.

        Args:
            root: With a folder for each class.
            shard: Pictures of a shard.
            names: What folders stand for; unless given, what they are called, with blanks for underscores.

        Raises:
            InputError: No folder, no pictures in its folders, or a folder without a name.
        """
        check_no_address(root, what="a folder with a folder for each class")
        if not root.is_dir():
            raise InputError(f"No folder at {root}; expected one with a folder for each class.")
        self.root = root
        folders = sorted(path for path in root.iterdir() if path.is_dir())
        found = [(p, folder.name) for folder in folders for p in sorted(folder.rglob("*")) if is_picture(p)]
        if not found:
            raise InputError(
                f"{root} has no folders with pictures in them, one for each class; of pictures with captions, name "
                "their file as `captions`."
            )
        if names is not None and (unknown := sorted({name for _, name in found if name not in names})):
            raise InputError(f"{', '.join(unknown[:3])} in {root} has no line in the file of names: add it.")
        rows = [
            (path.relative_to(root).as_posix(), name.replace("_", " ") if names is None else names[name])
            for path, name in found
        ]
        digest = hashlib.sha256(repr(rows).encode("utf-8", "surrogateescape")).hexdigest()
        facts = {"kind": "classes", "pictures": len(found), "classes": len(folders), "sha256": digest}
        super().__init__(rows, shard=shard, facts=facts)

    def read(self, shard: int) -> Iterator[Row]:
        """See `Source`."""
        for _, (name, label) in self.entries_of(shard):
            yield Row(name=name, picture=self.root / name, label=label)


def read_class_names(path: Path) -> dict[str, str]:
    """Folder -> name, of a file with both on each line, as ImageNet's `n01440764 tench, Tinca tinca`: the first name.

    Raises:
        InputError: No such file, or a line without a name.
    """
    names: dict[str, str] = {}
    for number, line in enumerate(read_text(path, what="a file of names").splitlines(), 1):
        folder, _, rest = line.strip().partition("\t" if "\t" in line else " ")
        name = rest.partition(",")[0].strip()
        if folder and not name:
            raise InputError(f"{path}:{number}: expected a folder and its name, got {line.strip()[:60]!r}.")
        if folder:
            names[folder] = name
    return names
