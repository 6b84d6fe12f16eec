"""What is steered: named parts with a prompt, a weight and a highlight, from flags or YAML."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import torch
from jaxtyping import Bool, Float
from torch import Generator, Tensor

from gencontrol.errors import ConfigError, InputError
from gencontrol.nerf.field import grid
from gencontrol.nerf.parts.shapes import Shape, Whole, check_inside, membership
from gencontrol.nerf.rays.rendering import Membership, cube_span
from gencontrol.schedules import Schedule, constant, text_of


@dataclass(frozen=True, kw_only=True)
class Part:
    """One thing that is steered."""

    name: str
    """Unique in its run."""
    prompt: str
    """What it is to become; may be empty for a removal."""
    weight: Schedule = field(default_factory=lambda: constant(1.0))
    """How much it counts at a step."""
    shape: Shape = field(default_factory=Whole)
    """Where it is."""
    steered: bool = True
    """Whether a run steers it, or one did before; not so a scene's part that nothing has changed yet."""

    def __post_init__(self) -> None:
        # Blanks are no prompt, wherever it comes from: flags, YAML, the viewer, a checkpoint.
        object.__setattr__(self, "prompt", self.prompt.strip())
        if not self.name.strip():
            raise ConfigError(f"A part needs a name; got {self.name!r}.")
        if min(value for _, value in self.weight.points) < 0:
            raise ConfigError(
                f"The weight of part {self.name!r} must be at least 0; got {text_of(self.weight)}. What is to go is "
                "taken away by the mode 'remove'."
            )


def check_parts(parts: Sequence[Part]) -> tuple[Part, ...]:
    """Refuse repeated names and empty or outlying highlights.

    Raises:
        ConfigError: A name twice.
        InputError: A highlight that encloses nothing of the scene.
    """
    names = [part.name for part in parts]
    for name in names:
        if names.count(name) > 1:
            raise ConfigError(f"Two parts are called {name!r}: every part needs a name of its own.")
    for part in parts:
        check_inside(part.shape, name=part.name)
    return tuple(parts)


def memberships(parts: Sequence[Part]) -> Membership:
    """Hard membership of points in each part, (n, k): what is rendered as alpha."""

    def of(points: Float[Tensor, "n 3"]) -> Float[Tensor, "n k"]:
        return torch.stack([membership(part.shape, points) for part in parts], dim=1)

    return of


def part_names(parts: Sequence[Part]) -> tuple[str, ...]:
    """The parts' names, in their order."""
    return tuple(part.name for part in parts)


def largest_membership(parts: Sequence[Part], points: Float[Tensor, "n 3"], *, softness: float) -> Float[Tensor, " n"]:
    """How far each point may change: the largest of its memberships, [0, 1], exactly 0 outside all parts."""
    return torch.stack([membership(part.shape, points, softness=softness) for part in parts]).amax(dim=0)


@torch.no_grad()
def rays_crossing(
    parts: Sequence[Part], origins: Float[Tensor, "r 3"], directions: Float[Tensor, "r 3"], *, samples: int = 24
) -> Bool[Tensor, " r"]:
    """Which rays cross a part within the cube, by so many points along each."""
    near, far = cube_span(origins, directions)
    share = (torch.arange(samples, device=origins.device) + 0.5) / samples
    distance = near[:, None] + (far - near)[:, None] * share
    points = (origins[:, None] + directions[:, None] * distance[..., None]).reshape(-1, 3)
    inside = largest_membership(parts, points, softness=0.0) > 0
    return inside.reshape(len(origins), samples).any(dim=1)


def random_points_within(parts: Sequence[Part], resolution: int, *, generator: Generator) -> Float[Tensor, "n 3"]:
    """One place at random around each node of a lattice, of those that lie in a part; on the CPU."""
    points = grid.nodes(resolution)
    points = points + (torch.rand(points.shape, generator=generator) - 0.5) * (2 / (resolution - 1))
    return points[largest_membership(parts, points, softness=0.0) > 0]


def find_part(parts: Sequence[Part], name: str) -> Part:
    """The part of a name.

    Raises:
        InputError: There is none.
    """
    for part in parts:
        if part.name == name:
            return part
    raise InputError(f"No part {name!r}; the parts are {', '.join(part.name for part in parts)}.")
