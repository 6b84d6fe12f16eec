"""Files that torch wrote, read without torch: the archives of today, TorchScript's, and the form before torch 1.6."""

import io
import math
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from gencontrol.alpha_clip.weights.unpickling import StoredTensor, read_pickle
from gencontrol.errors import CheckpointError

# torch.serialization's MAGIC_NUMBER, the first pickle of a file of the old form.
_MAGIC = 0x1950A86A20F9469CFC6C
# Containers within containers in a module of a model; a file that refers to itself has no end.
_DEEPEST = 64

# Of the code in a TorchScript archive, in bytes; OpenAI's hold below a megabyte.
_MOST_CODE = 2**26

ReadBytes = Callable[[StoredTensor], bytearray]
"""The bytes of a tensor's whole storage."""


def read_torch_file(path: Path, *, shapes_only: bool = False) -> Any:
    """What `torch.save` or `torch.jit.save` wrote: containers, numbers, texts and tensors; nothing is run.

    Args:
        path: The file.
        shapes_only: Leave the values on disk and return tensors of the meta device, which have none.

    Raises:
        CheckpointError: Damaged, or with objects in it that are more than these.
    """
    try:
        if zipfile.is_zipfile(path):
            return _read_archive(path, shapes_only=shapes_only)
        with path.open("rb") as file:
            return _read_old(file, str(path), shapes_only=shapes_only)
    except zipfile.BadZipFile as error:
        raise CheckpointError(
            f"{path} is damaged: the checksums in it are not those of what it holds. Get it anew. ({error})"
        ) from error
    except (KeyError, NotImplementedError, OSError, RuntimeError, ValueError) as error:
        if isinstance(error, CheckpointError):
            raise
        raise CheckpointError(f"{path} cannot be read: it is truncated, or no file of torch's.") from error


def _read_archive(path: Path, *, shapes_only: bool) -> Any:
    with zipfile.ZipFile(path) as archive:
        names = archive.namelist()
        folder = next(name for name in names if name.endswith("data.pkl")).removesuffix("data.pkl")
        if f"{folder}byteorder" in names and archive.read(f"{folder}byteorder") != b"little":
            raise CheckpointError(f"{path} was written by a machine of another byte order: save it anew on this one.")
        packed = [entry for entry in archive.infolist() if entry.compress_type != zipfile.ZIP_STORED]
        if sum(entry.file_size for entry in packed) > _MOST_CODE or any("/code/" not in e.filename for e in packed):
            # torch compresses a TorchScript archive's code and nothing else; a small file may unpack to any size.
            raise CheckpointError(f"{path} is a compressed archive, which torch's are not: get the original file.")
        # zipfile compares what is read to its end with its checksum, which torch does not look at.
        damaged = None if shapes_only else archive.testzip()
        if damaged is not None:
            raise zipfile.BadZipFile(damaged)
        values = read_pickle(io.BytesIO(archive.read(f"{folder}data.pkl")), source=str(path))
        if shapes_only:
            return _fill(values, None)
        return _fill(values, lambda stored: bytearray(archive.read(f"{folder}data/{stored.key}")))


def _read_old(file: io.BufferedIOBase, source: str, *, shapes_only: bool) -> Any:
    if read_pickle(file, source=source) != _MAGIC:
        raise ValueError("no magic number")
    _, machine, values = (read_pickle(file, source=source) for _ in range(3))
    if not machine.get("little_endian", True):
        raise CheckpointError(f"{source} was written by a machine of another byte order: save it anew on this one.")
    keys = read_pickle(file, source=source)
    if shapes_only:
        return _fill(values, None)
    stored = {tensor.key: tensor for tensor in _stored(values)}
    storages = {key: _read_storage(file, stored[key]) for key in map(str, keys)}
    return _fill(values, lambda tensor: storages[tensor.key])


def _read_storage(file: io.BufferedIOBase, stored: StoredTensor) -> bytearray:
    count = int.from_bytes(file.read(8), "little")
    if count != stored.count:
        raise ValueError("a storage of another length")
    return bytearray(file.read(count * stored.dtype.itemsize))


def _stored(values: Any, depth: int = 0) -> list[StoredTensor]:
    """Every tensor inside."""
    if isinstance(values, StoredTensor):
        return [values]
    inside = values.values() if isinstance(values, Mapping) else values if isinstance(values, list | tuple) else ()
    if depth > _DEEPEST:
        raise ValueError("containers without an end")
    return [tensor for value in inside for tensor in _stored(value, depth + 1)]


def _fill(values: Any, read: ReadBytes | None, depth: int = 0) -> Any:
    """The same containers with tensors in the place of what is stored; without `read`, of the meta device."""
    if depth > _DEEPEST:
        raise ValueError("containers without an end")
    if isinstance(values, StoredTensor):
        return _tensor(values, read)
    if isinstance(values, Mapping):
        return {key: _fill(value, read, depth + 1) for key, value in values.items()}
    if isinstance(values, list | tuple):
        return [_fill(value, read, depth + 1) for value in values]
    return values


def _tensor(stored: StoredTensor, read: ReadBytes | None) -> Tensor:
    # More values than the storage has would be one value shown many times, in more memory than the file's.
    if math.prod(stored.shape) > stored.count or min((*stored.shape, *stored.stride, stored.offset)) < 0:
        raise ValueError("a tensor larger than its storage")
    if read is None:
        return torch.empty_strided(stored.shape, stored.stride, dtype=stored.dtype, device="meta")
    content = read(stored)
    if len(content) != stored.count * stored.dtype.itemsize:
        raise ValueError("a storage of another length")
    flat = torch.frombuffer(content, dtype=stored.dtype) if content else torch.empty(0, dtype=stored.dtype)
    # A copy, so that a storage that several tensors share is let go of.
    return flat.as_strided(stored.shape, stored.stride, stored.offset).clone()
