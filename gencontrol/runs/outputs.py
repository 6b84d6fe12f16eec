"""Where pictures go, what they are called, and that they are written whole or not at all."""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from PIL import Image

from gencontrol.errors import ConfigError, InputError
from gencontrol.files import atomic_file
from gencontrol.runs.pointing import SUFFIXES
from gencontrol.runs.records import to_chunk
from gencontrol.runs.settings import Existing


@dataclass(frozen=True, kw_only=True)
class Item:
    """One input and the files that come of it."""

    name: str
    """The input's file name without suffix."""
    image: Path | None
    """The picture; None for a row of embeddings."""
    row: int
    """Of the file of embeddings, where there is one."""
    paths: tuple[Path, ...]
    """One for each seed."""
    sheets: Mapping[str, Path]
    """Kind -> path."""

    @property
    def files(self) -> tuple[Path, ...]:
        """Everything that is written."""
        return (*self.paths, *self.sheets.values())

    @property
    def is_complete(self) -> bool:
        """Whether all of it is there already."""
        return all(path.exists() for path in self.files)


def plan_items(
    names: Sequence[str],
    seeds: Sequence[int],
    output: str,
    *,
    images: Sequence[Path],
    rows: Sequence[int],
    sheets: Sequence[str],
) -> list[Item]:
    """One item for each input.

    Args:
        names: The inputs' file names without suffix.
        seeds: The seeds of each input.
        output: See `plan_paths`.
        images: The pictures that `rows` number; none where the inputs are embeddings.
        rows: The inputs' numbers.
        sheets: Kinds of sheets that are written beside the pictures.

    Raises:
        ConfigError: See `plan_paths`.
    """
    return [
        Item(
            name=name,
            image=images[row] if images else None,
            row=row,
            paths=tuple(paths),
            sheets={kind: sheet_path(paths, name, output, kind=kind) for kind in sheets},
        )
        for row, name, paths in zip(rows, names, plan_paths(names, seeds, output), strict=True)
    ]


def plan_paths(stems: Sequence[str], seeds: Sequence[int], output: str) -> list[list[Path]]:
    """One path for each input and seed: FOLDER/STEM-SEED.png, or the file that was named.

    Args:
        stems: The inputs' file names without suffix.
        seeds: The seeds of each input.
        output: A folder, or a .png file for one input; with several seeds the file's stem is numbered.

    Raises:
        ConfigError: A file for several inputs, a format without room for the record, or inputs of one name.
    """
    target = Path(output)
    if target.suffix.lower() in SUFFIXES and not target.is_dir():
        return [_plan_file(target, stems, seeds)]
    twice = sorted({stem for stem in stems if stems.count(stem) > 1})
    if twice:
        raise ConfigError(
            f"Several pictures are called {', '.join(twice)}: run them apart, each with its own `output`."
        )
    return [[target / f"{stem}-{seed}.png" for seed in seeds] for stem in stems]


def _plan_file(target: Path, stems: Sequence[str], seeds: Sequence[int]) -> list[Path]:
    if target.suffix.lower() != ".png":
        raise ConfigError(
            f"`output` {target}: pictures are written as PNG; expected a name that ends in .png, or a folder."
        )
    if len(stems) > 1:
        raise ConfigError(f"`output` {target}: {len(stems)} pictures go in, so expected a folder.")
    if len(seeds) == 1:
        return [target]
    return [target.with_stem(f"{target.stem}-{seed}") for seed in seeds]


def sheet_path(paths: Sequence[Path], stem: str, output: str, *, kind: str) -> Path:
    """Beside the pictures of one input: STEM-grid.png, STEM-compare.png, STEM-preview.png."""
    target = Path(output)
    if target.suffix.lower() == ".png" and not target.is_dir():
        stem = target.stem
    return paths[0].parent / f"{stem}-{kind}.png"


def check_items(items: Sequence[Item], embeds_out: str | None, existing: Existing) -> list[Item]:
    """Find out before the work is done whether its results can be written; nothing is made.

    Args:
        items: All inputs with their files.
        embeds_out: One more file to write; None writes none.
        existing: What to do about files that are there already.

    Returns:
        The items to do: with `skip`, those that are not complete.

    Raises:
        InputError: A file that would be written over and is there already, or is one of the inputs, or that cannot be
            written.
    """
    inputs = {item.image.resolve() for item in items if item.image is not None}
    over = next((path for path in _files(items, embeds_out) if path.resolve() in inputs), None)
    if over is not None:
        # Nor is it taken for a result that is there already.
        raise InputError(f"{over} is one of the pictures to vary, which is not written over: give another `output`.")
    left = [item for item in items if not (existing == "skip" and item.is_complete)]
    check_existing(_files(left, embeds_out), existing)
    check_writable(_files(left, embeds_out))
    return left


def _files(items: Sequence[Item], embeds_out: str | None) -> list[Path]:
    return [path for item in items for path in item.files] + ([] if embeds_out is None else [Path(embeds_out)])


def check_existing(paths: Sequence[Path], existing: Existing) -> None:
    """Refuse to write over files unless told to.

    Raises:
        InputError: Files that are there already.
    """
    there = [path for path in paths if path.exists()]
    if there and existing == "error":
        more = f" and {len(there) - 1} more" if len(there) > 1 else ""
        raise InputError(f"{there[0]}{more} exists already: give `existing` overwrite or skip, or another `output`.")


def check_writable(paths: Sequence[Path]) -> None:
    """Find out before the work is done whether its results can be written; nothing is made.

    Raises:
        InputError: A path that is a folder, that lies below a file, or where this user may not write.
    """
    for path in paths:
        if path.is_dir():
            raise InputError(f"{path} is a folder; expected the name of a file to write.")
    for folder in dict.fromkeys(path.absolute().parent for path in paths):
        nearest = next(f for f in (folder, *folder.parents) if f.exists())
        if not nearest.is_dir():
            raise InputError(f"{folder} cannot be written to: {nearest} is a file. Give another `output`.")
        if not os.access(nearest, os.W_OK | os.X_OK):
            raise InputError(f"{folder} cannot be written to: you may not write in {nearest}. Give another `output`.")


def write_picture(image: Image.Image, path: Path, *, record: dict[str, Any] | None = None) -> None:
    """Write a PNG whole or not at all, with its record inside if there is one."""
    with atomic_file(path) as temporary:
        image.save(temporary, format="PNG", pnginfo=to_chunk(record) if record else None)
