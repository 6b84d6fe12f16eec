"""Which kind of data set somebody means."""

from collections.abc import Mapping
from pathlib import Path

from gencontrol.engine.sources.captions import CaptionsFile
from gencontrol.engine.sources.classes import ClassFolders
from gencontrol.engine.sources.coco import CocoAnnotations
from gencontrol.engine.sources.source import Source
from gencontrol.engine.sources.tars import TarShards
from gencontrol.errors import InputError


def is_archive(pictures: Path) -> bool:
    """Whether pictures are named by an archive, or a folder of them."""
    return pictures.suffix.lower() == ".tar" or (pictures.is_dir() and any(pictures.glob("*.tar")))


def open_data_set(
    pictures: Path,
    *,
    shard: int,
    captions: Path | None = None,
    annotations: Path | None = None,
    names: Mapping[str, str] | None = None,
) -> Source:
    """The data set that lies there.

    Args:
        pictures: A folder of pictures, a tar archive, a folder of those, or a folder with a folder for each class.
        shard: Pictures of a shard; an archive is one by itself.
        captions: A file with one JSON object a line; beside annotations, COCO's captions.
        annotations: COCO's or LVIS's instances.
        names: Of class folders: what they stand for.

    Raises:
        InputError: Files that are not there, or with nothing in them.
    """
    if is_archive(pictures):
        if captions is not None or annotations is not None:
            raise InputError(f"{pictures} holds captions itself: leave `captions` and `annotations` out.")
        return TarShards(pictures)
    if annotations is not None:
        return CocoAnnotations(annotations, pictures, shard=shard, captions=captions)
    if captions is not None:
        return CaptionsFile(captions, pictures, shard=shard)
    return ClassFolders(pictures, shard=shard, names=names)
