"""What every training run is told: how long, how fast, how often to save and look."""

import os
import shutil
from dataclasses import dataclass
from typing import Literal

from gencontrol.errors import ConfigError
from gencontrol.numbers import check_number
from gencontrol.training.loop.devices import Device
from gencontrol.training.loop.precision import Precision

MOST_LEARNING_RATE = 10.0
"""Beyond, AdamW moves every weight further in one step than weights are large."""
_MOST = 10**9
"""Steps, or samples of a step: more than any machine gets done."""
LARGEST_SEED = 2**63 - 2
"""torch takes signed ones of 64 bits, and what is judged has the next."""


@dataclass(frozen=True, kw_only=True)
class RunConfig:
    """Settings that all stages share."""

    steps: int = 1000
    """Optimiser steps."""
    batch: int = 128
    """Samples per optimiser step, over all processes and accumulated micro-batches."""
    chunk: int = 32
    """Samples drawn at a time. It divides each process's micro-batch; changing it changes the data."""
    accumulation: int = 1
    """Micro-batches per step. A contrastive loss compares within a micro-batch."""
    learning_rate: float = 1e-3
    """Peak step size; parameter groups may scale it."""
    warmup: int = 100
    """Steps of linear warm-up."""
    schedule: Literal["cosine", "constant"] = "cosine"
    """Of the step size after the warm-up: a cosine down to zero over all steps, or constant with a decay at the end; a
    run of the latter may be given more steps until its decay begins."""
    decay: float = 0.0
    """Share of a constant schedule at its end, [0, 1], over which the step size falls to zero."""
    weight_decay: float = 0.02
    """AdamW's decay of matrices and convolutions; vectors (biases, norms, class token) are not decayed."""
    optimizer: Literal["adamw", "muon"] = "adamw"
    """AdamW for everything, or Muon for the matrices that a stage names as hidden and AdamW for the rest."""
    muon_scale: float = 2.0
    """Factor on the learning rate of what Muon trains."""
    beta2: float = 0.98
    """AdamW's second-moment decay; 0.98 as CLIP's ViTs."""
    gradient_clip: float = 1.0
    """Largest gradient norm."""
    precision: Precision = "auto"
    """Of the forward pass; weights and optimiser stay float32. `auto` is bfloat16 where the processor multiplies it
    natively and float32 elsewhere: a CPU that emulates bfloat16 is a hundred times slower with it."""
    device: Device = "auto"
    """Where the run computes: auto takes a GPU if there is one, cuda nothing else. A run may go on elsewhere."""
    compile: bool = False
    """Whether the forward and backward pass are compiled (`torch.compile`): a third faster for `tiny`'s towers, after a
    minute of compiling; needs a C++ compiler, and rounds otherwise than an uncompiled run."""
    ema: float = 0.999
    """Decay of the averaged weights, which are what is evaluated and exported; 0 switches averaging off."""
    seed: int = 0
    """Of the weights and of the data stream."""
    log_every: int = 20
    """Steps between lines in the log."""
    evaluate_every: int = 500
    """Steps between evaluations, on the test split; 0 is never."""
    sheet_every: int = 1000
    """Steps between sample sheets; 0 is never."""
    checkpoint_every: int = 200
    """Steps between checkpoints; the last two are kept."""

    def __post_init__(self) -> None:
        for name in ("steps", "batch", "chunk", "accumulation", "log_every", "checkpoint_every"):
            check_number(getattr(self, name), name=name, at_least=1, at_most=_MOST)
        for name in ("warmup", "evaluate_every", "sheet_every"):
            check_number(getattr(self, name), name=name, at_least=0, at_most=_MOST, unit="steps")
        check_number(self.seed, name="seed", at_least=0, at_most=LARGEST_SEED)
        check_number(self.learning_rate, name="learning_rate", above=0, at_most=MOST_LEARNING_RATE)
        check_number(self.weight_decay, name="weight_decay", at_least=0, below=1 / self.learning_rate)
        check_number(self.muon_scale, name="muon_scale", above=0, at_most=100)
        check_number(self.beta2, name="beta2", at_least=0, below=1)
        check_number(self.gradient_clip, name="gradient_clip", above=0)
        if not 0 <= self.decay <= 1:
            raise ConfigError(f"decay: expected a share of the run from 0 to 1, got {self.decay}.")
        if self.decay and self.schedule == "cosine":
            raise ConfigError("decay belongs to the constant schedule; a cosine falls over all steps.")
        if not 0 <= self.ema < 1:
            raise ConfigError(f"ema: expected 0 up to (not including) 1, got {self.ema}.")
        if self.compile and shutil.which(os.environ.get("CXX", "g++")) is None:
            raise ConfigError("compile: no C++ compiler was found (g++, or what CXX names); install one, or use false.")
        if self.batch % (self.chunk * self.accumulation):
            raise ConfigError(
                f"batch {self.batch} is not a multiple of chunk {self.chunk} times accumulation {self.accumulation}."
            )
