"""How much memory something takes: the peak of a process that does nothing else."""

import ctypes
import dataclasses
import json
import os
import resource
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import torch

CHECKOUT = Path(__file__).parents[1]


def reset_peak(device: str) -> None:
    """Forget the memory that was used and given back before, where the system can."""
    if device.startswith("cuda"):
        torch.cuda.reset_peak_memory_stats(device)
    elif sys.platform == "linux":
        # glibc keeps what was freed, and it would count as used.
        trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
        if trim is not None:
            trim(0)
        # proc(5): "5" sets the peak resident size to the current one.
        Path("/proc/self/clear_refs").write_text("5", encoding="ascii")


def peak(device: str) -> int:
    """Bytes of memory that this program has had at most, without those of the process that started it."""
    if device.startswith("cuda"):
        return torch.cuda.max_memory_allocated(device)
    if sys.platform == "linux":
        # Of this program alone: what getrusage says on Linux begins with the peak of the process that started it.
        status = Path("/proc/self/status").read_text(encoding="ascii")
        return 1024 * next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmHWM:"))
    # Kilobytes, but bytes on macOS.
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)


def ask_process(module: str, settings: Any, **changes: object) -> Any:
    """What a benchmark prints as JSON on its last line, run in a process of its own.

    Args:
        module: Full name of the benchmark, such as "benchmarks.encoder".
        settings: Its settings, a dataclass.
        changes: Settings that differ.
    """
    values = {field.name: getattr(settings, field.name) for field in dataclasses.fields(settings)}
    command = [sys.executable, "-m", module, *flags(values | changes)]
    # The working folder stays, since settings may name files in it.
    path = os.pathsep.join(filter(None, [str(CHECKOUT), os.environ.get("PYTHONPATH")]))
    done = subprocess.run(command, check=True, capture_output=True, text=True, env=os.environ | {"PYTHONPATH": path})
    return json.loads(done.stdout.splitlines()[-1])


def flags(values: Mapping[str, object]) -> Iterator[str]:
    """Settings as command-line flags; what is None or a switch is left out."""
    for name, value in values.items():
        if value is None or isinstance(value, bool):
            continue
        yield f"--{name.replace('_', '-')}"
        yield from map(str, value if isinstance(value, tuple) else (value,))
