"""Views on disk: drawn and seen once, in files of some hundred each; a broken-off preparation goes on."""

import json
import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from safetensors.torch import save_file
from torch import Tensor

from gencontrol.errors import ConfigError
from gencontrol.files import atomic_file
from gencontrol.training.data.shards import is_whole, load_shard, read_settings
from gencontrol.training.language.samples import VIEWS, Viewer

_log = logging.getLogger(__name__)

SHARD = 64
"""Scenes in a file; another number is another stream."""
_SETTINGS = "settings.json"


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
    if scenes < 1 or scenes % SHARD:
        raise ConfigError(f"Expected a number of scenes that is a multiple of {SHARD}, got {scenes}.")
    folder.mkdir(parents=True, exist_ok=True)
    _check_settings(json.loads(json.dumps({**made_with, "seed": seed})), folder / _SETTINGS)
    for shard in range(scenes // SHARD)[share]:
        path = _path(folder, shard)
        if is_whole(path):
            continue
        views = viewer.draw(seed=seed, index=shard, batch=SHARD)
        with atomic_file(path) as temporary:
            save_file({name: values.contiguous() for name, values in views.tensors().items()}, temporary)
        _log.info("Cached scenes %d to %d of %d in %s", shard * SHARD, (shard + 1) * SHARD, scenes, folder.name)


def _path(folder: Path, shard: int) -> Path:
    return folder / f"{shard:04d}.safetensors"


def _check_settings(now: dict[str, Any], path: Path) -> None:
    if not path.is_file():
        with atomic_file(path) as temporary:
            temporary.write_text(json.dumps(now, indent=1), encoding="utf-8")
        return
    saved = read_settings(path)
    changed = [f"{key} {saved.get(key)} -> {value}" for key, value in now.items() if saved.get(key) != value]
    if changed:
        what = ", ".join(changed)
        raise ConfigError(f"The views in {path.parent} were made with other settings ({what}): use another folder.")


def open_set(folder: Path, scenes: int) -> dict[str, Tensor]:
    """A whole set as compact tensors, `VIEWS` rows a scene.

    Raises:
        InputError: A file of it is missing or broken.
    """
    found: dict[str, Tensor] = {}
    for shard in range(scenes // SHARD):
        part = load_shard(_path(folder, shard))
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
