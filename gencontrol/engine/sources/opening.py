"""Which kind of data set somebody means."""

from collections.abc import Mapping
from pathlib import Path

from gencontrol.engine.sources.captions import CaptionsFile
from gencontrol.engine.sources.classes import ClassFolders
from gencontrol.engine.sources.coco import CocoAnnotations
from gencontrol.engine.sources.listed import ListedCaptions, is_document
from gencontrol.engine.sources.parquet import SUFFIX, ParquetShards
from gencontrol.engine.sources.source import Source
from gencontrol.engine.sources.tars import TarShards
from gencontrol.errors import InputError
from gencontrol.text_files import check_regular


def is_archive(pictures: Path) -> bool:
    """Whether pictures are named by an archive or a table, or a folder of them, which hold captions themselves."""
    return any(
        pictures.suffix.lower() == suffix or (pictures.is_dir() and any(pictures.glob(f"*{suffix}")))
        for suffix in (".tar", SUFFIX)
    )


def written_at(pictures: Path) -> list[tuple[str, int]]:
    """When each archive or table was written last, in nanoseconds, by which one that was written anew is told from
    itself where name and size stay; nothing of pictures that lie by themselves, of which there may be millions.

    Args:
        pictures: See `open_data_set`, which has found them.
    """
    if not is_archive(pictures):
        return []
    inside = sorted(pictures.glob("*.tar")) or sorted(pictures.glob(f"*{SUFFIX}")) if pictures.is_dir() else [pictures]
    return [(path.name, path.stat().st_mtime_ns) for path in inside]


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
        pictures: A folder of pictures, a tar archive, a parquet table, a folder of either, or a folder with a folder
            for each class.
        shard: Pictures of a shard; an archive is one by itself, and so is a table's group of rows.
        captions: A file with one JSON object a line, or a list of such objects, or COCO's captions; beside
            annotations, COCO's captions.
        annotations: COCO's or LVIS's instances.
        names: Of class folders: what they stand for.

    Raises:
        InputError: Files that are not there, or with nothing in them.
        MissingDependencyError: A table, and pyarrow is not installed.
    """
    if is_archive(pictures):
        if captions is not None or annotations is not None:
            raise InputError(f"{pictures} holds captions itself: leave `captions` and `annotations` out.")
        is_table = pictures.suffix.lower() == SUFFIX or (pictures.is_dir() and not any(pictures.glob("*.tar")))
        return ParquetShards(pictures) if is_table else TarShards(pictures)
    if annotations is not None:
        return CocoAnnotations(annotations, pictures, shard=shard, captions=captions)
    if captions is not None:
        check_regular(captions, what="a file of captions", piped=False)
        kind = ListedCaptions if is_document(captions) else CaptionsFile
        return kind(captions, pictures, shard=shard)
    return ClassFolders(pictures, shard=shard, names=names)
