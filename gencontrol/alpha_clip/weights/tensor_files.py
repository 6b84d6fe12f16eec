"""Single files of tensors, read without ever running what is in them."""

import pickle
import zipfile
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor

from gencontrol.errors import CheckpointError


def read_state(path: Path, *, mmap: bool = False) -> dict[str, Tensor]:
    """Read a flat state dict from a `.safetensors` file or one that `torch.save` wrote.

    Args:
        path: The file.
        mmap: Leave the values on disk, for a look at the shapes. The file must not change while the tensors are used.

    Raises:
        CheckpointError: No such file, a broken one, one with objects other than tensors, or a nested one.
    """
    if not path.is_file():
        raise CheckpointError(f"No file at {path}.")
    state = _read_safetensors(path) if path.suffix == ".safetensors" else _read_torch(path, mmap=mmap)
    if not isinstance(state, dict):
        raise CheckpointError(f"{path} holds a {type(state).__name__}; expected a state dict of tensors.")
    others = {k: type(v).__name__ for k, v in state.items() if not isinstance(v, Tensor)}
    if others:
        listed = ", ".join(f"{k} ({v})" for k, v in list(others.items())[:6])
        raise CheckpointError(
            f"{path} holds more than tensors: {listed}. If it is a training checkpoint, save its state dict alone."
        )
    return {str(k): v for k, v in state.items()}


def _read_safetensors(path: Path) -> Any:
    try:
        return load_file(path)
    except SafetensorError as error:
        raise CheckpointError(f"{path} is not a whole safetensors file: {error}") from error


def _read_torch(path: Path, *, mmap: bool) -> Any:
    if _is_script(path):
        raise CheckpointError(f"{path} is a TorchScript archive, which is code: save the model's state dict instead.")
    try:
        # The format before torch 1.6 is not an archive, and cannot be mapped.
        return torch.load(path, map_location="cpu", weights_only=True, mmap=mmap and zipfile.is_zipfile(path))
    except pickle.UnpicklingError as error:
        raise CheckpointError(
            f"{path} holds pickled objects, which could run anything, or is no file of torch's: only tensors are read. "
            f"({str(error).splitlines()[0]})"
        ) from error
    except (RuntimeError, EOFError, OSError, ValueError) as error:
        raise CheckpointError(f"{path} cannot be read: it is truncated, or no file of torch's.") from error


def _is_script(path: Path) -> bool:
    if not zipfile.is_zipfile(path):
        return False
    with zipfile.ZipFile(path) as archive:
        return any(name.endswith("/constants.pkl") for name in archive.namelist())
