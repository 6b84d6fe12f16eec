"""Single files of tensors, read without ever running what is in them."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor

from gencontrol.alpha_clip.weights.file_kinds import foreign_kind, is_safetensors
from gencontrol.alpha_clip.weights.state_names import tidy
from gencontrol.alpha_clip.weights.torch_files import read_torch_file
from gencontrol.alpha_clip.weights.unpickling import printable
from gencontrol.errors import CheckpointError
from gencontrol.models.location import WEIGHT_SUFFIXES
from gencontrol.text_files import check_no_address

SUFFIXES = WEIGHT_SUFFIXES
"""Of the files that hold weights."""


def read_state(path: Path, *, mmap: bool = False) -> dict[str, Tensor]:
    """Read a state dict from a safetensors file, one that `torch.save` wrote, or a TorchScript archive.

    What was wrapped around it is taken off, and said in a `CheckpointWarning`: see `tidy`.

    Args:
        path: The file; its bytes say what it is, not its name.
        mmap: Leave the values on disk, for a look at the shapes: tensors without values. The file is not checked whole.

    Raises:
        CheckpointError: No such file, another kind of file, a damaged one, or one with objects other than tensors.
    """
    if not path.is_file():
        check_no_address(path, what="a file of weights", error=CheckpointError)
        raise CheckpointError(f"{path} is a folder: expected a file." if path.is_dir() else f"No file at {path}.")
    try:
        values = _read(path, mmap=mmap)
    except OSError as error:
        raise CheckpointError(f"{path} cannot be read: {error.strerror}.") from error
    if not isinstance(values, Mapping):
        raise CheckpointError(f"{path} holds a {type(values).__name__}; expected a state dict of tensors.")
    return tidy(values, source=str(path))


def _read(path: Path, *, mmap: bool) -> Any:
    kind = foreign_kind(path)
    if kind and path.suffix != ".safetensors":
        raise CheckpointError(f"{path} is {kind}. Expected weights: a file of torch's or of safetensors'.")
    if path.suffix == ".safetensors" or is_safetensors(path):
        return _read_safetensors(path, kind)
    return read_torch_file(path, shapes_only=mmap)


def _read_safetensors(path: Path, kind: str) -> Any:
    try:
        return load_file(path)
    except (SafetensorError, ValueError) as error:
        what = f", but {kind}" if kind else f": {printable(str(error))}"
        raise CheckpointError(f"{path} is not a whole safetensors file{what}.") from error
