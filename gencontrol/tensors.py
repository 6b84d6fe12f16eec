"""Safetensors files that are the same bytes whenever they hold the same values.

The library keeps metadata in a table whose order changes from process to process, and the order is written.
"""

import json
from collections.abc import Mapping

from safetensors.torch import save
from torch import Tensor

# The format: eight bytes that say how long the header is, the header in JSON, and the tensors' bytes.
_LENGTH_BYTES = 8


def tensor_bytes(tensors: Mapping[str, Tensor], metadata: Mapping[str, str] | None = None) -> bytes:
    """A safetensors file's content, its metadata sorted by name.

    Args:
        tensors: Name -> values, on any device.
        metadata: Name -> text.
    """
    plain = {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}
    content = save(plain, dict(metadata) if metadata else None)
    start = _LENGTH_BYTES + int.from_bytes(content[:_LENGTH_BYTES], "little")
    header = json.loads(content[_LENGTH_BYTES:start])
    # Offsets count from behind the header, whose length may so change; a multiple of eight keeps the tensors aligned.
    if "__metadata__" in header:
        header["__metadata__"] = dict(sorted(header["__metadata__"].items()))
    text = json.dumps(header, ensure_ascii=False, separators=(",", ":")).encode()
    text += b" " * (-len(text) % _LENGTH_BYTES)
    return len(text).to_bytes(_LENGTH_BYTES, "little") + text + content[start:]
