"""The method's losses beside guidance, each already times its weight; free of nerfstudio."""

from collections.abc import Mapping, Sequence

import torch
from jaxtyping import Bool, Float
from torch import Generator, Tensor

from gencontrol.errors import GencontrolError
from gencontrol.guidance.losses import opacity_entropy, total_variation, transmittance_loss
from gencontrol.nerf.parts.parts import Part, random_points_within, rays_crossing
from gencontrol.nerf.rays.rendering import Field, Rendering
from gencontrol.nerf.steering.guidance import Guidance
from gencontrol.schedules import Schedule, value_at

Schedules = Mapping[str, Schedule]


def weighted_guidance(
    guidance: Guidance, parts: Sequence[Part], schedules: Schedules, *, step: int
) -> dict[str, Float[Tensor, ""]]:
    """The mean guidance losses of each part, times its own weight and the overall ones."""
    overall, contrasting = (value_at(schedules[name], step) for name in ("guidance", "contrast"))
    weights = {part.name: value_at(part.weight, step) for part in parts}
    losses = {f"guidance_{name}": overall * weights[name] * loss.mean() for name, loss in guidance.similarity.items()}
    contrast = {
        f"contrast_{name}": contrasting * weights[name] * loss.mean() for name, loss in guidance.contrast.items()
    }
    return losses | contrast


def emptiness(
    seen: Rendering,
    schedules: Schedules,
    *,
    mode: str,
    step: int,
    crossed: Bool[Tensor, " r"] | None = None,
    dense: Float[Tensor, " n"] | None = None,
) -> dict[str, Float[Tensor, ""]]:
    """What rewards a clear picture, by mode.

    A creation: little entropy of the opacity, and transmittance. A replacement: the same, the transmittance that of the
    parts over the rays that cross them, so that it does not fill its highlight. An edit: little entropy. A removal:
    little left of the parts, in views and in the volume; no entropy there, which would hold on to what is opaque. A
    recolouring changes no opacity.

    Args:
        seen: (b, h, w) rays.
        schedules: By name.
        mode: The method's.
        step: Decides on the weights.
        crossed: Which of the rays, flat, cross a part; for a replacement.
        dense: Density at places within the parts; for a removal.
    """
    losses: dict[str, Tensor] = {}
    if mode in ("create", "edit", "replace"):
        losses["entropy"] = value_at(schedules["entropy"], step) * opacity_entropy(seen.opacity).mean()
    if mode in ("create", "replace"):
        ceiling = value_at(schedules["transmittance_ceiling" if mode == "create" else "replace_ceiling"], step)
        rays = None if crossed is None else crossed.reshape(seen.opacity.shape)
        opacity = seen.opacity if mode == "create" else seen.parts.amax(dim=-1)
        reward = transmittance_loss(opacity, ceiling=ceiling, among=rays).mean()
        losses["transmittance"] = value_at(schedules["transmittance"], step) * reward
    if mode == "remove":
        assert dense is not None
        weight = value_at(schedules["removal"], step)
        losses |= {
            "removal": weight * seen.parts.amax(dim=-1).mean(),
            "removal_within": weight * remaining(dense).mean(),
        }
    return losses


def emptiness_inputs(
    parts: Sequence[Part],
    field: Field,
    rays: tuple[Float[Tensor, "r 3"], Float[Tensor, "r 3"]],
    *,
    mode: str,
    resolution: int,
    generator: Generator,
) -> dict[str, Tensor]:
    """What `emptiness` needs of some modes beside pictures: `crossed`, or `dense`.

    Args:
        parts: What is steered.
        field: The scene as it is now.
        rays: Origins and directions of all that were rendered.
        mode: The method's.
        resolution: Nodes along a side of the lattice around which places within the parts are drawn.
        generator: Draws them; on the CPU.
    """
    if mode == "replace":
        return {"crossed": rays_crossing(parts, *rays)}
    if mode != "remove":
        return {}
    points = random_points_within(parts, resolution, generator=generator).to(rays[0])
    return {"dense": field(points)[0]}


def remaining(density: Float[Tensor, " n"]) -> Float[Tensor, " n"]:
    """How much is there, on a scale that pulls at what is solid too: log(1 + density).

    What is seen of something solid does not change with its density, and nothing within it is seen at all.
    """
    return density.log1p()


def smoothness(
    change: Float[Tensor, "4 r r r"], schedules: Schedules, *, step: int, fitting: bool = False
) -> dict[str, Float[Tensor, ""]]:
    """Total variation of the trained lattice's density and colour; of colour less while pictures are fitted."""
    variation = total_variation(change[None])[0]
    names = ("density", "fit_colour" if fitting else "colour")
    density, colour = (value_at(schedules[f"{name}_variation"], step) for name in names)
    return {"density_variation": density * variation[0], "colour_variation": colour * variation[1:].mean()}


def check_finite(losses: Mapping[str, Tensor], *, step: int) -> None:
    """Stop a run that diverges.

    Raises:
        GencontrolError: A loss is not finite; the message names it and the step.
    """
    for name, loss in losses.items():
        if not torch.isfinite(loss):
            raise GencontrolError(
                f"The run diverged: {name} is {loss.item()} at step {step}. Lower the learning rate "
                "(`learning_rate`) or the loss's weight; the last checkpoint is intact."
            )
