"""What of a lattice belongs to the shapes that a scene is cropped to."""

from collections.abc import Iterable

from jaxtyping import Float
from torch import Tensor

from gencontrol.errors import InputError
from gencontrol.nerf.parts.shapes import Shape, membership


def cropped(density: Float[Tensor, " n"], points: Float[Tensor, "n 3"], shapes: Iterable[Shape]) -> Float[Tensor, " n"]:
    """The density of what belongs to all of the shapes.

    Args:
        density: At every node, per world unit.
        points: The nodes, world coordinates.
        shapes: A part, a box or a sphere that is given, in any order.

    Raises:
        InputError: No node belongs to all of them.
    """
    inside = density.new_ones(len(points))
    for shape in shapes:
        inside = inside * membership(shape, points)
    if not inside.any():
        raise InputError(
            "Nothing lies in what the scene is cropped to: the scene fills the cube from -1 to 1 in x, y and z; move "
            "the box or the sphere there, make it larger than the nodes lie apart, or crop to a part that it meets."
        )
    return density * inside
