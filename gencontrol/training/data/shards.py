"""Files of a cache: what it says of how it was made, and whether a file of it is whole."""

import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file
from torch import Tensor

from gencontrol.errors import ConfigError, InputError, reason_of
from gencontrol.text_files import json_value

_log = logging.getLogger(__name__)


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
