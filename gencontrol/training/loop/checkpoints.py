"""Checkpoints of a run: whole or absent, checked by digest, without pickle."""

import json
import logging
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor
from torch.optim import Optimizer

from gencontrol.errors import CheckpointError, reason_of
from gencontrol.files import atomic_folder, sha256
from gencontrol.text_files import json_value

_log = logging.getLogger(__name__)

_NAME = re.compile(r"step-(\d{8})")
# What earlier versions called one that was being written.
_CUT_OFF = re.compile(r"\.step-\d{8}-[0-9a-f]{12}")
_INDEX = "index.json"
_OURS = ("*.safetensors", _INDEX)


@dataclass(frozen=True, kw_only=True)
class Checkpoint:
    """What a run needs to go on as if it had never stopped."""

    step: int
    """Optimiser steps done."""
    tensors: Mapping[str, dict[str, Tensor]]
    """File stem -> tensors: "model", "average", "optimizer0"."""
    facts: Mapping[str, Any]
    """Plain values: the configuration, seconds spent, samples seen."""


def save_checkpoint(folder: Path, checkpoint: Checkpoint, *, keep: int = 2) -> Path:
    """Write a checkpoint below `folder` and remove all but the newest `keep`."""
    for cut_off in folder.glob(".step-*"):
        if _CUT_OFF.fullmatch(cut_off.name) and cut_off.is_dir():
            _remove(cut_off)
    target = folder / f"step-{checkpoint.step:08d}"
    with atomic_folder(target, ours=_OURS) as temporary:
        for stem, tensors in checkpoint.tensors.items():
            save_file(_apart(tensors), temporary / f"{stem}.safetensors")
        digests = {path.name: sha256(path) for path in sorted(temporary.glob("*.safetensors"))}
        index = {"step": checkpoint.step, "files": digests, "facts": dict(checkpoint.facts)}
        (temporary / _INDEX).write_text(json.dumps(index, indent=1), encoding="utf-8")
    for old in list_checkpoints(folder)[keep:]:
        _remove(old)
    return target


def _apart(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The tensors, contiguous, each of memory of its own: a SAM has one of two names, which safetensors refuses."""
    found: dict[str, Tensor] = {}
    held: set[int] = set()
    for name, values in tensors.items():
        whole = values.detach().contiguous()
        place = whole.untyped_storage().data_ptr()
        found[name] = whole.clone() if place in held else whole
        held.add(place)
    return found


def _remove(checkpoint: Path) -> None:
    """Remove a checkpoint; what somebody has put beside its files stays, without them."""
    for file in _files_of(checkpoint):
        file.unlink()
    if not any(checkpoint.iterdir()):
        checkpoint.rmdir()


def _files_of(checkpoint: Path) -> list[Path]:
    return [file for pattern in _OURS for file in checkpoint.glob(pattern) if not file.is_dir()]


def list_checkpoints(folder: Path) -> list[Path]:
    """Finished checkpoints below `folder`, the newest first."""
    if not folder.is_dir():
        return []
    named = [path for path in folder.iterdir() if _NAME.fullmatch(path.name) and path.is_dir()]
    # Of one that was removed nothing is left but what somebody has put there.
    return sorted((path for path in named if _files_of(path)), reverse=True)


def load_latest(folder: Path) -> Checkpoint | None:
    """The newest checkpoint that is whole, or None if there is none at all.

    A broken one is passed over with a warning.

    Raises:
        CheckpointError: There are checkpoints and all are broken.
    """
    paths = list_checkpoints(folder)
    for path in paths:
        try:
            return load_checkpoint(path)
        except CheckpointError as error:
            _log.warning("%s Falling back to the checkpoint before.", error)
    if paths:
        raise CheckpointError(f"All checkpoints in {folder} are broken. Remove the folder to start anew.")
    return None


def load_checkpoint(path: Path) -> Checkpoint:
    """Read one checkpoint and check every file's digest.

    Raises:
        CheckpointError: A file is missing, cut off or changed.
    """
    try:
        index = json_value((path / _INDEX).read_text(encoding="utf-8"))
        _check_index(index)
        for name, digest in index["files"].items():
            if sha256(path / name) != digest:
                raise CheckpointError(f"{path / name} is not what was written: its digest differs.")
        tensors = {Path(name).stem: load_file(path / name) for name in index["files"]}
        return Checkpoint(step=index["step"], tensors=tensors, facts=index["facts"])
    except (OSError, ValueError, KeyError, SafetensorError) as error:
        if isinstance(error, CheckpointError):
            raise
        raise CheckpointError(f"{path} is broken: {reason_of(error)}.") from error


def _check_index(index: Any) -> None:
    """Refuse an index that a run could not go on from.

    Raises:
        ValueError: Says what was expected.
    """
    match index:
        case {"step": int(), "files": dict(files), "facts": {"config": {"steps": int(), **config}, "seconds": seconds}}:
            decay, stage = config.get("decay", 0.0), index["facts"].get("stage", {})
            are_numbers = all(isinstance(value, int | float) for value in (seconds, decay))
            is_whole = are_numbers and isinstance(stage, dict) and all(isinstance(d, str) for d in files.values())
        case _:
            is_whole = False
    if not is_whole:
        raise ValueError(f"{_INDEX}: expected a mapping with a step, files and facts, as a run writes it")


def optimizer_tensors(optimizer: Optimizer) -> dict[str, Tensor]:
    """The optimiser's state as flat tensors: "parameter index.key"."""
    state = optimizer.state_dict()["state"]
    return {f"{index}.{key}": value for index, entry in state.items() for key, value in entry.items()}


def restore_optimizer(optimizer: Optimizer, tensors: Mapping[str, Tensor]) -> None:
    """Put `optimizer_tensors` back; groups keep the settings they have."""
    state: dict[int, dict[str, Tensor]] = {}
    for name, value in tensors.items():
        index, _, key = name.partition(".")
        state.setdefault(int(index), {})[key] = value
    optimizer.load_state_dict({"state": state, "param_groups": optimizer.state_dict()["param_groups"]})
