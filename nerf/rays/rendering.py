"""Differentiable volume rendering of colour, opacity and highlighted parts, skipping empty space."""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float
from torch import Generator, Tensor

from gencontrol.images.bounds import bounded
from gencontrol.nerf.field.grid import is_occupied
from gencontrol.nerf.rays.cameras import Cameras, camera_rays

Field = Callable[[Tensor], tuple[Tensor, Tensor]]
"""Points (n, 3) -> density (n) per world unit and sRGB colour (n, 3)."""
Membership = Callable[[Tensor], Tensor]
"""Points (n, 3) -> (n, k), how far each point belongs to each of k parts, [0, 1]."""


@dataclass(frozen=True, kw_only=True)
class Rendering:
    """What rays see. Leading dimensions are the rays'."""

    colour: Float[Tensor, "*r 3"]
    """Premultiplied sRGB: over black."""
    opacity: Float[Tensor, "*r"]
    """Accumulated opacity of everything, [0, 1]."""
    depth: Float[Tensor, "*r"]
    """Expected distance along the ray in world units, 0 where nothing is."""
    parts: Float[Tensor, "*r k"]
    """Accumulated opacity of each highlighted part: the sum of weight times membership, [0, 1]."""


@dataclass(frozen=True, kw_only=True)
class Quadrature:
    """How rays are sampled."""

    samples: int = 64
    """Samples between a ray's entry into the scene's cube and its exit."""
    stop_alpha_gradient: bool = False
    """Keep the gradient of the parts' alpha from reaching density."""


def cube_span(
    origins: Float[Tensor, "r 3"], directions: Float[Tensor, "r 3"]
) -> tuple[Float[Tensor, " r"], Float[Tensor, " r"]]:
    """Distances at which rays enter and leave [-1, 1] on each axis (slab method); equal where a ray misses."""
    inverse = 1 / torch.where(directions.abs() < 1e-9, torch.full_like(directions, 1e-9), directions)
    first, second = (-1 - origins) * inverse, (1 - origins) * inverse
    near = torch.minimum(first, second).amax(dim=-1).clamp(min=0)
    far = torch.maximum(first, second).amin(dim=-1)
    return near, torch.maximum(near, far)


def ray_weights(density: Float[Tensor, "r s"], step: Float[Tensor, "r 1"]) -> Float[Tensor, "r s"]:
    """The share of each sample in what its ray sees: transmittance before it times its own opacity (Max 1995)."""
    optical = density * step
    before = torch.cumsum(optical, dim=-1) - optical
    return torch.exp(-before) * -torch.expm1(-optical)


def render_rays(
    field: Field,
    origins: Float[Tensor, "r 3"],
    directions: Float[Tensor, "r 3"],
    *,
    quadrature: Quadrature,
    cells: Bool[Tensor, "z y x"] | None = None,
    membership: Membership | None = None,
    generator: Generator | None = None,
) -> Rendering:
    """Render rays through the cube [-1, 1]; differentiable in whatever the field depends on.

    Args:
        field: What is asked at sample points; only at those in occupied cells.
        origins: Ray origins, world.
        directions: Unit ray directions, world.
        quadrature: Number of samples and the gradient switch.
        cells: Occupied cells of the cube; None asks the field everywhere.
        membership: The parts; None renders no part (k = 0).
        generator: Moves each ray's samples by one offset within their intervals; on the CPU. None takes the middles.
    """
    near, far = cube_span(origins, directions)
    step = ((far - near) / quadrature.samples)[:, None]
    place = torch.arange(quadrature.samples, device=origins.device) + _offsets(len(origins), generator).to(origins)
    distance = near[:, None] + step * place
    points = (origins[:, None] + directions[:, None] * distance[..., None]).reshape(-1, 3)
    kept = (step > 0).expand_as(distance).reshape(-1)
    if cells is not None:
        kept = kept & is_occupied(cells, points)
    index = kept.nonzero()[:, 0]
    return _accumulate(
        field, points[index], index, distance, step, stop=quadrature.stop_alpha_gradient, parts=membership
    )


def render_view(
    field: Field,
    cameras: Cameras,
    *,
    quadrature: Quadrature,
    cells: Bool[Tensor, "z y x"] | None = None,
    membership: Membership | None = None,
    chunk: int = 1 << 15,
) -> Rendering:
    """Render whole pictures, (b, h, w) rays, some rays at a time."""
    origins, directions = (rays.reshape(-1, 3) for rays in camera_rays(cameras))
    pieces = [
        render_rays(field, o, d, quadrature=quadrature, cells=cells, membership=membership)
        for o, d in zip(origins.split(chunk), directions.split(chunk), strict=True)
    ]
    return reshape_rays(concatenate_rays(pieces), (len(cameras.pose), cameras.height, cameras.width))


def concatenate_rays(pieces: list[Rendering]) -> Rendering:
    """Rays of several renderings, one after another."""
    names = ("colour", "opacity", "depth", "parts")
    return Rendering(**{name: torch.cat([getattr(piece, name) for piece in pieces]) for name in names})


def reshape_rays(rendering: Rendering, shape: tuple[int, ...]) -> Rendering:
    """The same rays in another leading shape."""
    return Rendering(
        colour=rendering.colour.reshape(*shape, 3),
        opacity=rendering.opacity.reshape(shape),
        depth=rendering.depth.reshape(shape),
        parts=rendering.parts.reshape(*shape, rendering.parts.shape[-1]),
    )


def _offsets(rays: int, generator: Generator | None) -> Float[Tensor, "r 1"]:
    if generator is None:
        return torch.full((1, 1), 0.5).expand(rays, 1)
    return torch.rand(rays, 1, generator=generator)


def _accumulate(
    field: Field,
    points: Float[Tensor, "n 3"],
    index: Tensor,
    distance: Float[Tensor, "r s"],
    step: Float[Tensor, "r 1"],
    *,
    stop: bool,
    parts: Membership | None,
) -> Rendering:
    density, rgb = field(points)
    dense = density.new_zeros(distance.numel()).index_put((index,), density).reshape(distance.shape)
    weights = ray_weights(dense, step)
    shares = weights.reshape(-1)[index][:, None]
    member = shares.new_zeros(len(points), 0) if parts is None else parts(points).to(shares)
    ray = index // distance.shape[1]
    seen = torch.cat([shares * rgb, (shares.detach() if stop else shares) * member], dim=1)
    summed = seen.new_zeros(len(distance), seen.shape[1]).index_add(0, ray, seen)
    opacity = weights.sum(dim=-1)
    return Rendering(
        colour=summed[:, :3], opacity=opacity, depth=(weights * distance).sum(-1), parts=bounded(summed[:, 3:])
    )
