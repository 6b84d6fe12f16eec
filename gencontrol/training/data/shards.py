"""Files of a cache: how they are made, what it says of how it was made, and whether a file of it is whole."""

import json
import logging
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file, save_file
from torch import Tensor

from gencontrol.errors import ConfigError, InputError, reason_of
from gencontrol.files import atomic_file
from gencontrol.text_files import json_value

_log = logging.getLogger(__name__)

_SETTINGS = "settings.json"


def prepare_shards(
    draw: Callable[[int], Mapping[str, Tensor]],
    folder: Path,
    *,
    count: int,
    each: int,
    made_with: Mapping[str, Any],
    what: str,
    share: slice = slice(None),
) -> None:
    """Write what is missing of a cache's files.

    Args:
        draw: Makes the tensors of a file, by its number.
        folder: The cache's own.
        count: Of what is cached, a multiple of `each`.
        each: In a file.
        made_with: Plain values that tell how it is made; kept beside the files.
        what: How messages call what is cached, as `samples`.
        share: Which of the files this process makes, of all by number.

    Raises:
        ConfigError: The folder holds what was made with other settings, or the count is none of whole files.
    """
    if count < 1 or count % each:
        raise ConfigError(f"Expected a number of {what} that is a multiple of {each}, got {count}.")
    folder.mkdir(parents=True, exist_ok=True)
    _check_settings(json.loads(json.dumps(dict(made_with))), folder / _SETTINGS, what)
    for number in range(count // each)[share]:
        path = shard_path(folder, number)
        if is_whole(path):
            continue
        tensors = {name: values.contiguous() for name, values in draw(number).items()}
        with atomic_file(path) as temporary:
            save_file(tensors, temporary)
        _log.info("Cached %s %d to %d of %d in %s", what, number * each, (number + 1) * each, count, folder.name)


def shard_path(folder: Path, number: int) -> Path:
    """Where a cache's file lies."""
    return folder / f"{number:04d}.safetensors"


def _check_settings(now: Mapping[str, Any], path: Path, what: str) -> None:
    if not path.is_file():
        with atomic_file(path) as temporary:
            temporary.write_text(json.dumps(now, indent=1), encoding="utf-8")
        return
    saved = read_settings(path)
    changed = [f"{key} {saved.get(key)} -> {value}" for key, value in now.items() if saved.get(key) != value]
    if changed:
        told = ", ".join(changed)
        raise ConfigError(f"The {what} in {path.parent} were made with other settings ({told}): use another folder.")


def read_settings(path: Path) -> Mapping[str, Any]:
    """The settings that a cache was made with.

    Args:
        path: The file beside its shards.

    Raises:
        ConfigError: It is damaged, so that nothing is known of them.
    """
    try:
        saved = json_value(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise _unsaid(path, str(error)) from error
    if not isinstance(saved, dict):
        raise _unsaid(path, f"expected a mapping of settings, got {type(saved).__name__}")
    return saved


def is_whole(path: Path) -> bool:
    """Whether a shard is there and whole; one that is cut off is made again, with a line in the log."""
    if not path.is_file():
        return False
    try:
        with safe_open(path, framework="pt"):
            return True
    except (SafetensorError, OSError) as error:
        _log.warning("%s is broken (%s) and is made again.", path, error)
        return False


def load_shard(path: Path) -> dict[str, Tensor]:
    """The tensors of a shard.

    Raises:
        InputError: It is not there, or broken.
    """
    try:
        return load_file(path)
    except (SafetensorError, OSError) as error:
        why = reason_of(error)
        raise InputError(f"{path}, a file of the cache, is missing or broken ({why}): prepare it again.") from error


def _unsaid(path: Path, why: str) -> ConfigError:
    text = f"{path} does not say how the cache was made ({why.rstrip('.')})"
    return ConfigError(f"{text}: remove the folder, or use another one.")
