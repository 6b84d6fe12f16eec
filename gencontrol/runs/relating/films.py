"""Frames of films, MP4 and the likes, by PyAV, whose wheels bring FFmpeg along."""

from collections.abc import Collection, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from PIL import Image

from gencontrol.errors import InputError, MissingDependencyError
from gencontrol.images.reading import check_file

FILMS = (".mp4", ".m4v", ".mov", ".webm", ".mkv", ".avi")
"""How their names end."""


def is_film(path: Path) -> bool:
    """Whether a name is a film's."""
    return path.suffix.lower() in FILMS


def count_frames(path: Path) -> int:
    """How many frames there are, by decoding them: what a file says of itself is often wrong.

    Raises:
        InputError: No file, or one that cannot be decoded.
        MissingDependencyError: PyAV is not installed.
    """
    with _decoded(path) as frames:
        return sum(1 for _ in frames)


def film_frames(path: Path, wanted: Collection[int]) -> list[Image.Image]:
    """Some frames, in their order.

    Args:
        path: The film.
        wanted: Their numbers, from 0.

    Raises:
        InputError: See `count_frames`.
        MissingDependencyError: See `count_frames`.
    """
    with _decoded(path) as frames:
        return [frame.to_image() for number, frame in enumerate(frames) if number in wanted]


@contextmanager
def _decoded(path: Path) -> Iterator[Iterator[Any]]:
    """The film's frames, one by one."""
    try:
        import av
        from av.error import FFmpegError
    except ImportError as error:
        raise MissingDependencyError(
            f"{path}: films need PyAV: run `pip install 'gencontrol[nerf]'`, or give a folder of frames."
        ) from error
    check_file(path)
    try:
        with av.open(str(path)) as container:
            if not container.streams.video:
                raise InputError(f"{path} has no pictures in it.")
            yield container.decode(video=0)
    except FFmpegError as error:
        raise InputError(f"{path} is truncated or damaged ({error.strerror or error}); get a whole copy.") from error
