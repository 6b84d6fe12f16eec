"""Arguments that change from step to step: stock loops read the caller's dictionary anew at each."""

from collections.abc import Callable
from typing import Any

import torch

Callback = Callable[[Any, int, Any, dict[str, Any]], dict[str, Any]]
"""What diffusers calls after each step: (pipeline, step, timestep, tensors) -> changed tensors."""


def changing(arguments: dict[str, Any], key: str, at: Callable[[float], Any]) -> Callback:
    """A `callback_on_step_end` that sets an entry for the next step; nothing is left on the pipeline.

    Args:
        arguments: The dictionary that the call is given; it is set for the first step now, and again after the last,
            so that it serves another call.
        key: Which entry.
        at: The entry at a fraction of the run: 0 is the first step, 1 the last.
    """
    arguments[key] = at(0.0)

    def on_step_end(pipeline: Any, step: int, timestep: Any, tensors: dict[str, Any]) -> dict[str, Any]:
        # As the first one was made.
        with torch.device("cpu"):
            arguments[key] = at(next_fraction(step, pipeline.num_timesteps))
        return {}

    return on_step_end


def next_fraction(step: int, steps: int) -> float:
    """Where in the run the step after `step` is; after the last, that is the first of the next run."""
    return (step + 1) / (steps - 1) if step + 1 < steps else 0.0
