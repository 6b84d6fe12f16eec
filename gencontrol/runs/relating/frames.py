"""Clips on disk: a film, an animation, or a folder of frames, with masks of the same kind for every region."""

import re
from collections.abc import Sequence
from pathlib import Path

import torch
from jaxtyping import Float
from PIL import Image, ImageSequence
from torch import Tensor

from gencontrol.errors import InputError
from gencontrol.images.picture import Picture
from gencontrol.images.reading import check_file, read_image
from gencontrol.kinds import checked
from gencontrol.regions.mask_planes import mask_plane
from gencontrol.regions.masks import from_mask
from gencontrol.relations.clips import MOST_FRAMES, Clip
from gencontrol.relations.tracking import follow
from gencontrol.runs.notices import warn
from gencontrol.runs.relating.films import count_frames, film_frames, is_film

SUFFIXES = (".png", ".jpg", ".jpeg", ".webp", ".bmp", ".gif")
"""Of the frames in a folder."""
# What Pillow raises on damaged files; one that it does not know is an OSError.
_DAMAGED = (OSError, SyntaxError, ValueError, EOFError)
_DIGITS = re.compile(r"(\d+)")


@checked
def is_clip(path: Path) -> bool:
    """Whether a path holds more than one picture: a folder, a film, or an animation."""
    if path.is_dir() or is_film(path):
        return True
    return path.is_file() and path.suffix.lower() in (".gif", ".webp", ".png") and _count(path) > 1


def _count(path: Path) -> int:
    """Frames; 1 of what is none, which is refused when it is read."""
    if path.is_dir():
        return len(_files(path))
    if is_film(path):
        return count_frames(path)
    check_file(path)
    try:
        with Image.open(path) as image:
            return int(getattr(image, "n_frames", 1))
    except _DAMAGED:
        return 1


def _files(folder: Path) -> list[Path]:
    """Frames by the numbers in their names."""
    return sorted((f for f in folder.iterdir() if f.suffix.lower() in SUFFIXES), key=_by_number)


@checked
def frame_sources(path: Path) -> Sequence[Path | Image.Image]:
    """The pictures of a clip in their order: files by the numbers in their names; of many, some evenly.

    Raises:
        InputError: An empty folder, or a file that is no picture.
    """
    if path.is_dir():
        files = _files(path)
        if not files:
            raise InputError(f"{path} holds no frames: expected files that end in {', '.join(SUFFIXES)}.")
        return [files[i] for i in _evenly(len(files))]
    if is_film(path):
        return film_frames(path, {*_evenly(count_frames(path))})
    if _count(path) == 1:
        return [path]
    wanted = set(_evenly(_count(path)))
    try:
        with Image.open(path) as image:
            # With their opacity, which is what a mask may mark by.
            kind = "RGBA" if image.has_transparency_data else "RGB"
            return [frame.convert(kind) for i, frame in enumerate(ImageSequence.Iterator(image)) if i in wanted]
    except _DAMAGED as error:
        raise InputError(f"{path} is truncated or damaged ({error}); get a whole copy of it.") from error


def _by_number(path: Path) -> tuple[int | str, ...]:
    """frame-9 before frame-10."""
    # isdecimal, as the pattern: "\u00b2" is a digit that no number is written with.
    return tuple(int(part) if part.isdecimal() else part for part in _DIGITS.split(path.name))


def _evenly(count: int) -> list[int]:
    return [int(i) for i in torch.linspace(0, count - 1, min(count, MOST_FRAMES)).round()]


@checked
def read_clip(path: Path, masks: Sequence[tuple[str, Path]], *, resize: bool = False, followed: bool = False) -> Clip:
    """The frames of a clip and the maps of its regions.

    Args:
        path: A film, an animation or a folder of frames.
        masks: Names, and the masks of each region: a clip of as many frames, or one picture for what stays where it
            is. White is the region; a black frame says
            that it is hidden.
        resize: Stretch masks of another size.
        followed: Masks mark the first frame, and are followed over the others.

    Raises:
        InputError: No frames, a mask with another number of them, or one that cannot be used.
    """
    pictures = tuple(read_image(source) for source in frame_sources(path))
    tracks = []
    for _, where in masks:
        if _count(where) not in (1, _count(path)):
            counts = f"{where} has {_count(where)} frames and {path} has {_count(path)}"
            raise InputError(
                f"{counts}: a mask is needed for every frame (a GIF may lack those that equal the one before)."
            )
        sources = frame_sources(where) if _count(where) > 1 else [*frame_sources(where)] * len(pictures)
        tracks.append(torch.stack([_map(s, p.size, resize=resize) for s, p in zip(sources, pictures, strict=True)]))
    labels = tuple(name or where.stem for name, where in masks)
    alphas = torch.stack(tracks, dim=1)
    if followed:
        _check_sizes(path, pictures)
        alphas = follow(torch.stack([picture.rgb for picture in pictures]), alphas[0])
        _warn_of_lost(alphas, labels)
    return Clip(pictures=pictures, alphas=alphas, labels=labels)


def _check_sizes(path: Path, pictures: Sequence[Picture]) -> None:
    sizes = {picture.size for picture in pictures}
    if len(sizes) > 1:
        raise InputError(f"{path} has frames of {len(sizes)} sizes: what is followed needs frames of one.")


def _warn_of_lost(alphas: Float[Tensor, "t k h w"], labels: Sequence[str]) -> None:
    """Say what was not seen in the last frame: hidden, gone or lost, of which only who looks can tell."""
    seen = alphas.flatten(2).amax(-1) > 0
    for label, frames in zip(labels, seen.unbind(dim=1), strict=True):
        if not frames[-1]:
            last = int(frames.nonzero()[-1]) if frames.any() else 0
            warn(f"{label!r} was followed up to frame {last} of {len(frames)}: behind something, gone, or lost.")


def _map(source: Path | Image.Image, size: tuple[int, int], *, resize: bool) -> Float[Tensor, "h w"]:
    """A mask's map, or an empty one where it marks nothing: there the region is hidden."""
    plane, _ = mask_plane(source)
    if not bool(plane.any()):
        return torch.zeros(size)
    return from_mask(source, size=size, resize=resize).alpha
