"""COCO's annotations, and LVIS's, which are written alike: things with their own boxes and masks; and its captions."""

import hashlib
import urllib.parse
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, TypeGuard

from gencontrol.engine.rows import Part, Row
from gencontrol.engine.sources.source import Held
from gencontrol.errors import InputError
from gencontrol.numbers import is_finite
from gencontrol.text_files import check_regular, json_value


class CocoAnnotations(Held):
    """Rows of a file of instances, whose things are called after their categories; all of it is held in memory."""

    def __init__(self, path: Path, pictures: Path, *, shard: int, captions: Path | None = None):
        """Read the file.

        Args:
            path: Instances: `images`, `annotations` and `categories`.
            pictures: The folder of the pictures.
            shard: Pictures of a shard.
            captions: COCO's file of captions, of which each picture's first one is taken; without it the whole
                pictures have none.

        Raises:
            InputError: Files that are not there, or are none such.
        """
        values, digest = read_document(path, what="a file of annotations")
        for name in ("images", "annotations", "categories"):
            _check_listed(path, values, name)
        if not pictures.is_dir():
            raise InputError(f"{pictures} is no folder; expected that of the pictures which {path} names.")
        self.pictures = pictures
        self._names = {key_of(one, "id"): _text(one, "name").replace("_", " ") for one in values["categories"]}
        self._things: dict[Any, list[Mapping[str, Any]]] = {}
        for one in values["annotations"]:
            # A crowd's mask is of many things, of which the name is one.
            if not one.get("iscrowd"):
                self._things.setdefault(key_of(one, "image_id"), []).append(one)
        if not values["images"]:
            raise InputError(f"{path} lists no images.")
        self._captions: dict[Any, str] = {}
        if captions is not None:
            said, more = read_document(captions, what="COCO's file of captions, as it belongs beside annotations")
            digest = f"{digest} {more}"
            self._captions = captions_of(captions, said)
        facts = {"kind": "coco", "pictures": len(values["images"]), "sha256": digest}
        super().__init__(values["images"], shard=shard, facts=facts)

    def read(self, shard: int) -> Iterator[Row]:
        """See `Source`."""
        for _, image in self.entries_of(shard):
            yield self._row(image)

    def _row(self, image: Mapping[str, Any]) -> Row:
        name = file_of(image)
        if name is None:
            return Row(name=str(image.get("id")), fault="expected an image with file_name or coco_url")
        picture, number = self.pictures / name, key_of(image, "id")
        if number is None:
            return Row(name=name, picture=picture, fault=f"id: expected a number, got {str(image.get('id'))[:60]}")
        try:
            parts = tuple(self._part(one) for one in self._things.get(number, ()))
        except InputError as error:
            return Row(name=name, picture=picture, fault=str(error))
        caption, size = self._captions.get(number, ""), _size_of(image) if parts else None
        return Row(name=name, picture=picture, caption=caption, parts=parts, size=size)

    def _part(self, one: Mapping[str, Any]) -> Part:
        box, name = one.get("bbox"), self._names.get(key_of(one, "category_id"), "")
        if not isinstance(box, list) or len(box) != 4 or not all(_is_number(side) for side in box):
            raise InputError(f"annotation {one.get('id')}: bbox: expected x, y, width, height, got {str(box)[:60]}")
        if not name:
            raise InputError(f"annotation {one.get('id')}: there is no category {str(one.get('category_id'))[:60]}")
        x, y, width, height = box
        return Part(phrase=name, box=(x, y, x + width, y + height), outline=one.get("segmentation"))


def file_of(image: Mapping[str, Any]) -> str | None:
    """A picture's file: LVIS names the address alone, whose end is COCO's name; None where neither is there."""
    try:
        name = image.get("file_name") or urllib.parse.urlparse(_text(image, "coco_url")).path.rpartition("/")[2]
    except ValueError:
        # Brackets in an address are of a machine's number, and of others Python raises.
        return None
    return name if isinstance(name, str) and name else None


def _size_of(image: Mapping[str, Any]) -> tuple[int, int] | None:
    """(height, width) as they are said; None where they are not, or are no numbers of pixels."""
    height, width = (int(side) if _is_number(side) else 0 for side in (image.get("height"), image.get("width")))
    return (height, width) if height > 0 and width > 0 else None


def key_of(values: Mapping[str, Any], name: str) -> int | float | str | None:
    """What something is known by; None of what is no number and no text, by which nothing is found."""
    found = values.get(name)
    return found if isinstance(found, int | float | str) else None


def _text(values: Mapping[str, Any], name: str) -> str:
    found = values.get(name)
    return "" if found is None else str(found)


def captions_of(path: Path, values: Any) -> dict[Any, str]:
    """The first caption of each picture, by the picture's number.

    Args:
        path: COCO's captions, for messages.
        values: What it holds.

    Raises:
        InputError: No list of objects in it, or no caption in them.
    """
    _check_listed(path, values, "annotations")
    if not any("caption" in one for one in values["annotations"]):
        raise InputError(f"{path} holds no captions; expected COCO's captions (instances go to `annotations`).")
    found: dict[Any, str] = {}
    for one in values["annotations"]:
        found.setdefault(key_of(one, "image_id"), _text(one, "caption").strip())
    return found


def read_document(path: Path, *, what: str) -> tuple[Any, str]:
    """What a file in JSON holds, and the file's SHA-256.

    Args:
        path: The file.
        what: What is expected, for messages: "a file of annotations".

    Raises:
        InputError: No such file, or not JSON.
    """
    check_regular(path, what=what, piped=False)
    content = path.read_bytes()
    try:
        values = json_value(content)
    except ValueError as error:
        raise InputError(f"{path} is not JSON; expected {what}: {error}.") from error
    return values, hashlib.sha256(content).hexdigest()


def _check_listed(path: Path, values: Any, name: str) -> None:
    rows = values.get(name) if isinstance(values, dict) else None
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise InputError(f"{path}: {name}: expected a list of objects, as COCO's annotations have it.")


def _is_number(value: Any) -> TypeGuard[float]:
    return isinstance(value, int | float) and not isinstance(value, bool) and is_finite(value)
