"""From masks painted on views to a part of the volume."""

from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Bool, Float
from scipy import ndimage
from torch import Tensor

from gencontrol.errors import InputError
from gencontrol.nerf.field import grid
from gencontrol.nerf.parts.shapes import Voxels
from gencontrol.nerf.rays.cameras import Cameras, camera_rays
from gencontrol.nerf.rays.rendering import Field, cube_span, ray_weights


@dataclass(frozen=True, kw_only=True)
class Lifting:
    """How painted pixels become voxels."""

    resolution: int = 48
    """Nodes along a side of the lifted mask."""
    threshold: float = 0.5
    """Share of the light from a voxel that must come from painted pixels."""
    solid: float = 4.0
    """Density per world unit from which a voxel counts as part of something."""
    grow: int = 1
    """How many voxels the part reaches beyond what was painted, so that an edit may stand out a little."""
    samples: int = 96
    """Samples along each ray."""


def lift_masks(field: Field, cameras: Cameras, masks: Float[Tensor, "b h w"], *, lifting: Lifting) -> Voxels:
    """The part of an opaque scene that masks on one or more views show.

    Each voxel gets the share of its rendering weight that comes from painted pixels. Painted or not, a view reaches
    only the thin shell that it sees, so voxels of the same connected body that no view reaches take the answer of the
    nearest voxel that one does. A single view cannot tell how deep a part goes: add views from other sides.

    Args:
        field: The scene.
        cameras: From where the masks were painted.
        masks: 1 on the part, 0 elsewhere, [0, 1], at the cameras' size.
        lifting: Resolution, thresholds, growth.

    Raises:
        InputError: Masks of another size, empty masks, or masks that show nothing solid.
    """
    if masks.shape != (len(cameras.pose), cameras.height, cameras.width):
        raise InputError(
            f"Expected one mask of {cameras.height} x {cameras.width} for each of {len(cameras.pose)} views; "
            f"got {tuple(masks.shape)}."
        )
    if not masks.any():
        raise InputError("The masks are empty: paint at least one pixel of the part.")
    painted, reached = splat_weights(field, cameras, masks, lifting=lifting)
    solid = _solid(field, lifting)
    evidence = painted / reached.clamp(min=1e-12)
    seen = (reached > reached.max() * 1e-4) & solid
    part = spread(evidence > lifting.threshold, seen, solid)
    if not part.any():
        raise InputError("The masks show nothing solid: they lie on empty space in every view.")
    if lifting.grow:
        part = torch.from_numpy(ndimage.binary_dilation(part.numpy(), iterations=lifting.grow))
    return Voxels(values=part.float())


@torch.no_grad()
def splat_weights(
    field: Field, cameras: Cameras, masks: Float[Tensor, "b h w"], *, lifting: Lifting
) -> tuple[Float[Tensor, "z y x"], Float[Tensor, "z y x"]]:
    """Sum over all samples of weight times mask, and of weight, at the lattice's nodes (the nearest takes all)."""
    origins, directions = (rays.reshape(-1, 3) for rays in camera_rays(cameras))
    near, far = cube_span(origins, directions)
    step = ((far - near) / lifting.samples)[:, None]
    distance = near[:, None] + step * (torch.arange(lifting.samples) + 0.5)
    points = (origins[:, None] + directions[:, None] * distance[..., None]).reshape(-1, 3)
    density = torch.cat([field(piece)[0] for piece in points.split(1 << 18)]).reshape(distance.shape)
    weights = ray_weights(density, step)
    last = lifting.resolution - 1
    x, y, z = ((points + 1) / 2 * last).round().long().clamp(0, last).unbind(-1)
    index = (z * lifting.resolution + y) * lifting.resolution + x
    empty = torch.zeros(lifting.resolution**3)
    painted = empty.index_add(0, index, (weights * masks.reshape(-1, 1)).reshape(-1))
    reached = empty.index_add(0, index, weights.reshape(-1))
    shape = (lifting.resolution,) * 3
    return painted.reshape(shape), reached.reshape(shape)


def spread(
    part: Bool[Tensor, "z y x"], seen: Bool[Tensor, "z y x"], solid: Bool[Tensor, "z y x"]
) -> Bool[Tensor, "z y x"]:
    """Give every solid voxel the answer of the nearest seen voxel of its own connected body.

    Args:
        part: The answer, valid where `seen`.
        seen: Where some view reaches.
        solid: What the scene is made of.
    """
    labelled = ndimage.label(solid.numpy())
    assert isinstance(labelled, tuple)
    bodies, count = labelled
    answer = np.zeros(solid.shape, dtype=bool)
    for body in range(1, count + 1):
        here = bodies == body
        known = here & seen.numpy()
        if not known.any():
            continue
        nearest = ndimage.distance_transform_edt(~known, return_distances=False, return_indices=True)
        assert nearest is not None
        answer |= here & part.numpy()[tuple(nearest)]
    return torch.from_numpy(answer)


@torch.no_grad()
def _solid(field: Field, lifting: Lifting) -> Bool[Tensor, "z y x"]:
    density, _ = field(grid.nodes(lifting.resolution))
    return (density > lifting.solid).reshape((lifting.resolution,) * 3)
