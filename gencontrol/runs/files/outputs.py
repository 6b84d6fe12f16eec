"""Where pictures go, what they are called, and that they are written whole or not at all."""

import mimetypes
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from PIL import Image

from gencontrol.errors import ConfigError, InputError
from gencontrol.files import atomic_file, check_target, placing
from gencontrol.runs.files.encodings import ENCODINGS, encode
from gencontrol.runs.files.inputs import Input, check_apart
from gencontrol.runs.files.kept import difference, is_broken, is_whole, record_in
from gencontrol.runs.files.matching import SUFFIXES
from gencontrol.runs.notices import ShareWarning, warn
from gencontrol.runs.settings import Existing

_NO_FOLDERS = frozenset({"application", "audio", "image", "text", "video"})
"""Kinds of files that a name may say; v1.2 says none."""


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
    swept: tuple["Item", ...] = ()
    """The same input at each value of a sweep, whose pictures together are `paths`; none where nothing is swept."""

    @property
    def files(self) -> tuple[Path, ...]:
        """Everything that is written."""
        return (*self.paths, *self.sheets.values(), *(path for part in self.swept for path in part.sheets.values()))

    @property
    def is_complete(self) -> bool:
        """Whether all of it is there already, and whole."""
        return all(is_whole(path) for path in self.files)


def plan_items(
    names: Sequence[str],
    seeds: Sequence[int],
    output: str,
    *,
    images: Sequence[Path],
    rows: Sequence[int],
    sheets: Sequence[str],
    suffix: str = ".png",
    tag: str = "",
) -> list[Item]:
    """One item for each input.

    Args:
        names: The inputs' file names without suffix.
        seeds: The seeds of each input.
        output: See `plan_paths`.
        images: The pictures that `rows` number; none where the inputs are embeddings.
        rows: The inputs' numbers.
        sheets: Kinds of sheets that are written beside the pictures.
        suffix: Of pictures in a folder.
        tag: See `plan_paths`; sheets have it too.

    Raises:
        ConfigError: See `plan_paths`.
    """
    planned = zip(rows, names, plan_paths(names, seeds, output, suffix=suffix, tag=tag), strict=True)
    behind = f"{tag}-" if tag else ""
    return [
        Item(
            name=name,
            image=images[row] if images else None,
            row=row,
            paths=tuple(paths),
            sheets={kind: sheet_path(paths, name, output, kind=f"{behind}{kind}") for kind in sheets},
        )
        for row, name, paths in planned
    ]


def join_swept(parts: Sequence[Item], output: str) -> Item:
    """One input at every value of a sweep, and the sheet of them all.

    Args:
        parts: The input at each value.
        output: See `plan_paths`.
    """
    first = parts[0]
    return Item(
        name=first.name,
        image=first.image,
        row=first.row,
        paths=tuple(path for part in parts for path in part.paths),
        sheets={"sweep": sheet_path(first.paths, first.name, output, kind="sweep")},
        swept=tuple(parts),
    )


def plan_paths(
    stems: Sequence[str], seeds: Sequence[int], output: str, *, suffix: str = ".png", tag: str = ""
) -> list[list[Path]]:
    """One path for each input and seed: FOLDER/STEM-SEED.png, or the file that was named.

    Args:
        stems: The inputs' file names without suffix, and with the folders between them and the one that was named.
        seeds: The seeds of each input.
        output: A folder, or a file for one input; with several seeds the file's stem is numbered.
        suffix: Of pictures in a folder.
        tag: What stands behind the stem, to tell the values of a sweep apart: STEM-TAG-SEED.png.

    Raises:
        ConfigError: A file for several inputs, a format without room for the record, or inputs of one name.
    """
    if not output.strip():
        raise ConfigError("`output` is empty: name a folder (. is the current one) or a file.")
    target = Path(output)
    if target.name.lower() in SUFFIXES and not target.is_dir():
        raise ConfigError(f"`output` {output}: expected a folder or a file's name, got an ending alone.")
    with placing(target):
        is_folder = _is_folder(output)
    if target.suffix.lower() in SUFFIXES and not is_folder:
        return [_plan_file(target, stems, seeds, tag=tag)]
    twice = sorted({stem for stem in stems if stems.count(stem) > 1})
    if twice:
        raise ConfigError(
            f"Several pictures are called {', '.join(twice)}: run them apart, each with its own `output`."
        )
    if not is_folder and (mimetypes.guess_type(target)[0] or "").partition("/")[0] in _NO_FOLDERS:
        raise ConfigError(
            f"`output` {target}: expected a folder, or a name that ends in {', '.join(ENCODINGS)}; "
            "to have a folder of that name, make it first."
        )
    behind = f"-{tag}" if tag else ""
    return [[target / f"{stem}{behind}-{seed}{suffix}" for seed in seeds] for stem in stems]


def _is_folder(output: str) -> bool:
    """Whether an output is a folder, by what is there or by the slash at its end."""
    return output.endswith(("/", os.sep)) or Path(output).is_dir()


def _plan_file(target: Path, stems: Sequence[str], seeds: Sequence[int], *, tag: str) -> list[Path]:
    if target.suffix.lower() not in ENCODINGS:
        raise ConfigError(
            f"`output` {target}: pictures are written as PNG, JPEG or WebP; expected a name that ends in "
            f"{', '.join(ENCODINGS)}, or a folder."
        )
    if len(stems) > 1:
        raise ConfigError(f"`output` {target}: {len(stems)} pictures go in, so expected a folder.")
    target = target.with_stem(f"{target.stem}-{tag}") if tag else target
    if len(seeds) == 1:
        return [target]
    return [target.with_stem(f"{target.stem}-{seed}") for seed in seeds]


def sheet_path(paths: Sequence[Path], stem: str, output: str, *, kind: str) -> Path:
    """Beside the pictures of one input: STEM-grid.png, STEM-compare.png, STEM-preview.png."""
    target = Path(output)
    if target.suffix.lower() in ENCODINGS and not _is_folder(output):
        stem = target.stem
    return paths[0].parent / f"{Path(stem).name}-{kind}.png"


def check_items(
    items: Sequence[Item], *, embeds_out: str | None, existing: Existing, inputs: Sequence[Input] = ()
) -> list[Item]:
    """Find out before the work is done whether its results can be written; nothing is made.

    Args:
        items: All inputs with their files.
        embeds_out: One more file to write; None writes none.
        existing: What to do about files that are there already.
        inputs: What the run reads.

    Returns:
        The items to do: with `skip`, those that are not complete.

    Raises:
        ConfigError: A name for embeddings that says that something else is in the file.
        InputError: A file that would be written over and is there already, or is one of the inputs, or that cannot be
            written.
    """
    check_apart(_files(items, embeds_out), inputs)
    left = [item for item in items if not (existing == "skip" and item.is_complete)]
    for path in _files(left, embeds_out):
        # Before it is called there already: to a folder or a device no permission to write over would help.
        check_target(path)
    check_existing(_files(left, embeds_out), existing)
    check_writable(_files(left, embeds_out))
    if embeds_out is not None:
        check_embeds_name(embeds_out, setting="embeds_out")
    return left


def check_embeds_name(path: str, *, setting: str) -> None:
    """Refuse a file name that programs would read in another way.

    Raises:
        ConfigError: Names the suffix.
    """
    if Path(path).suffix not in ("", ".safetensors"):
        raise ConfigError(
            f"`{setting}` {path}: embeddings are written as safetensors; name it {Path(path).stem}.safetensors."
        )


def _files(items: Sequence[Item], embeds_out: str | None) -> list[Path]:
    return [path for item in items for path in item.files] + ([] if embeds_out is None else [Path(embeds_out)])


def check_existing(paths: Sequence[Path], existing: Existing) -> None:
    """Refuse to write over files unless told to.

    Raises:
        InputError: Files that are there already; with `skip`, one that holds something and is no whole picture.
    """
    # A link that leads nowhere is there: what comes to lie at its name would take its place.
    there = [path for path in paths if os.path.lexists(path)]
    if there and existing == "error":
        said = f"{there[0]} exists" if len(there) == 1 else f"{there[0]} and {len(there) - 1} more exist"
        raise InputError(f"{said} already: give `existing` overwrite or skip, or another `output`.")
    broken = next((path for path in there if is_broken(path)), None) if existing == "skip" else None
    if broken is not None:
        raise InputError(f"{broken} is there and is no whole picture: remove it, or give `existing` overwrite.")


def check_writable(paths: Sequence[Path], *, setting: str = "output") -> None:
    """Find out before the work is done whether its results can be written; nothing is made.

    Args:
        paths: The files.
        setting: What names them.

    Raises:
        InputError: A path that is a folder or a device, that lies below a file, or where this user may not write.
        OutputError: A name that is too long.
    """
    for path in paths:
        check_target(path)
    for folder in dict.fromkeys(path.absolute().parent for path in paths):
        nearest = next(f for f in (folder, *folder.parents) if f.exists())
        if not nearest.is_dir():
            raise InputError(f"{folder} cannot be written to: {nearest} is a file. Give another `{setting}`.")
        if not os.access(nearest, os.W_OK | os.X_OK):
            text = f"{folder} cannot be written to: you may not write in {nearest}. Give another `{setting}`."
            raise InputError(text)


def write_picture(
    image: Image.Image,
    path: Path,
    *,
    record: dict[str, Any] | None = None,
    existing: Existing = "overwrite",
    exif: Image.Exif | None = None,
) -> bool:
    """Write a picture whole or not at all, with its record inside if there is one.

    Args:
        image: The picture.
        path: Where; the suffix says how it is encoded.
        record: What it says of its making.
        existing: What to do about a file that has come to lie there since the run was planned.
        exif: What is kept of the photograph that it was made of.

    Returns:
        Whether it was written: with `skip`, a whole picture that is there is kept.

    Raises:
        OutputError: A full disk; unless told to write over it, a file that is there by now.
    """
    if existing == "skip" and is_whole(path):
        other = None if record is None or "sheet" in record else difference(record_in(path), record)
        if other is not None:
            warn(f"{path} has come to lie there meanwhile and is kept: {other}.", ShareWarning)
        return False
    # What `skip` finds and is not whole is empty: nothing is lost with it.
    exclusive = existing == "error" or (existing == "skip" and not path.exists())
    content = encode(image, path.suffix, record=record, exif=exif)
    with atomic_file(path, exclusive=exclusive) as temporary:
        temporary.write_bytes(content)
    return True
