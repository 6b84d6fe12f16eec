"""Samples on disk: drawn and encoded once, in files of some hundred each; a broken-off preparation goes on."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from gencontrol.training.data.shards import load_shard, prepare_shards, shard_path
from gencontrol.training.relating.samples import Sampler, Samples, from_tensors, gathered

SHARD = 128
"""Samples in a file."""
_BATCH = 64
"""Drawn at once; another number is another stream."""


def prepare(
    sampler: Sampler,
    folder: Path,
    *,
    count: int,
    seed: int,
    made_with: Mapping[str, Any],
    share: slice = slice(None),
) -> None:
    """Write what is missing of a set's files.

    Args:
        sampler: What draws.
        folder: The set's own.
        count: Samples, a multiple of `SHARD`.
        seed: Of the stream.
        made_with: Plain values that tell what the samples are; kept beside them.
        share: Which of the files this process makes, of all by number.

    Raises:
        ConfigError: The folder holds samples that were made with other settings, or the count is none of whole files.
    """

    def draw(shard: int) -> Mapping[str, torch.Tensor]:
        first = shard * (SHARD // _BATCH)
        parts = [sampler.draw(seed=seed, index=first + part, batch=_BATCH) for part in range(SHARD // _BATCH)]
        return gathered(parts).tensors()

    how: Any = {"count": count, "each": SHARD, "made_with": {**made_with, "seed": seed}, "share": share}
    prepare_shards(draw, folder, what="samples", **how)


def open_set(folder: Path, count: int) -> dict[str, torch.Tensor]:
    """A whole set as compact tensors, padded to its largest scene.

    Raises:
        InputError: A file of it is missing or broken.
    """
    parts = [load_shard(shard_path(folder, shard)) for shard in range(count // SHARD)]
    return gathered([from_tensors(part) for part in parts]).tensors()


def rows_of(tensors: Mapping[str, torch.Tensor], rows: torch.Tensor) -> Samples:
    """Some samples of a set."""
    return from_tensors({name: values[rows] for name, values in tensors.items()})
