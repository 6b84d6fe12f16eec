"""The prepared sprites: one compact file, opened once, with smaller copies of every picture for minification."""

import json
import logging
import zipfile
import zlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import BinaryIO

import numpy as np
import torch
from jaxtyping import Bool, UInt8
from numpy.lib.npyio import NpzFile
from torch import Tensor

from gencontrol.errors import InputError, reason_of
from gencontrol.files import atomic_file
from gencontrol.sprites.catalog import Concept, held_out_styles, training_styles, with_categories
from gencontrol.sprites.iconify import IconSet, plain_slug, rasterise, read_icons
from gencontrol.sprites.svg_copies import COPIES
from gencontrol.text_files import check_no_address, json_value

_log = logging.getLogger(__name__)

CPU = torch.device("cpu")
"""Where pictures are drawn unless another device is asked for, and where all that is random is."""
STORE_SIZE = 128
"""Side of a stored sprite in pixels: the largest a sprite is drawn in a 128-pixel scene."""


@dataclass(frozen=True, kw_only=True)
class SpriteStore:
    """All sprites of all styles in memory."""

    concepts: tuple[Concept, ...]
    """What the first axis of `levels` counts."""
    styles: tuple[str, ...]
    """What the second axis counts."""
    levels: tuple[UInt8[Tensor, "concepts styles _ _ 4"], ...]
    """Premultiplied RGBA in [0, 255], the largest first, each half the side of the one before."""
    present: Bool[Tensor, "concepts styles"]
    """Which concepts a style has."""

    @property
    def device(self) -> torch.device:
        """Where the pictures lie, and scenes of them are drawn."""
        return self.levels[0].device

    def to(self, device: torch.device) -> "SpriteStore":
        """The same sprites with their pictures on a device; what says which there are stays where it is."""
        return replace(self, levels=tuple(level.to(device) for level in self.levels))

    def style_indices(self, styles: Sequence[str]) -> list[int]:
        """Indices of the named styles.

        Raises:
            InputError: The store lacks one of them.
        """
        missing = [s for s in styles if s not in self.styles]
        if missing:
            raise InputError(
                f"The sprite store has no style {', '.join(map(repr, missing))}; it has {', '.join(self.styles)}. A "
                "store that an earlier version made has fewer: make it anew with `gencontrol data sprites`."
            )
        return [self.styles.index(s) for s in styles]


def prepare_store(
    tarballs: Mapping[str, Path],
    concepts: Sequence[Concept],
    path: Path,
    *,
    size: int = STORE_SIZE,
    copies: Sequence[str] = (),
) -> None:
    """Rasterise every concept in every style and write the store (npz with a JSON index) to `path`.

    Args:
        tarballs: Style -> Iconify tarball.
        concepts: What to draw; a known style must have all of them, another one any.
        path: The file to write, whole or not at all.
        size: Side of a sprite in pixels.
        copies: Further styles made from those of `tarballs`, such as `noto:outlined`; see `svg_copies.COPIES`.

    Raises:
        InputError: A known style lacks a concept, or a copy of a style or a way that there is not.
    """
    categories: dict[str, str] = {}
    pictures, present = [], []
    check_copies(copies, tarballs)
    for style in (*tarballs, *copies):
        icons = read_style(style, tarballs)
        if style == "noto":  # Others group by names of their own.
            categories = dict(icons.categories)
        drawn, has = _draw_style(style, icons, concepts, size)
        pictures.append(drawn)
        present.append(has)
    index = {
        "styles": [*tarballs, *copies],
        "concepts": [[c.slug, list(c.names), c.category] for c in with_categories(concepts, categories)],
    }
    with atomic_file(path) as temporary, temporary.open("wb") as file:
        np.savez_compressed(
            file,
            sprites=np.stack(pictures, axis=1),
            present=np.stack(present, axis=1),
            index=np.frombuffer(json.dumps(index).encode(), dtype=np.uint8),
        )


def open_store(path: Path, *, smallest: int = 16) -> SpriteStore:
    """Open a prepared store and halve its pictures down to `smallest` pixels.

    Raises:
        InputError: There is no such file, or it is not a store.
    """
    check_no_address(path, what="a store of sprites")
    if not path.is_file():
        raise InputError(f"No sprite store at {path}. Make one with `gencontrol data sprites`.")
    try:
        # Opened here: numpy leaves the file of a broken archive open.
        with path.open("rb") as file, _archive(file) as archive:
            concepts, styles = _read_index(archive["index"].tobytes())
            sprites, present = archive["sprites"], archive["present"]
        _check_arrays(sprites, present, (len(concepts), len(styles)))
    except (OSError, ValueError, KeyError, EOFError, MemoryError, zipfile.BadZipFile, zlib.error) as error:
        raise InputError(
            f"{path} is no sprite store ({reason_of(error)}). Make it again with `gencontrol data sprites`."
        ) from error
    return SpriteStore(
        concepts=concepts,
        styles=styles,
        levels=_pyramid(torch.from_numpy(_premultiply(sprites)), smallest),
        present=torch.from_numpy(present),
    )


def _read_index(text: bytes) -> tuple[tuple[Concept, ...], tuple[str, ...]]:
    """The concepts and styles of a store.

    Raises:
        ValueError: It is no index of one.
    """
    index = json_value(text)
    concepts, styles = [], []
    match index:
        case {"concepts": list(rows), "styles": list(styles)} if all(isinstance(style, str) for style in styles):
            for row in rows:
                match row:
                    case [str(slug), [str(), *_] as names, str(category)] if all(isinstance(n, str) for n in names):
                        concepts.append(Concept(slug=slug, names=tuple(names), category=category))
                    case _:
                        raise ValueError(f"its index has the concept {str(row)[:60]}")
    if not concepts or not styles:
        raise ValueError("its index has no concepts or no styles")
    return tuple(concepts), tuple(styles)


def _check_arrays(sprites: np.ndarray, present: np.ndarray, counts: tuple[int, int]) -> None:
    """Refuse arrays of other shapes or kinds than `prepare_store` writes.

    Raises:
        ValueError: Says what came.
    """
    is_square = sprites.ndim == 5 and sprites.shape[2] == sprites.shape[3] > 0 and sprites.shape[4] == 4
    if not (is_square and sprites.shape[:2] == counts and sprites.dtype == np.uint8):
        raise ValueError(f"its sprites are {sprites.shape} of {sprites.dtype}, for {counts} concepts and styles")
    if not (present.shape == counts and present.dtype == bool):
        raise ValueError(f"its `present` is {present.shape} of {present.dtype}, for {counts} concepts and styles")


def _archive(file: BinaryIO) -> NpzFile:
    found = np.load(file, allow_pickle=False)
    if not isinstance(found, NpzFile):
        raise ValueError("a single array")
    return found


def check_copies(copies: Sequence[str], sets: Iterable[str]) -> None:
    """Refuse copies of what is not there.

    Raises:
        InputError: Names the copy, the sets and the ways.
    """
    known = list(sets)
    for name in copies:
        style, colon, way = name.partition(":")
        if not colon or style not in known or way not in COPIES:
            raise InputError(
                f"{name!r} is no copy of a style: expected STYLE:WAY with a style of {', '.join(known)} and a way of "
                f"{', '.join(COPIES)}, such as {known[0]}:outlined."
            )


def read_style(style: str, tarballs: Mapping[str, Path]) -> IconSet:
    """The icons of a set, or of a copy of one."""
    name, _, way = style.partition(":")
    icons = read_icons(tarballs[name])
    if not way:
        return icons
    return IconSet(icons={slug: COPIES[way](icon) for slug, icon in icons.icons.items()}, categories=icons.categories)


def _draw_style(style: str, icons: IconSet, concepts: Sequence[Concept], size: int) -> tuple[np.ndarray, np.ndarray]:
    pictures = np.zeros((len(concepts), size, size, 4), np.uint8)
    has = np.array([plain_slug(c.slug) in icons.icons for c in concepts])
    if style in training_styles() and not has.all():
        lacking = ", ".join(c.slug for c, there in zip(concepts, has, strict=True) if not there)
        raise InputError(f"The style {style} has no {lacking}: a concept needs a picture in every training style.")
    for i in np.flatnonzero(has).tolist():
        pictures[i] = rasterise(icons.icons[plain_slug(concepts[i].slug)], size)
    _log.info(
        "%s: %d of %d concepts%s", style, has.sum(), len(has), " (held out)" if style in held_out_styles() else ""
    )
    return pictures, has


def _premultiply(sprites: np.ndarray) -> np.ndarray:
    alpha = sprites[..., 3:].astype(np.uint16)
    colour = (sprites[..., :3].astype(np.uint16) * alpha + 127) // 255
    return np.concatenate([colour.astype(np.uint8), sprites[..., 3:]], axis=-1)


def _pyramid(level: Tensor, smallest: int) -> tuple[Tensor, ...]:
    levels = [level]
    while levels[-1].shape[-2] // 2 >= smallest:
        c, s, side = levels[-1].shape[:3]
        quads = levels[-1].view(c, s, side // 2, 2, side // 2, 2, 4)
        # Sums of four bytes fit in 16 bits; adding 2 rounds to nearest.
        total = quads.to(torch.int16).sum(dim=(3, 5), dtype=torch.int16)
        levels.append(((total + 2) // 4).to(torch.uint8))
    return tuple(levels)
