"""The method's losses beside guidance, each already times its weight; free of nerfstudio."""

from collections.abc import Mapping, Sequence

import torch
from jaxtyping import Float
from torch import Tensor

from gencontrol.errors import GencontrolError
from gencontrol.guidance.losses import opacity_entropy, total_variation, transmittance_loss
from gencontrol.guidance.schedules import Schedule, value_at
from gencontrol.nerf.parts import Part
from gencontrol.nerf.render import Rendering

Schedules = Mapping[str, Schedule]


def weighted_guidance(
    guidance: Mapping[str, Tensor], parts: Sequence[Part], schedules: Schedules, *, step: int
) -> dict[str, Float[Tensor, ""]]:
    """The mean guidance loss of each part, times its own weight and the overall one."""
    overall = value_at(schedules["guidance"], step)
    weights = {part.name: value_at(part.weight, step) for part in parts}
    return {f"guidance_{name}": overall * weights[name] * loss.mean() for name, loss in guidance.items()}


def emptiness(seen: Rendering, schedules: Schedules, *, mode: str, step: int) -> dict[str, Float[Tensor, ""]]:
    """Entropy of the opacity; for a creation, the reward for transmittance; for a removal, what is left of the parts.

    Args:
        seen: (b, h, w) rays.
        schedules: By name.
        mode: The method's.
        step: Decides on the weights.
    """
    losses = {"entropy": value_at(schedules["entropy"], step) * opacity_entropy(seen.opacity).mean()}
    if mode == "create":
        ceiling = value_at(schedules["transmittance_ceiling"], step)
        reward = transmittance_loss(seen.opacity, ceiling=ceiling).mean()
        losses["transmittance"] = value_at(schedules["transmittance"], step) * reward
    if mode == "remove":
        losses["removal"] = value_at(schedules["removal"], step) * seen.parts.amax(dim=-1).mean()
    return losses


def smoothness(change: Float[Tensor, "4 r r r"], schedules: Schedules, *, step: int) -> dict[str, Float[Tensor, ""]]:
    """Total variation of the trained lattice's density and colour."""
    variation = total_variation(change[None])[0]
    density, colour = (value_at(schedules[f"{name}_variation"], step) for name in ("density", "colour"))
    return {"density_variation": density * variation[0], "colour_variation": colour * variation[1:].mean()}


def photometric(seen: Rendering, target: Float[Tensor, "r 3"], behind: Float[Tensor, "r 3"]) -> Float[Tensor, ""]:
    """Mean squared error of rays over the background that their pixels were taken in front of."""
    return (seen.colour + (1 - seen.opacity)[:, None] * behind - target).square().mean()


def check_finite(losses: Mapping[str, Tensor], *, step: int) -> None:
    """Stop a run that diverges.

    Raises:
        GencontrolError: A loss is not finite; the message names it and the step.
    """
    for name, loss in losses.items():
        if not torch.isfinite(loss):
            raise GencontrolError(
                f"The run diverged: {name} is {loss.item()} at step {step}. Lower the learning rate "
                "(--optimizers.field.optimizer.lr) or the loss's weight; the last checkpoint is intact."
            )
