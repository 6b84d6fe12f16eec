"""The box of a part, which some strategies cut out or draw around."""

from jaxtyping import Float
from torch import Tensor

from gencontrol.errors import InputError

Box = tuple[int, int, int, int]
"""(x0, y0, x1, y1) in pixels from the top left corner; x1 and y1 lie outside."""


def part_box(alpha: Float[Tensor, "h w"]) -> Box:
    """The smallest box (x0, y0, x1, y1) of whole pixels around the part: where the map reaches half of its maximum.

    Raises:
        InputError: The map is 0 everywhere.
    """
    check_marked(alpha[None])
    inside = alpha.detach() >= 0.5 * alpha.detach().amax()
    columns, rows = inside.any(dim=0).nonzero(), inside.any(dim=1).nonzero()
    return int(columns[0]), int(rows[0]), int(columns[-1]) + 1, int(rows[-1]) + 1


def check_marked(alpha: Float[Tensor, "b h w"]) -> None:
    """Refuse a map that marks nothing.

    Raises:
        InputError: One of the maps is 0 everywhere.
    """
    if not bool((alpha > 0).flatten(1).any(dim=1).all()):
        raise InputError("The region is empty: no pixel is marked, so there is no place to look at.")
