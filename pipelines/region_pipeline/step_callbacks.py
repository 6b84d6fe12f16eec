"""`callback_on_step_end` and strength schedules for stock loops that only know the legacy `callback`.

The stock loop owns `latents` and the condition as local variables and passes the legacy callback the former. Both are
tensors, so what a callback returns is copied into them; nothing of the loop itself is repeated here.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from diffusers.callbacks import MultiPipelineCallbacks, PipelineCallback
from jaxtyping import Float
from torch import Tensor

from gencontrol.conditioning.sampling import check_guidance
from gencontrol.errors import InputError
from gencontrol.pipelines.region_pipeline.condition import Conditioning

StepEnd = Callable[[Any, int, Any, dict[str, Any]], dict[str, Any] | None] | PipelineCallback | MultiPipelineCallbacks
"""`callback(pipeline, step, timestep, tensors)`, which returns what it changes."""
Legacy = Callable[[int, Any, Tensor], Any]
"""`callback(step, timestep, latents)`."""


@dataclass(frozen=True, kw_only=True)
class StepHooks:
    """What the caller wants to be called."""

    on_step_end: StepEnd | None
    """The callback of today's kind."""
    tensor_inputs: Sequence[str]
    """What it gets."""
    legacy: Legacy | None
    """The callback of the legacy kind."""
    every: int
    """Every how many steps that is called."""

    def __post_init__(self) -> None:
        if self.every < 1:
            raise InputError(f"callback_steps: expected a positive number of steps, got {self.every}.")


def step_callback(
    pipeline: Any, conditioning: Conditioning, hooks: StepHooks, *, guidance: Float[Tensor, ""] | None = None
) -> Legacy:
    """The legacy callback that moves the strength and calls the caller's callbacks.

    Args:
        pipeline: What the caller's callback gets as its first argument.
        conditioning: Of the call; its condition is made by the time of the first step.
        hooks: The caller's callbacks.
        guidance: The scale that the loop reads; it follows what a callback makes of the pipeline's.
    """
    strength = conditioning.strength

    def callback(step: int, timestep: Any, latents: Tensor) -> None:
        """Set the next step's strength, then call what the caller gave."""
        condition = conditioning.condition()
        if not strength.is_constant:
            # Not the steps that the caller asked for: some samplers take more.
            steps = math.ceil(pipeline.num_timesteps / pipeline.scheduler.order)
            condition.positive.copy_(condition.at_strength(strength.at_step(step + 1, steps)))
        if hooks.legacy is not None and step % hooks.every == 0:
            hooks.legacy(step, timestep, latents)
        if hooks.on_step_end is not None:
            halves = {"image_embeds": condition.positive, "negative_image_embeds": condition.negative}
            tensors = {"latents": latents, **halves}
            given = {name: tensors[name] for name in hooks.tensor_inputs}
            _write_back(tensors, hooks.on_step_end(pipeline, step, timestep, given) or {})
            if guidance is not None:
                _follow(guidance, pipeline.guidance_scale, guided=condition.guided)

    return callback


def tensor_inputs(pipeline: Any, callback: StepEnd | None, names: Sequence[str]) -> Sequence[str]:
    """The names of the tensors that a callback gets: its own, if it is one of diffusers' callback classes.

    Raises:
        InputError: A name that the pipeline does not offer.
    """
    if isinstance(callback, (PipelineCallback, MultiPipelineCallbacks)):
        names = callback.tensor_inputs
    known = pipeline._callback_tensor_inputs
    unknown = [name for name in names if name not in known]
    if unknown:
        raise InputError(
            f"callback_on_step_end_tensor_inputs: this pipeline offers {', '.join(known)}; got {', '.join(unknown)}."
        )
    return names


def _follow(guidance: Float[Tensor, ""], scale: float | int, *, guided: bool) -> None:
    """Let the loop read the pipeline's guidance scale at its next step."""
    check_guidance(scale)
    if scale > 1 and not guided:
        raise InputError("callback_on_step_end: a run without guidance has nothing to weigh: start it above 1.")
    guidance.fill_(scale)


def _write_back(tensors: Mapping[str, Tensor | None], outputs: Mapping[str, Any]) -> None:
    unknown = [str(name) for name in outputs if name not in tensors]
    if unknown:
        raise InputError(f"callback_on_step_end: it may return {', '.join(tensors)}; got {', '.join(unknown)}.")
    for name, value in outputs.items():
        target = tensors.get(name)
        if value is target or target is None:
            continue
        if not isinstance(value, Tensor) or value.shape != target.shape:
            got = tuple(value.shape) if isinstance(value, Tensor) else type(value).__name__
            raise InputError(f"callback_on_step_end: {name} must keep its shape {tuple(target.shape)}, got {got}.")
        target.copy_(value)
