"""Where a run computes."""

from typing import Literal

import torch
from accelerate import Accelerator

from gencontrol.errors import InputError

Device = Literal["auto", "cpu", "cuda"]
"""A GPU if there is one, a CPU in any case, or a GPU or nothing."""


def start_accelerator(device: Device) -> Accelerator:
    """The accelerator of this process, which whatever asks for one later shares.

    Raises:
        InputError: A GPU is wanted where there is none.
    """
    if device == "cuda" and not torch.cuda.is_available():
        raise InputError(
            "run.device: expected a GPU that PyTorch can use by CUDA, and this machine has none; leave it at auto, or "
            "use cpu. `gencontrol doctor` lists its devices."
        )
    return Accelerator(cpu=device == "cpu")
