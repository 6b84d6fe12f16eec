"""Where to compute, and in which number format."""

import os

import torch

from gencontrol.errors import ConfigError, InputError
from gencontrol.runs.notices import warn

DTYPES = {"float32": torch.float32, "bfloat16": torch.bfloat16, "float16": torch.float16}


def choose_device(name: str) -> torch.device:
    """The device of that name; `auto` is a GPU if there is one. Without a number, each process has its own.

    Raises:
        ConfigError: No device is called so.
        InputError: There is no such device on this machine.
    """
    if name == "auto":
        return _own(devices()[0].partition(":")[0])
    try:
        device = torch.device(name)
    except RuntimeError:
        raise ConfigError(f"`device`: expected auto, cpu, cuda, cuda:1, mps or xpu, got {name!r}.") from None
    there = _count(device.type)
    if (device.index or 0) >= there:
        what = f"{there} of them" if there else "none"
        raise InputError(f"`device` {name}: this machine has {what}; `gencontrol doctor` lists its devices.")
    return _own(device.type) if device.index is None else device


def choose_dtype(name: str, device: torch.device) -> torch.dtype:
    """The number format of that name; `auto` is float16 on a GPU and float32 elsewhere.

    Warns with a `RunWarning` of float16 on a CPU.
    """
    if name == "auto":
        return torch.float16 if device.type in ("cuda", "xpu") else torch.float32
    if name == "float16" and device.type == "cpu":
        warn("`dtype` float16 is meant for GPUs: on a CPU it may be slow, and float32 is more exact.")
    return DTYPES[name]


def devices() -> list[str]:
    """Every device of this machine, best first."""
    return [f"{kind}:{i}" for kind in ("cuda", "xpu") for i in range(_count(kind))] + ["mps"] * _count("mps") + ["cpu"]


def _own(kind: str) -> torch.device:
    if kind in ("cuda", "xpu"):
        # `accelerate launch` and torchrun number the processes of one machine.
        return torch.device(kind, int(os.environ.get("LOCAL_RANK", "0")) % _count(kind))
    return torch.device(kind)


def _count(kind: str) -> int:
    if kind == "cuda":
        return torch.cuda.device_count()
    if kind == "xpu":
        return torch.xpu.device_count() if torch.xpu.is_available() else 0
    if kind == "mps":
        return int(torch.backends.mps.is_available())
    return int(kind == "cpu")
