"""Where the random cameras of an edit look: at its parts, near enough that the encoder sees them large."""

import dataclasses
import math
from collections.abc import Sequence

from jaxtyping import Float
from torch import Tensor

from gencontrol.nerf.field import grid
from gencontrol.nerf.parts.parts import Part, largest_membership
from gencontrol.nerf.rays.cameras import Orbit

# Nodes along a side on which a part is looked for, as `check_inside` does.
_SEARCH_NODES = 48
# How much more than the parts is shown: an encoder trained on whole scenes knows things by what is around them too.
_SURROUNDINGS = 1.25
# Parts are shown as if they were at least this half as long (world units): the lattice has no more to show.
_LEAST_HALF = 0.1


def orbit_around(orbit: Orbit, parts: Sequence[Part]) -> Orbit:
    """An orbit around the middle of some parts, which fill its pictures as the scene fills the given one's.

    Args:
        orbit: One that shows the scene's cube, [-1, 1] on each axis.
        parts: What is to be shown; all of it, so that parts far from each other stay small.

    Returns:
        The same radius, elevations and azimuths, and a field of view that is never wider.
    """
    low, high = extent(parts)
    half = (high - low).max().item() / 2
    share = min(max(half * _SURROUNDINGS, _LEAST_HALF), 1.0)
    middle = ((low + high) / 2).tolist()
    narrow, wide = (_scaled(angle, share) for angle in orbit.field_of_view)
    return dataclasses.replace(orbit, target=tuple(middle), field_of_view=(narrow, wide))


def extent(parts: Sequence[Part]) -> tuple[Float[Tensor, " 3"], Float[Tensor, " 3"]]:
    """Lowest and highest corner of the upright box around all parts, within the cube; good to half a node.

    Args:
        parts: Each with something in the cube, see `check_inside`.
    """
    points = grid.nodes(_SEARCH_NODES)
    inside = points[largest_membership(parts, points, softness=0.0) > 0]
    margin = 1 / (_SEARCH_NODES - 1)
    return inside.amin(dim=0) - margin, inside.amax(dim=0) + margin


def _scaled(angle: float, share: float) -> float:
    # An orbit takes no narrower angle.
    return max(math.degrees(2 * math.atan(math.tan(math.radians(angle) / 2) * share)), 1.0)
