"""A learning-rate schedule whose state is Python floats.

nerfstudio's own put numpy scalars into the optimiser, and a checkpoint that holds one cannot be opened by `torch.load`
with `weights_only=True`, the default since torch 2.6: neither `--load-dir` nor any `ns-*` tool would work.
"""

from typing import Any

from nerfstudio.engine.schedulers import Scheduler
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LambdaLR


def decay_factor(step: int, *, final: float, max_steps: int) -> float:
    """`final ** (step / max_steps)`, constant after `max_steps`."""
    return float(final ** (min(step, max_steps) / max(max_steps, 1)))


class FloatDecay(Scheduler):
    """nerfstudio's wrapper around `decay_factor`."""

    config: Any

    def get_scheduler(self, optimizer: Optimizer, lr_init: float) -> LambdaLR:
        """The torch scheduler."""
        final, max_steps = self.config.final, self.config.max_steps
        return LambdaLR(optimizer, lambda step: decay_factor(step, final=final, max_steps=max_steps))
