"""Region-text pairs of one's own: a folder with images, masks and captions, listed in `pairs.jsonl`."""

import functools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from gencontrol.configuration import from_mapping
from gencontrol.errors import ConfigError, InputError
from gencontrol.images.picture import Picture
from gencontrol.images.reading import read_image
from gencontrol.regions.drawn import from_box
from gencontrol.regions.geometry import Geometry, fit_planes
from gencontrol.regions.mask_planes import mask_plane
from gencontrol.regions.masks import from_image_alpha, from_mask
from gencontrol.streams import stream
from gencontrol.text_files import check_no_address, json_value
from gencontrol.training.data.alpha_maps import vary_alpha
from gencontrol.training.data.pairs import Pairs, pad_ids

LISTING = "pairs.jsonl"
"""One JSON object a line: `image`, `caption`, and where to look; see `FolderPair`."""


@dataclass(frozen=True, kw_only=True)
class FolderPair:
    """One line of the listing. Without mask and box, the image's own alpha channel says where to look."""

    image: str
    """Path of the image, relative to the folder."""
    caption: str
    """What the region shows."""
    mask: str | None = None
    """Path of the mask, white for the region, of the image's size."""
    box: tuple[float, float, float, float] | None = None
    """x0, y0, x1, y1 in pixels, instead of a mask."""
    whole_caption: str | None = None
    """What the whole image shows, for whole-image pairs; lines without one never become such."""


@dataclass(frozen=True, kw_only=True)
class FolderPairs:
    """Pairs drawn at random, with replacement, from a folder."""

    folder: Path
    """Where the listing is."""
    pairs: tuple[FolderPair, ...]
    """The listing."""
    size: int
    """Side of the square that pictures are padded to, in pixels."""
    seed: int
    """Of the stream."""
    whole_share: float = 0.1
    """r_s: share of whole-image pairs among lines that have a caption of the whole."""
    alpha_kinds: tuple[float, ...] = (0.5, 0.1, 0.1, 0.1, 0.1, 0.1)
    """Relative frequency of exact, soft, partial, box, grown and faint alpha maps."""

    def draw(self, index: int, count: int) -> Pairs:
        """Read a chunk."""
        generator = stream(self.seed, index, "folder")
        chosen = torch.randint(len(self.pairs), (count,), generator=generator).tolist()
        rows = [self.pairs[i] for i in chosen]
        captioned = torch.tensor([row.whole_caption is not None for row in rows])
        whole = (torch.rand(count, generator=generator) < self.whole_share) & captioned
        planes = torch.stack([self.planes(row) for row in rows])
        marked = vary_alpha(planes[:, 3], self.alpha_kinds, generator)
        texts = [(r.whole_caption or "") if w else r.caption for r, w in zip(rows, whole.tolist(), strict=True)]
        # Equal captions are no negatives for each other; nothing else is known about what is true of what.
        ids = pad_ids(torch.tensor([self._ids[t] for t in texts])[:, None])
        return Pairs(
            rgb=planes[:, :3],
            alpha=torch.where(whole[:, None, None], planes[:, 4], marked),
            texts=texts,
            text_concepts=ids,
            image_concepts=ids,
            whole=whole,
        )

    @property
    def texts(self) -> list[str]:
        """All captions, each once."""
        return list(self._ids)

    @functools.cached_property
    def _ids(self) -> Mapping[str, int]:
        texts = [t for p in self.pairs for t in (p.caption, p.whole_caption) if t is not None]
        return {text: index for index, text in enumerate(dict.fromkeys(texts))}

    def planes(self, row: FolderPair) -> Float[Tensor, "5 s s"]:
        """A line's colours, its map, and a map of the whole picture that is 0 where it was padded; all [0, 1]."""
        picture = read_image(self.folder / row.image)
        try:
            alpha = _alpha_of(self.folder, row, picture)
        except InputError as error:
            raise InputError(f"{self.folder / row.image}: {error}") from error
        # The last plane is a whole picture's alpha: as at inference, padding is no part of it.
        planes = torch.cat([picture.rgb, alpha[None], torch.ones_like(alpha)[None]])
        return fit_planes(planes, Geometry(size=self.size, fit="pad"))


def read_listing(folder: Path) -> tuple[FolderPair, ...]:
    """Read and check `pairs.jsonl`: every image and mask it names must be there.

    Raises:
        InputError: No listing, a line that is not JSON, no pairs, or a missing file.
        ConfigError: A line with an unknown or missing key.
    """
    path = folder / LISTING
    check_no_address(folder, what="a folder of pictures and their listing")
    if folder.is_file():
        raise InputError(f"{folder} is a file; expected the folder that its {LISTING} and the pictures lie in.")
    if not path.is_file():
        raise InputError(f"No {LISTING} in {folder}; expected one JSON object a line with image, caption and mask.")
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except UnicodeDecodeError as error:
        raise InputError(f"{path} is not in UTF-8 (byte {error.start}): save it so.") from error
    pairs = tuple(_parse_line(line, f"{path}:{n}") for n, line in enumerate(lines, 1) if line.strip())
    if not pairs:
        raise InputError(f"{path} lists no pairs.")
    _check_files(folder, pairs)
    return pairs


def _parse_line(line: str, where: str) -> FolderPair:
    try:
        values: Any = json_value(line)
    except ValueError as error:
        raise InputError(f"{where}: not JSON: {error}.") from error
    if not isinstance(values, dict):
        raise InputError(f"{where}: expected an object with image and caption, got {line.strip()[:60]}.")
    pair = from_mapping(FolderPair, values, where=where)
    if pair.mask and pair.box:
        raise ConfigError(f"{where}: give a mask or a box, not both.")
    return pair


def _check_files(folder: Path, pairs: Sequence[FolderPair]) -> None:
    named = {name for p in pairs for name in (p.image, p.mask) if name}
    missing = sorted(name for name in named if not (folder / name).is_file())
    if missing:
        shown = ", ".join(missing[:5]) + (f" and {len(missing) - 5} more" if len(missing) > 5 else "")
        raise InputError(f"{folder / LISTING} names files that are not there: {shown}.")


def _mask_of(path: Path, size: tuple[int, int]) -> Tensor:
    try:
        return from_mask(path, size=size).alpha
    except InputError as error:
        plane, _ = mask_plane(path)
        if tuple(plane.shape) == tuple(size):
            raise
        # Nothing is stretched here, as the usual words advise.
        (height, width), (to_height, to_width) = plane.shape, size
        raise InputError(
            f"its mask {path.name} is {width} x {height} and it is {to_width} x {to_height} (width x height): give "
            "a mask of the image's size."
        ) from error


def _alpha_of(folder: Path, row: FolderPair, picture: Picture) -> Tensor:
    if row.mask:
        return _mask_of(folder / row.mask, picture.size)
    if row.box:
        return from_box(row.box, size=picture.size).alpha
    return from_image_alpha(picture).alpha
