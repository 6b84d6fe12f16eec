"""A loss that asks two soft masks to stand so to each other: for renderers, in 2D and 3D alike.

Lengths are shares of the longer side, and so are the losses: 0 once the relation holds, growing with how far it does
not. Where things are comes from their centres and edges, so that they are moved, and not only made fainter.
"""

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional

from gencontrol.configuration import nearest
from gencontrol.errors import InputError
from gencontrol.kinds import checked
from gencontrol.relations.geometry import Shapes, measure_shapes, working_maps
from gencontrol.relations.rules import MARGIN

STEERED = ("left of", "right of", "above", "below", "on", "inside", "touching")
"""What can be asked for."""
GRID = 32
"""Longer side, in pixels, at which the way from mask to mask is measured."""
# How much denser, by a factor of e, the densest pixels of a row count.
_DENSEST = 0.1
# From this opacity on a row is not empty: soft edges are half there, and so is haze, which is no stem.
_THERE = 0.75
# Softness of a smallest value, and of a bend at 0, as shares of the longer side; and what keeps divisions finite.
_SOFT, _BEND, _EPS = 0.02, 0.01, 1e-6


@checked
def relation_loss(
    subject: Float[Tensor, "*b h w"], other: Float[Tensor, "*#b h2 w2"], relation: str
) -> Float[Tensor, "*b"]:
    """How far a subject is from standing so to another thing; differentiable in both maps.

    Args:
        subject: Its map, [0, 1], such as the rendered opacity of a part.
        other: The other thing's; detach it if it is to stay where it is.
        relation: One of `STEERED`. "on" asks the subject's lower edge to rest on the other's top under it, and nothing
            of it to be missing from its own top down to there.

    Returns:
        At least 0, and below about 1.5; 1, without a gradient, where either map is empty. Of a map that holds NaN, NaN.

    Raises:
        InputError: Another relation, or maps of different sizes.
    """
    if relation not in STEERED:
        raise InputError(f"relation_loss: nothing steers to {relation!r}{nearest(relation, STEERED)}.")
    if subject.shape != other.shape:
        sizes = f"{tuple(subject.shape)} and {tuple(other.shape)}"
        raise InputError(f"relation_loss: expected two maps of one size, got {sizes}.")
    maps = working_maps(torch.stack([subject, other], dim=-3))
    there = maps.detach().flatten(-2).amax(dim=-1) > 0
    shapes = measure_shapes(maps, there)
    if relation == "on":
        found = _on(maps, shapes)
    elif relation == "inside":
        found = _inside(shapes)
    elif relation == "touching":
        found = _touching(maps)
    else:
        found = _beside(shapes, relation)
    lost = maps.detach().flatten(-3).isnan().any(dim=-1)
    # NaN is above nothing, so that its map counted as empty, and a renderer that failed as one that has far to go.
    return torch.where(there.all(dim=-1), found, torch.ones_like(found)).masked_fill(lost, torch.nan)


def _beside(shapes: Shapes, relation: str) -> Tensor:
    """By how much the centres lack the margin."""
    offset = shapes.centre[..., 0, :] - shapes.centre[..., 1, :]
    away = offset[..., 0 if relation in ("left of", "right of") else 1]
    return functional.relu(MARGIN + (away if relation in ("left of", "above") else -away))


def _inside(shapes: Shapes) -> Tensor:
    """By how much the subject's box sticks out of the other's, over all four sides."""
    subject, other = shapes.box[..., 0, :], shapes.box[..., 1, :]
    out = torch.cat([other[..., :2] - subject[..., :2], subject[..., 2:] - other[..., 2:]], dim=-1)
    return functional.relu(out).sum(dim=-1)


def _on(maps: Tensor, shapes: Shapes) -> Tensor:
    """How far the subject's lower edge is from the other's top under it, and its centre beside it; and what is between.

    A plate on the ground and a cap in the air would else stand, since their lower edge does.
    """
    columns = maps.amax(dim=-2)
    under = (columns[..., 0, :] + 1e-3) * columns[..., 1, :].square()
    # Rows above the other's first one, in every column.
    top = (1 - maps[..., 1, :, :].square()).cumprod(dim=-2).sum(dim=-2) / max(maps.shape[-2:])
    weights = under / under.sum(dim=-1, keepdim=True).clamp(min=_EPS)
    highest = -_SOFT * torch.logsumexp(weights.clamp(min=_EPS).log() - top / _SOFT, dim=-1)
    rest = _bent(shapes.box[..., 0, 3] - highest)
    half = (shapes.box[..., 1, 2] - shapes.box[..., 1, 0]) / 2
    aside = (shapes.centre[..., 0, 0] - shapes.centre[..., 1, 0]).abs()
    # Soft edges that meet leave no gap: what of the other is under the subject fills a row too.
    either = 1 - (1 - maps[..., 0, :, :]) * (1 - maps[..., 1, :, :] * columns[..., 0, None, :])
    return rest + functional.relu(aside - half) + _empty_rows(either, shapes.box[..., 0, 1], highest)


def _empty_rows(there: Tensor, first: Tensor, last: Tensor) -> Tensor:
    """How much of the way down from one height to another has nothing in its rows."""
    longer = max(there.shape[-2:])
    place = (torch.arange(there.shape[-2], device=there.device) + 0.5) / longer
    between = (place > first.detach()[..., None]) & (place < last.detach()[..., None])
    # A row's densest pixels, and all of them alike where it is a mist: one alone would grow into a thread.
    densest = (there * (there.detach() / _DENSEST).softmax(dim=-1)).sum(dim=-1)
    return (functional.relu(1 - densest / _THERE).square() * between).sum(dim=-1) / longer


def _bent(value: Tensor) -> Tensor:
    """The absolute value, round at 0."""
    return (value.square() + _BEND**2).sqrt() - _BEND


def _touching(maps: Tensor) -> Tensor:
    """The way from mask to mask, as a soft smallest distance of all pairs of pixels on a small grid."""
    scale = min(1.0, GRID / max(maps.shape[-2:]))
    size = [max(1, round(side * scale)) for side in maps.shape[-2:]]
    small = functional.adaptive_max_pool2d(maps.flatten(0, -3), size).reshape(*maps.shape[:-2], -1)
    y, x = torch.meshgrid(*(torch.arange(side, device=maps.device) for side in size), indexing="ij")
    places = torch.stack([y, x], dim=-1).flatten(0, 1).float()
    # Neighbours touch: theirs is no way.
    away = (torch.cdist(places, places) - 1).clamp(min=0) / max(size)
    near = torch.einsum("...p,pq,...q->...", small[..., 0, :], (-away / _SOFT).exp(), small[..., 1, :])
    return _SOFT * functional.relu(-near.clamp(min=1e-30).log())
