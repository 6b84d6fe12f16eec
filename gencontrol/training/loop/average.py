"""Averaged weights (EMA): what a run evaluates and exports."""

import torch
from torch import nn


@torch.no_grad()
def update_average(average: nn.Module, module: nn.Module, *, decay: float, step: int) -> None:
    """Move the average towards the module's weights in place; buffers are copied.

    Early on the decay is (1 + step) / (10 + step) where that is smaller, so that the average forgets the random start.
    """
    weight = 1 - min(decay, (1 + step) / (10 + step))
    for mine, other in zip(average.parameters(), module.parameters(), strict=True):
        mine.lerp_(other, weight)
    for mine, other in zip(average.buffers(), module.buffers(), strict=True):
        mine.copy_(other)
