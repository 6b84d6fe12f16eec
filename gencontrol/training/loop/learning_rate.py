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
