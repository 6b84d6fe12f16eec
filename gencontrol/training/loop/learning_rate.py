"""Step size over a run."""

import math


def cosine_schedule(step: int, *, steps: int, warmup: int) -> float:
    """Factor on the peak step size for the update after `step` updates: linear warm-up, then cosine to zero.

    Source: Loshchilov and Hutter, "SGDR", arXiv 1608.03983, without restarts.
    """
    if step < warmup:
        return (step + 1) / warmup
    progress = min((step - warmup) / max(steps - warmup, 1), 1.0)
    return 0.5 * (1 + math.cos(math.pi * progress))


def decay_begins(steps: int, decay: float) -> int:
    """The update at which the last share `decay` of a run begins."""
    return steps - round(decay * steps)


def constant_schedule(step: int, *, steps: int, warmup: int, decay: float) -> float:
    """Factor on the peak step size: linear warm-up, constant, and over the last share `decay` down to zero.

    Until the decay begins nothing depends on `steps`, so a run can be prolonged. The shape of the decay, one minus a
    square root, is the best of those compared by Hägele et al., arXiv 2405.18392.
    """
    if step < warmup:
        return (step + 1) / warmup
    begun = step - decay_begins(steps, decay)
    return 1.0 if begun < 0 else max(1 - math.sqrt((begun + 1) / max(round(decay * steps), 1)), 0.0)
