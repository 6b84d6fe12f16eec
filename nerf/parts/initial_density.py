"""What grows anew in a scene starts as a creation does: as a thin mist, through which gradients reach every depth."""

from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional as F

from gencontrol.nerf.field import grid
from gencontrol.nerf.field.field import SteeredField
from gencontrol.nerf.parts.parts import Part
from gencontrol.nerf.parts.shapes import membership

TRAINED_ABOVE = 0.05
"""Denser than this (per world unit), a cell is rendered and trained; it is half a per cent over a tenth of a unit."""
# Nodes along a side on which a part is looked for, as `check_inside` does; a coarser change could miss a small one.
_SEARCH_NODES = 48


def start_change(field: SteeredField, parts: Sequence[Part], *, mode: str, peak: float) -> None:
    """Put a mist where a change that begins has nothing else to start from: all of a replacement, or empty parts."""
    if field.base is not None and mode == "replace":
        nodes = field.resolution
        field.add(torch.full((nodes, nodes, nodes), peak, device=field.trained()[0].device))
    fill_empty(field, parts, mode=mode, peak=peak)


def fill_empty(field: SteeredField, parts: Sequence[Part], *, mode: str, peak: float) -> None:
    """Put a mist into the empty parts of an edit; other modes have nothing to add there."""
    if field.base is None or mode != "edit":
        return
    # What no text steers would stay a mist.
    steered = [part for part in parts if part.prompt]
    added = missing_density(field, steered, peak=peak, empty_below=TRAINED_ABOVE)
    if added is not None:
        field.add(added)


@torch.no_grad()
def missing_density(
    field: SteeredField, parts: Sequence[Part], *, peak: float, empty_below: float
) -> Float[Tensor, "r r r"] | None:
    """Raw density to add to a change so that parts without anything in them hold a mist; None if there are none.

    Where nothing is dense, nothing is rendered, and no gradient would ever say what to add. The mist reaches one node
    of the change beyond the part, so that it is full up to the part's edge; composition keeps it inside. A node adds no
    more than the densest place around it can take: where the base is finer than the change, and steep, the mist is
    thinner rather than a crust.

    Args:
        field: With a base.
        parts: What is steered.
        peak: Raw density that the mist comes up to.
        empty_below: Density per world unit up to which space is not rendered.
    """
    nodes = field.resolution
    fine = grid.refined(nodes, _SEARCH_NODES)
    points = grid.nodes(fine, device=field.trained()[0].device)
    raw = field.raw(points)[:, 0]
    every = (fine - 1) // (nodes - 1)
    needed = torch.zeros(fine**3, dtype=torch.bool, device=points.device)
    for part in parts:
        inside = membership(part.shape, points) > 0
        if inside.any() and grid.density(raw[inside]).max() <= empty_below:
            needed |= inside
    if not needed.any():
        return None
    inside = torch.where(needed, raw, -torch.inf).reshape(1, fine, fine, fine)
    densest = F.max_pool3d(inside, 2 * every + 3, stride=every, padding=every + 1)[0]
    return torch.where(densest > -torch.inf, (peak - densest).clamp(min=0), torch.zeros_like(densest))
