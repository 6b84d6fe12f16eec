"""A shard of a data set on its way through the engine: its masks, its pictures if they are copied, and its lines.

Each shard is a file of lines, one for each candidate, written whole once all its masks are there. So a run that is
stopped anywhere goes on with the shards that are not there, and makes the same bytes.
"""

import json
import os
import shutil
import warnings
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from PIL import Image

from gencontrol.engine.candidates import BROKEN_ROW, NARROW_PICTURE, SMALL_PICTURE, UNREADABLE, Candidate
from gencontrol.engine.makers import Maker
from gencontrol.engine.rows import Row
from gencontrol.engine.rules import Rules
from gencontrol.engine.sources.pictures import SUFFIXES
from gencontrol.engine.sources.source import Source
from gencontrol.errors import InputError
from gencontrol.files import atomic_file, resolved
from gencontrol.images.picture import Picture, PictureWarning
from gencontrol.images.reading import read_image
from gencontrol.images.writing import save_image
from gencontrol.proposals.narrow import is_narrow
from gencontrol.regions.region import RegionWarning
from gencontrol.streams import stream
from gencontrol.text_files import json_value

LINES, MASKS, PICTURES = "shards", "masks", "pictures"
"""Folders of a set of pairs; the first is gone once the set is whole."""
_ARRAYS = frozenset({".npy"})
"""Other endings of names by which a file is read."""


@dataclass(frozen=True, kw_only=True)
class Set:
    """A set of pairs while it is made."""

    folder: Path
    """Where it lies."""
    source: Source
    """The data set."""
    rules: Rules
    """How small a picture may be."""
    maker: Maker | None = None
    """Makes candidates of a picture; None where others make the shards."""
    copies: bool = False
    """Whether pictures are copied; those out of archives are."""
    share: float | int = 1.0
    """Of the pictures, how many are taken, drawn at random."""
    seed: int = 0
    """Of the draws."""

    def lines(self, shard: int) -> Path:
        """The file of a shard's lines."""
        return self.folder / LINES / f"{shard:06d}.jsonl"

    def masks(self, shard: int) -> Path:
        """The folder of a shard's masks."""
        return self.folder / MASKS / f"{shard:06d}"

    def pictures(self, shard: int) -> Path:
        """The folder of a shard's copied pictures."""
        return self.folder / PICTURES / f"{shard:06d}"


def make_shard(making: Set, shard: int) -> None:
    """Make a shard's masks and lines.

    Raises:
        OutputError: A full disk, or a folder that may not be written in.
    """
    lines = []
    for number, row in enumerate(making.source.read(shard)):
        if _is_taken(making, (shard, number)):
            lines += [json.dumps(line, ensure_ascii=False) for line in _lines_of(making, row, (shard, number))]
    with atomic_file(making.lines(shard)) as temporary:
        temporary.write_bytes("".join(f"{line}\n" for line in lines).encode("utf-8", "surrogatepass"))


def _is_taken(making: Set, place: tuple[int, int]) -> bool:
    shard, number = place
    return making.share >= 1 or float(torch.rand((), generator=stream(making.seed, number, f"{shard}"))) < making.share


def read_lines(path: Path) -> Iterator[dict[str, Any]]:
    """A shard's lines, in their order.

    Raises:
        InputError: A file that is broken.
    """
    for line in path.read_bytes().decode("utf-8", "surrogatepass").split("\n"):
        if line:
            try:
                yield json_value(line)
            except ValueError as error:
                raise InputError(f"{path} is broken ({error}): remove it, and call the command again.") from error


def _lines_of(making: Set, row: Row, place: tuple[int, int]) -> Iterator[Mapping[str, Any]]:
    shard, number = place
    about = {"row": number, "picture": row.name, "class": row.label or None, "whole_caption": row.caption or None}
    if row.fault or row.picture is None:
        yield about | {"image": None, "mask": None} | Candidate().rejected(BROKEN_ROW, row.fault).told()
        return
    written = _placed(making, row, place)
    lines = []
    for count, one in enumerate(_candidates(making, row, written, place)):
        path = making.masks(shard) / f"{number:05d}-{count:03d}.png"
        if one.mask is not None:
            save_image(Image.fromarray(one.mask.cpu().numpy()), path)
        mask = None if one.mask is None else path.relative_to(making.folder).as_posix()
        lines.append({"mask": mask} | one.told())
    shown = _kept_picture(making, row, written, is_used=any(line["mask"] for line in lines))
    for line in lines:
        yield about | {"image": shown} | line


def _kept_picture(making: Set, row: Row, written: Path, *, is_used: bool) -> str | None:
    """How the listing names the picture, from its own folder; a copy of one of which nothing stays goes, or is not
    made."""
    if not is_used and written.is_relative_to(making.folder):
        written.unlink(missing_ok=True)
        return None
    if making.copies and isinstance(row.picture, Path):
        with atomic_file(written) as temporary:
            shutil.copyfile(row.picture, temporary)
    if written.is_relative_to(making.folder):
        return written.relative_to(making.folder).as_posix()
    try:
        return Path(os.path.relpath(resolved(written), resolved(making.folder))).as_posix()
    except InputError:
        # A link in a circle, or a name that cannot be one: it leads to no file that could be named.
        return None


def _placed(making: Set, row: Row, place: tuple[int, int]) -> Path:
    """Where the picture lies, for whoever reads the pairs; what an archive held is written there."""
    shard, number = place
    if isinstance(row.picture, Path) and not making.copies:
        return row.picture
    suffix = Path(row.name).suffix.lower()
    path = making.pictures(shard) / f"{number:05d}{suffix if suffix in SUFFIXES | _ARRAYS else '.img'}"
    if isinstance(row.picture, bytes):
        with atomic_file(path) as temporary:
            temporary.write_bytes(row.picture)
    return path


def _candidates(making: Set, row: Row, written: Path, place: tuple[int, int]) -> Iterator[Candidate]:
    path = written if isinstance(row.picture, bytes) else row.picture
    assert isinstance(path, Path)
    try:
        picture = _read(path)
    except InputError as error:
        # Its name is beside it, and where it lies is no part of why.
        yield Candidate().rejected(UNREADABLE, str(error).replace(str(path), row.name))
        return
    if min(picture.size) < making.rules.least_side or is_narrow(picture.size):
        height, width = picture.size
        reason = SMALL_PICTURE if min(picture.size) < making.rules.least_side else NARROW_PICTURE
        yield Candidate().rejected(reason, f"{width} x {height} (width x height)")
        return
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RegionWarning)
        assert making.maker is not None
        yield from making.maker.make(row, picture, place)


def _read(path: Path) -> Picture:
    """Without its alpha: what is seen is what the colours say."""
    with warnings.catch_warnings():
        # Of an animation the first frame is what there is to see.
        warnings.simplefilter("ignore", PictureWarning)
        return Picture(rgb=read_image(path).stored_rgb)
