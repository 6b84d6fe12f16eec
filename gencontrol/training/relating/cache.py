"""Samples on disk: drawn and encoded once, in files of some hundred each; a broken-off preparation goes on."""

import json
import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file

from gencontrol.errors import ConfigError
from gencontrol.files import atomic_file
from gencontrol.training.data.shards import is_whole, load_shard, read_settings
from gencontrol.training.relating.samples import Sampler, Samples, from_tensors, gathered

_log = logging.getLogger(__name__)

SHARD = 128
"""Samples in a file."""
_BATCH = 64
"""Drawn at once; another number is another stream."""
_SETTINGS = "settings.json"


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
    if count < 1 or count % SHARD:
        raise ConfigError(f"Expected a number of samples that is a multiple of {SHARD}, got {count}.")
    folder.mkdir(parents=True, exist_ok=True)
    _check_settings(json.loads(json.dumps({**made_with, "seed": seed})), folder / _SETTINGS)
    for shard in range(count // SHARD)[share]:
        path = folder / f"{shard:04d}.safetensors"
        if is_whole(path):
            continue
        parts = [
            sampler.draw(seed=seed, index=shard * (SHARD // _BATCH) + part, batch=_BATCH)
            for part in range(SHARD // _BATCH)
        ]
        with atomic_file(path) as temporary:
            save_file({name: values.contiguous() for name, values in gathered(parts).tensors().items()}, temporary)
        _log.info("Cached samples %d to %d of %d in %s", shard * SHARD, (shard + 1) * SHARD, count, folder.name)


def _check_settings(now: dict[str, Any], path: Path) -> None:
    if not path.is_file():
        with atomic_file(path) as temporary:
            temporary.write_text(json.dumps(now, indent=1), encoding="utf-8")
        return
    saved = read_settings(path)
    changed = [f"{key} {saved.get(key)} -> {value}" for key, value in now.items() if saved.get(key) != value]
    if changed:
        what = ", ".join(changed)
        raise ConfigError(f"The samples in {path.parent} were made with other settings ({what}): use another folder.")


def open_set(folder: Path, count: int) -> dict[str, torch.Tensor]:
    """A whole set as compact tensors, padded to its largest scene.

    Raises:
        InputError: A file of it is missing or broken.
    """
    parts = [load_shard(folder / f"{shard:04d}.safetensors") for shard in range(count // SHARD)]
    return gathered([from_tensors(part) for part in parts]).tensors()


def rows_of(tensors: Mapping[str, torch.Tensor], rows: torch.Tensor) -> Samples:
    """Some samples of a set."""
    return from_tensors({name: values[rows] for name, values in tensors.items()})
