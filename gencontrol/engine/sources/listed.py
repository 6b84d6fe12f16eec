"""A folder of pictures, and one document in JSON that names them: a list of rows, or COCO's file of captions."""

import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from gencontrol.engine.rows import Row
from gencontrol.engine.sources.captions import LONGEST, named_in, row_in
from gencontrol.engine.sources.coco import captions_of, file_of, key_of, read_document
from gencontrol.engine.sources.source import Held
from gencontrol.errors import InputError
from gencontrol.text_files import json_value

_LISTS = re.compile(rb'"(?:images|annotations)"\s*:\s*\[')


def is_document(path: Path) -> bool:
    """Whether a captions file is one document in JSON, and not a line for each picture.

    Args:
        path: A file, of which the beginning is read. A first line that is a row by itself decides; else a list, or the
            lists that COCO's files hold, tell a document, however it is laid out.
    """
    with path.open("rb") as file:
        head = file.read(LONGEST).removeprefix(b"\xef\xbb\xbf").lstrip()
    first = head.partition(b"\n")[0]
    try:
        values: Any = json_value(first)
    except ValueError:
        return head.startswith(b"[") or _LISTS.search(head) is not None
    if isinstance(values, list):
        # One that is followed by others is a broken row of a file of lines.
        return not head[len(first) :].strip()
    return isinstance(values, dict) and named_in(values) is None and _LISTS.search(first) is not None


class ListedCaptions(Held):
    """Rows of one document, all of which is held in memory."""

    def __init__(self, path: Path, pictures: Path, *, shard: int):
        """Read the document.

        Args:
            path: A list of the objects that a captions file has a line for each of; or COCO's captions (`images` and
                `annotations`), of which each picture's first one is taken.
            pictures: The folder that names are relative to.
            shard: Pictures of a shard.

        Raises:
            InputError: No such file, none such in it, or no picture.
        """
        if not pictures.is_dir():
            raise InputError(f"{pictures} is no folder; expected that of the pictures which {path} names.")
        values, digest = read_document(path, what="a file of captions")
        if isinstance(values, list):
            rows: Sequence[Any] = values
        else:
            said = captions_of(path, values)
            images = values.get("images")
            if not isinstance(images, list):
                raise InputError(f"{path}: images: expected a list of objects, as COCO's captions have it.")
            rows = [_as_row(image, said) for image in images]
        if not rows:
            raise InputError(f"{path} lists no pictures; expected objects with file and caption, or COCO's images.")
        self.path = path
        self.pictures = pictures
        super().__init__(rows, shard=shard, facts={"kind": "captions", "pictures": len(rows), "sha256": digest})

    def read(self, shard: int) -> Iterator[Row]:
        """See `Source`."""
        for number, values in self.entries_of(shard):
            yield row_in(values, where=f"{self.path.name}, row {number}", pictures=self.pictures)


def _as_row(image: Any, said: Mapping[Any, str]) -> Any:
    if not isinstance(image, Mapping):
        return image
    return {"file": file_of(image), "caption": said.get(key_of(image, "id"), "")}
