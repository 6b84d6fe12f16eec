"""The forward pass's precision: bfloat16 where the processor has it."""

from contextlib import AbstractContextManager
from typing import Literal

import torch

Precision = Literal["auto", "float32", "bfloat16"]


def forward_precision(device_type: str, precision: Precision) -> AbstractContextManager[object]:
    """Autocast for a forward pass on a kind of device ("cpu", "cuda")."""
    return torch.autocast(device_type, dtype=torch.bfloat16, enabled=uses_bfloat16(device_type, precision))


def uses_bfloat16(device_type: str, precision: Precision) -> bool:
    """Whether that precision means bfloat16 on that kind of device."""
    return precision == "bfloat16" or (precision == "auto" and multiplies_bfloat16(device_type))


def multiplies_bfloat16(device_type: str) -> bool:
    """Whether the device multiplies bfloat16 natively; the rest emulate it, at a hundredth of the speed on a CPU."""
    if device_type == "cuda":
        return torch.cuda.is_bf16_supported(including_emulation=False)
    if device_type == "cpu":
        # Older releases of torch cannot tell; float32 is right everywhere.
        capabilities = getattr(torch.cpu, "get_capabilities", dict)()
        return bool(capabilities.get("avx512_bf16") or capabilities.get("amx_bf16"))
    return False
