"""Views on disk: drawn and seen once, in files of some hundred each; a broken-off preparation goes on."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from torch import Tensor

from gencontrol.training.data.shards import load_shard, prepare_shards, shard_path
from gencontrol.training.language.samples import VIEWS, Viewer

SHARD = 64
"""Scenes in a file; another number is another stream."""


def prepare(
    viewer: Viewer,
    folder: Path,
    *,
    scenes: int,
    seed: int,
    made_with: Mapping[str, Any],
    share: slice = slice(None),
) -> None:
    """Write what is missing of a set's files.

    Args:
        viewer: What draws.
        folder: The set's own.
        scenes: A multiple of `SHARD`; each is looked at `VIEWS` times.
        seed: Of the stream.
        made_with: Plain values that tell what the views are; kept beside them.
        share: Which of the files this process makes, of all by number.

    Raises:
        ConfigError: The folder holds views that were made with other settings, or the count is none of whole files.
    """

    def draw(shard: int) -> Mapping[str, Tensor]:
        return viewer.draw(seed=seed, index=shard, batch=SHARD).tensors()

    how: Any = {"count": scenes, "each": SHARD, "made_with": {**made_with, "seed": seed}, "share": share}
    prepare_shards(draw, folder, what="scenes", **how)


def open_set(folder: Path, scenes: int) -> dict[str, Tensor]:
    """A whole set as compact tensors, `VIEWS` rows a scene.

    Raises:
        InputError: A file of it is missing or broken.
    """
    found: dict[str, Tensor] = {}
    for shard in range(scenes // SHARD):
        part = load_shard(shard_path(folder, shard))
        if not found:
            rows = scenes * VIEWS
            # All at once: joining parts would hold the whole twice.
            found = {name: values.new_empty(rows, *values.shape[1:]) for name, values in part.items()}
        for name, values in part.items():
            found[name][shard * SHARD * VIEWS : (shard + 1) * SHARD * VIEWS] = values
    return found


def rows_of(tensors: Mapping[str, Tensor], rows: Tensor) -> dict[str, Tensor]:
    """Some rows of a set."""
    return {name: values[rows] for name, values in tensors.items()}
