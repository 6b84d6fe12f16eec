"""How two regions lie to each other, from their soft masks alone: numbers for every ordered pair of them.

Lengths are shares of the picture's longer side, so that a picture and its enlargement give the same numbers. A map
counts relative to its own peak: a faint region lies where a strong one lies. All is differentiable but the gap and the
hulls, which are those of the pixels at half the peak.
"""

import math
from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float
from scipy import ndimage
from torch import Tensor
from torch.nn import functional

from gencontrol.errors import InputError
from gencontrol.kinds import checked

WORKING_SIDE = 128
"""Longer side, in pixels, at which pairs are measured; smaller pictures keep their own size."""
PAIR_FEATURES = (
    *("dx", "dy", "distance", "direction_x", "direction_y"),
    *("size", "size_of_other", "log_size_ratio"),
    *("overlap", "overlap_of_other", "box_overlap"),
    *("contact", "contact_of_other", "support", "support_of_other"),
    *("enclosed", "enclosed_other", "in_hull", "other_in_hull"),
    *("gap", "gap_x", "gap_y"),
    *("axis_x", "axis_y", "axis_x_of_other", "axis_y_of_other"),
)
"""What the last axis of `pair_features` holds; "of other" is the object's, where the rest is the subject's."""
DIRECTIONS = 32
"""In so many directions a convex hull is cut straight."""
# Pixels along a direction that are one row to rounding.
_ROUNDING = 1e-3
# Below this a sum is taken for nothing: it only keeps divisions finite.
_EPS = 1e-8


@dataclass(frozen=True, kw_only=True)
class Shapes:
    """Where regions are and how large, each by itself; all 0 for those that are not used."""

    used: Bool[Tensor, "*b k"]
    """Which slots hold a region: padding and empty maps are not used."""
    centre: Float[Tensor, "*b k 2"]
    """(x, y) of the centre of mass, from the picture's top left corner."""
    box: Float[Tensor, "*b k 4"]
    """(x0, y0, x1, y1)."""
    area: Float[Tensor, "*b k"]
    """In squares of the unit of length: its root is a length."""
    axis: Float[Tensor, "*b k 2"]
    """(cos 2t, sin 2t) times elongation in [0, 1], where t is the angle of the longer axis; a disc has (0, 0)."""

    @property
    def size(self) -> Float[Tensor, "*b k"]:
        """The side of a square of the same area."""
        return self.area.clamp(min=_EPS).sqrt() * self.used


@dataclass(frozen=True, kw_only=True)
class PairGeometry:
    """Regions and their ordered pairs; entry (i, j) is about the subject i and the object j."""

    shapes: Shapes
    """The regions, each by itself."""
    features: Float[Tensor, "*b k k f"]
    """The numbers that `PAIR_FEATURES` names; 0 where either is not used, and for a region and itself."""
    pixel: float
    """Side of a pixel of the working size, in the unit of length."""

    @property
    def pairs(self) -> Bool[Tensor, "*b k k"]:
        """Which entries are about two regions."""
        used = self.shapes.used
        return used[..., :, None] & used[..., None, :] & ~torch.eye(used.shape[-1], dtype=torch.bool).to(used.device)

    def feature(self, name: str) -> Float[Tensor, "*b k k"]:
        """One of the numbers."""
        return self.features[..., PAIR_FEATURES.index(name)]


@checked
def pair_geometry(alphas: Float[Tensor, "*b k h w"], *, used: Bool[Tensor, "*b k"] | None = None) -> PairGeometry:
    """Measure every ordered pair of regions.

    Args:
        alphas: The regions' maps, [0, 1]; overlapping or not.
        used: Which of them count, in a padded batch; unless given, those that are not empty.

    Raises:
        InputError: No map, or one without pixels.
    """
    if alphas.ndim < 3 or 0 in alphas.shape[-3:]:
        raise InputError(f"Expected maps of at least one region, (..., k, h, w), got shape {tuple(alphas.shape)}.")
    maps = _relative(working_maps(alphas))
    there = maps.flatten(-2).amax(dim=-1) > 0
    used = there if used is None else used & there
    maps = maps * used[..., None, None]
    pixel = 1 / max(maps.shape[-2:])
    shapes = measure_shapes(maps, used)
    found = _where(shapes) | _how_large(shapes) | _shared(maps, shapes) | _outlines(maps) | _around(maps)
    found |= _gaps(maps, shapes, pixel) | _axes(shapes)
    geometry = PairGeometry(
        shapes=shapes, features=torch.stack([found[name] for name in PAIR_FEATURES], dim=-1), pixel=pixel
    )
    return PairGeometry(shapes=shapes, features=geometry.features * geometry.pairs[..., None], pixel=pixel)


def working_maps(alphas: Float[Tensor, "*b k h w"]) -> Float[Tensor, "*b k h2 w2"]:
    """The maps in float32, made smaller by areas to `WORKING_SIDE` where they are larger."""
    scale = WORKING_SIDE / max(alphas.shape[-2:])
    if scale >= 1:
        return alphas.float()
    size = [max(1, round(side * scale)) for side in alphas.shape[-2:]]
    flat = alphas.float().flatten(0, -3)[:, None]
    return functional.interpolate(flat, size=size, mode="area").reshape(*alphas.shape[:-2], *size)


def _relative(maps: Tensor) -> Tensor:
    """Each map over its peak, which is held fixed: growing stronger does not make a region smaller elsewhere."""
    peak = maps.detach().flatten(-2).amax(dim=-1)[..., None, None]
    return torch.where(peak > 0, maps / peak.clamp(min=_EPS), torch.zeros_like(maps))


def measure_shapes(maps: Float[Tensor, "*b k h w"], used: Bool[Tensor, "*b k"]) -> Shapes:
    """Centres, boxes, areas and axes of maps.

    Args:
        maps: [0, 1].
        used: Which of them count.
    """
    height, width = maps.shape[-2:]
    longer = max(height, width)
    x = (torch.arange(width, device=maps.device) + 0.5) / longer
    y = (torch.arange(height, device=maps.device) + 0.5) / longer
    mass = maps.sum(dim=(-2, -1))
    share = maps / mass.clamp(min=_EPS)[..., None, None]
    along_x, along_y = share.sum(dim=-2), share.sum(dim=-1)
    centre = torch.stack([(along_x * x).sum(-1), (along_y * y).sum(-1)], dim=-1)
    from_x, from_y = x - centre[..., :1], y - centre[..., 1:]
    spread_x, spread_y = (along_x * from_x.square()).sum(-1), (along_y * from_y.square()).sum(-1)
    mixed = torch.einsum("...hw,...h,...w->...", share, from_y, from_x)
    axis = torch.stack([spread_x - spread_y, 2 * mixed], dim=-1) / (spread_x + spread_y).clamp(min=_EPS)[..., None]
    columns, rows = maps.amax(dim=-2), maps.amax(dim=-1)
    sides = (_before(columns), _before(rows), width - _before(columns.flip(-1)), height - _before(rows.flip(-1)))
    kept = used[..., None]
    return Shapes(
        used=used,
        centre=centre * kept,
        box=torch.stack(sides, dim=-1) / longer * kept,
        area=mass / longer**2 * used,
        axis=axis * kept,
    )


def _before(profile: Tensor) -> Tensor:
    """How many entries come before the first that is there, each taken for there with its square as probability.

    For a hard profile that is the count; faint tails, squared, hardly move it; and it is differentiable.
    """
    return (1 - profile.square()).cumprod(dim=-1).sum(dim=-1)


def _subject(values: Tensor) -> Tensor:
    """The subject's own value in every pair."""
    return values[..., :, None].expand(*values.shape, values.shape[-1])


def _mirrored(values: Tensor) -> Tensor:
    return values.transpose(-1, -2)


def _where(shapes: Shapes) -> dict[str, Tensor]:
    """From the object's centre to the subject's."""
    offset = shapes.centre[..., :, None, :] - shapes.centre[..., None, :, :]
    # The root has no derivative at 0, which is where a region meets itself.
    distance = (offset.square().sum(-1) + _EPS).sqrt()
    towards = offset / distance[..., None]
    return {
        "dx": offset[..., 0],
        "dy": offset[..., 1],
        "distance": distance,
        "direction_x": towards[..., 0],
        "direction_y": towards[..., 1],
    }


def _how_large(shapes: Shapes) -> dict[str, Tensor]:
    size = _subject(shapes.size)
    log = size.clamp(min=_EPS).log()
    return {"size": size, "size_of_other": _mirrored(size), "log_size_ratio": log - _mirrored(log)}


def _shared(maps: Tensor, shapes: Shapes) -> dict[str, Tensor]:
    """How much of the subject the object covers too, and how much of the smaller box lies in the other one."""
    flat = maps.flatten(-2)
    overlap = flat @ _mirrored(flat) / flat.square().sum(-1).clamp(min=_EPS)[..., :, None]
    low, high = shapes.box[..., :2], shapes.box[..., 2:]
    start = torch.maximum(low[..., :, None, :], low[..., None, :, :])
    stop = torch.minimum(high[..., :, None, :], high[..., None, :, :])
    common = (stop - start).clamp(min=0).prod(dim=-1)
    area = _subject((high - low).clamp(min=0).prod(dim=-1))
    smaller = torch.minimum(area, _mirrored(area)).clamp(min=_EPS)
    return {"overlap": overlap, "overlap_of_other": _mirrored(overlap), "box_overlap": common / smaller}


def _outlines(maps: Tensor) -> dict[str, Tensor]:
    """The share of the subject's outline, and of its lower side, along which the object lies."""
    ring = (functional.max_pool2d(maps.flatten(0, -3)[:, None], 3, stride=1, padding=1)[:, 0]).reshape(maps.shape)
    contact = _along(ring - maps, maps)
    lower = functional.pad(maps, (0, 0, 1, 0))[..., :-1, :]
    support = _along((lower - maps).clamp(min=0), maps)
    return {
        "contact": contact,
        "contact_of_other": _mirrored(contact),
        "support": support,
        "support_of_other": _mirrored(support),
    }


def _along(edge: Tensor, maps: Tensor) -> Tensor:
    edge, flat = edge.flatten(-2), maps.flatten(-2)
    return edge @ _mirrored(flat) / edge.sum(-1).clamp(min=_EPS)[..., :, None]


def _around(maps: Tensor) -> dict[str, Tensor]:
    """How much of the subject sees the object on all four sides, and how much lies in the object's convex hull."""
    seen = torch.stack([_shadow(maps, axis, back) for axis in (-1, -2) for back in (False, True)])
    enclosed = _share(maps, seen.amin(dim=0))
    # Soft edges lie in both hulls, and would hide the difference.
    hard = (maps >= 0.5).to(maps)
    hull = _share(hard, _hulls(hard))
    return {
        "enclosed": enclosed,
        "enclosed_other": _mirrored(enclosed),
        "in_hull": hull,
        "other_in_hull": _mirrored(hull),
    }


def _share(maps: Tensor, planes: Tensor) -> Tensor:
    """How much of each map lies in each plane."""
    flat = maps.flatten(-2)
    return flat @ _mirrored(planes.flatten(-2)) / flat.sum(-1).clamp(min=_EPS)[..., :, None]


def _hulls(maps: Tensor) -> Tensor:
    """Where hard maps' convex hulls are, 0 or 1: no further out than the map along any of `DIRECTIONS`."""
    height, width = maps.shape[-2:]
    y = torch.arange(height, device=maps.device).float()[:, None]
    x = torch.arange(width, device=maps.device).float()
    inside = torch.ones_like(maps, dtype=torch.bool)
    for number in range(DIRECTIONS):
        angle = 2 * math.pi * number / DIRECTIONS
        along = x * math.cos(angle) + y * math.sin(angle)
        furthest = along.masked_fill(maps == 0, -torch.inf).flatten(-2).amax(dim=-1)
        inside &= along <= furthest[..., None, None] + _ROUNDING
    return inside.to(maps)


def _shadow(maps: Tensor, axis: int, back: bool) -> Tensor:
    """The largest value from one border up to each pixel."""
    turned = maps.flip(axis) if back else maps
    found = turned.cummax(dim=axis).values
    return found.flip(axis) if back else found


def _gaps(maps: Tensor, shapes: Shapes, pixel: float) -> dict[str, Tensor]:
    """The shortest way from mask to mask (0 where they meet), and from box to box along each axis."""
    low, high = shapes.box[..., :2], shapes.box[..., 2:]
    apart = torch.maximum(low[..., :, None, :] - high[..., None, :, :], low[..., None, :, :] - high[..., :, None, :])
    apart = apart.clamp(min=0)
    flat = maps.detach().flatten(0, -4) if maps.ndim > 3 else maps.detach()[None]
    pixels = torch.stack([_pixels_apart(scene) for scene in flat]).reshape(*maps.shape[:-2], maps.shape[-3])
    # Neighbours are one pixel apart, which is no gap.
    return {"gap": (pixels - 1).clamp(min=0) * pixel, "gap_x": apart[..., 0], "gap_y": apart[..., 1]}


def _pixels_apart(maps: Float[Tensor, "k h w"]) -> Float[Tensor, "k k"]:
    """The distance of the nearest two pixels of half their map's peak at least."""
    masks = (maps >= 0.5).cpu()
    rows = []
    for mask in masks.numpy():
        if not mask.any():
            rows.append(torch.zeros(len(masks)))
            continue
        field = torch.from_numpy(ndimage.distance_transform_edt(~mask)).float()
        rows.append(torch.stack([field[other].min() if other.any() else field.new_zeros(()) for other in masks]))
    return torch.stack(rows).to(maps)


def _axes(shapes: Shapes) -> dict[str, Tensor]:
    x, y = (_subject(part) for part in shapes.axis.unbind(-1))
    return {"axis_x": x, "axis_y": y, "axis_x_of_other": _mirrored(x), "axis_y_of_other": _mirrored(y)}
