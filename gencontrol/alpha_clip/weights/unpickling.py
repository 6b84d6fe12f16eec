"""The one place where pickles are read: an allow-list, and nothing that it names can run anything.

Files of torch's say in a pickle which bytes are which tensor. Python's unpickler calls whatever a pickle asks for, so
here it is handed only what stands in the two lists below: a few instructions, and a few names, behind each of which is
a constructor of this file and not the thing itself. What comes out are plain containers, numbers, texts, and
`StoredTensor`s: descriptions of where the values lie, which others read. Objects of a TorchScript archive come out as
mappings of their attributes; their code is never looked at.
"""

import io
import pickle
import pickletools
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import IO, Any, cast

import torch

from gencontrol.errors import CheckpointError

_INSTRUCTIONS = frozenset(
    "PROTO FRAME STOP MARK NONE NEWTRUE NEWFALSE BININT BININT1 BININT2 LONG1 LONG4 BINFLOAT "
    "BINUNICODE SHORT_BINUNICODE BINUNICODE8 BINSTRING SHORT_BINSTRING BINBYTES SHORT_BINBYTES "
    "EMPTY_DICT EMPTY_LIST EMPTY_TUPLE TUPLE TUPLE1 TUPLE2 TUPLE3 SETITEM SETITEMS APPEND APPENDS "
    "BINPUT LONG_BINPUT MEMOIZE BINGET LONG_BINGET GLOBAL STACK_GLOBAL REDUCE NEWOBJ BUILD BINPERSID".split()
)
"""What torch's writers use; nothing that reaches for a name in another way than `find_class` sees."""

_DTYPES: Mapping[str, torch.dtype] = {
    "DoubleStorage": torch.float64,
    "FloatStorage": torch.float32,
    "HalfStorage": torch.float16,
    "BFloat16Storage": torch.bfloat16,
    "LongStorage": torch.int64,
    "IntStorage": torch.int32,
    "ShortStorage": torch.int16,
    "CharStorage": torch.int8,
    "ByteStorage": torch.uint8,
    "BoolStorage": torch.bool,
}

_OTHER_TENSORS: Mapping[str, str] = {
    "torch.ComplexFloatStorage": "tensors of complex numbers",
    "torch.ComplexDoubleStorage": "tensors of complex numbers",
    "torch.QInt8Storage": "quantized tensors",
    "torch.QUInt8Storage": "quantized tensors",
    "torch.QInt32Storage": "quantized tensors",
    "torch._utils._rebuild_qtensor": "quantized tensors",
    "torch._utils._rebuild_sparse_tensor": "sparse tensors",
    "torch._utils._rebuild_tensor_v3": "tensors in 8-bit floating point or another rare number format",
}
"""What torch's writers name for tensors that no tower's weights are."""


@dataclass(frozen=True, kw_only=True)
class StoredTensor:
    """A tensor whose values have not been read."""

    key: str
    """Of the storage that holds the values, in its file."""
    dtype: torch.dtype
    """Of the values."""
    count: int
    """Values in the storage."""
    offset: int
    """Of the first value, counted in values."""
    shape: tuple[int, ...]
    """Size along each axis."""
    stride: tuple[int, ...]
    """Values between neighbours along each axis."""


class _ScriptObject(dict[Any, Any]):
    """An object of a TorchScript archive, as its attributes."""

    def __setstate__(self, state: Any) -> None:
        if not isinstance(state, dict):
            raise pickle.UnpicklingError("an object whose state is no mapping")
        self.update(state)


def read_pickle(stream: io.BufferedIOBase, *, source: str) -> Any:
    """Read the one pickle that begins where the stream stands; the stream is left behind it.

    Args:
        stream: Can be wound back.
        source: How errors call the file.

    Raises:
        CheckpointError: An object that is not on the list, or a pickle that is cut off or damaged.
    """
    start = stream.tell()
    length = stream.seek(0, 2)
    try:
        stream.seek(start)
        _check_instructions(stream, length)
        stream.seek(start)
        return _Unpickler(stream, encoding="utf-8").load()
    except _ForbiddenError as error:
        raise CheckpointError(
            f"{source} holds pickled objects ({error}), which could run anything: only tensors are read. Get it from "
            "where it was made as a state dict or as safetensors."
        ) from None
    except _OtherTensorError as error:
        raise CheckpointError(
            f"{source} holds {error}: expected plain tensors of floating-point or whole numbers, as weights are."
        ) from None
    except Exception as error:  # By Python's documentation, damaged pickles raise anything.
        raise CheckpointError(f"{source} cannot be read: it is truncated, or no file of torch's.") from error


def read_plain_pickle(content: bytes, *, source: str) -> Any:
    """The lists, mappings, texts and numbers of a pickle that holds nothing else, as data sets' annotations are.

    Args:
        content: The whole file.
        source: How errors call it.

    Raises:
        CheckpointError: Any object, or a pickle that is cut off or damaged.
    """
    try:
        return _PlainUnpickler(io.BytesIO(content), encoding="latin1").load()
    except _ForbiddenError as error:
        raise CheckpointError(
            f"{source} holds pickled objects ({error}), which could run anything: only lists, mappings, texts and "
            "numbers are read."
        ) from None
    except Exception as error:  # By Python's documentation, damaged pickles raise anything.
        raise CheckpointError(f"{source} cannot be read: it is truncated, or no pickle.") from error


class _ForbiddenError(Exception):
    """What is not on the lists; its text is the thing's name."""


class _OtherTensorError(Exception):
    """A tensor of torch's own, of a kind that is not read; its text says which."""


def _check_instructions(stream: io.BufferedIOBase, length: int) -> None:
    """Go through the pickle without doing what it says; `length` is the whole stream's."""
    start = stream.tell()
    for instruction, argument, position in pickletools.genops(cast(IO[bytes], stream)):
        if position == start and instruction.name != "PROTO":
            raise pickle.UnpicklingError("not the beginning of a pickle of torch's")
        if instruction.name not in _INSTRUCTIONS:
            raise _ForbiddenError(f"the instruction {instruction.name}")
        # The unpickler makes room for as many notes as the highest number asks for.
        if instruction.name == "LONG_BINPUT" and isinstance(argument, int) and argument > length:
            raise pickle.UnpicklingError("a note beyond the file's length")


class _Unpickler(pickle.Unpickler):
    def find_class(self, module_name: str, global_name: str, /) -> Any:
        """What stands for a name: a constructor of this file, or nothing."""
        if module_name == "__torch__" or module_name.startswith("__torch__."):
            return _ScriptObject
        if module_name == "torch" and global_name in _DTYPES:
            return _DTYPES[global_name]
        known = _NAMES.get((module_name, global_name))
        other = _OTHER_TENSORS.get(f"{module_name}.{global_name}")
        if other is not None:
            raise _OtherTensorError(f"{other} ({module_name}.{global_name})")
        if known is None:
            raise _ForbiddenError(printable(f"{module_name}.{global_name}"))
        return known

    def persistent_load(self, pid: Any, /) -> StoredTensor:
        """A storage, as the flat tensor of all its values: ('storage', type, key, device, count, ...)."""
        kind, dtype, key, _, count = pid[:5]
        if kind != "storage" or not isinstance(dtype, torch.dtype):
            raise _ForbiddenError(printable(str(kind)))
        return StoredTensor(key=str(key), dtype=dtype, count=int(count), offset=0, shape=(int(count),), stride=(1,))


# Python's own, in Python: the one in C makes room for as many notes as the highest number asks for. Texts of Python 2
# come in instructions of their own, which `pickletools` cannot go through where they are not ASCII.
class _PlainUnpickler(pickle._Unpickler):
    def find_class(self, module: str, name: str) -> Any:
        """Nothing has a name here."""
        raise _ForbiddenError(printable(f"{module}.{name}"))

    def persistent_load(self, pid: Any) -> Any:
        """Nothing lies elsewhere."""
        raise _ForbiddenError("a reference to something outside")

    def get_extension(self, code: int) -> Any:
        """A registry of names that this process may have."""
        raise _ForbiddenError(f"the extension {code}")


def _tensor(storage: Any, offset: Any, shape: Any, stride: Any, *_: Any) -> StoredTensor:
    # What follows is about gradients and hooks, neither of which a weight has.
    if not isinstance(storage, StoredTensor):
        raise pickle.UnpicklingError("a tensor without a storage")
    return StoredTensor(
        key=storage.key,
        dtype=storage.dtype,
        count=storage.count,
        offset=int(offset),
        shape=tuple(int(n) for n in shape),
        stride=tuple(int(n) for n in stride),
    )


def _first(value: Any, *_: Any) -> Any:
    return value


_NAMES: Mapping[tuple[str, str], Callable[..., Any]] = {
    ("collections", "OrderedDict"): OrderedDict,
    ("torch", "Size"): tuple,
    ("torch._utils", "_rebuild_tensor"): _tensor,
    ("torch._utils", "_rebuild_tensor_v2"): _tensor,
    ("torch._utils", "_rebuild_parameter"): _first,
    ("torch.jit._pickle", "build_boollist"): list,
    ("torch.jit._pickle", "build_doublelist"): list,
    ("torch.jit._pickle", "build_intlist"): list,
    ("torch.jit._pickle", "build_tensorlist"): list,
    ("torch.jit._pickle", "restore_type_tag"): _first,
}
"""(module, name) -> what is called in its place."""


def printable(text: str, length: int = 80) -> str:
    """A text out of a stranger's file, cut, and without what a terminal would obey."""
    shown = "".join(letter if letter.isprintable() else "?" for letter in text)
    return shown if len(shown) <= length else f"{shown[: length - 3]}..."
