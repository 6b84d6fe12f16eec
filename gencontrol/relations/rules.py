"""Relations of two or three regions by hand-set rules on their geometry: nothing is learned.

A rule is a ramp: a logistic curve around a bound that is stated beside it. So an answer near the bound is near a half,
and says so. The bounds are for people's pictures and set by hand; how good the answers are is measured, not promised.
"""

import torch
from jaxtyping import Float
from torch import Tensor

from gencontrol.errors import InputError
from gencontrol.kinds import checked
from gencontrol.relations.geometry import PairGeometry
from gencontrol.relations.vocabulary import RULED

MARGIN = 0.1
"""Centres that differ by less, as a share of the longer side, are not seen as beside or above each other; CLEVR leaves
such a margin too. Of small things, half their mean size if that is less."""
SOFT = 0.25
"""Width of the ramp, as a share of that margin."""
TOUCH, TOUCH_SOFT = 1.2, 0.4
"""The gap in working pixels up to which masks touch: soft edges leave one."""
COVER, COVER_SOFT = 0.03, 0.01
"""The share of the smaller region that has to be marked as the other's too, to overlap."""
HIDE, HIDE_SOFT = 0.003, 0.003
"""How much more of one region lies in the other's convex hull than the reverse, for it to be in front: what is hidden
has a piece bitten out, and the pixels of what hides it lie there."""
BITE, BITE_SOFT = 0.003, 0.003
"""The share of a region in the other's convex hull from which two that touch overlap, one hiding some of the other."""
WITHIN, WITHIN_SOFT = 0.8, 0.06
"""The share of a region that has to see the other on all four sides, to be inside it."""
LARGER, LARGER_SOFT = 0.1, 0.04
"""By how much the logarithm of lengths has to differ, to be bigger: about a tenth."""
NEAR = 0.05
"""Gaps that differ by this share of the longer side are told apart as nearest at e : 1."""
ENDS, ENDS_SOFT = 0.12, 0.04
"""The share of the way between two things that belongs to each of them, and not to what is between."""
UNSURE = 0.01
"""No rule is surer than 1 less this, of what holds and of what does not: things are not always as their masks say."""


@checked
def hand_rules(geometry: PairGeometry) -> Float[Tensor, "*b k k r"]:
    """Probabilities of every relation that masks answer; 0 where there is no pair.

    Args:
        geometry: Of `pair_geometry`.

    Returns:
        [`UNSURE`, 1 - `UNSURE`], in the order of `RULED`. Entry (i, j): the subject i to the object j.
    """
    touching = _touching(geometry)
    overlapping, front = _overlapping(geometry, touching), _front(geometry, touching)
    inside = _inside(geometry)
    beside, upright = _far(geometry, "dx"), _far(geometry, "dy")
    bigger = torch.sigmoid((geometry.feature("log_size_ratio") - LARGER) / LARGER_SOFT)
    found = {
        "left of": _turned(beside),
        "right of": beside,
        "above": _turned(upright),
        "below": upright,
        "in front of": front,
        "behind": _turned(front),
        "inside": inside,
        "around": _turned(inside),
        "touching": touching,
        "overlapping": overlapping,
        "bigger than": bigger,
        "smaller than": _turned(bigger),
        "nearest to": _nearest(geometry),
    }
    return _unsure(torch.stack([found[name] for name in RULED], dim=-1)) * geometry.pairs[..., None]


def _unsure(probability: Tensor) -> Tensor:
    return UNSURE + (1 - 2 * UNSURE) * probability


def _turned(probability: Tensor) -> Tensor:
    """The converse relation's."""
    return probability.transpose(-1, -2)


def _far(geometry: PairGeometry, offset: str) -> Tensor:
    """Whether the subject's centre lies further along an axis, by the margin."""
    mean = (geometry.feature("size") + geometry.feature("size_of_other")) / 2
    margin = (mean / 2).clamp(min=geometry.pixel, max=MARGIN)
    return torch.sigmoid((geometry.feature(offset) - margin) / (SOFT * margin))


def _touching(geometry: PairGeometry) -> Tensor:
    gap = geometry.feature("gap") / geometry.pixel
    return torch.sigmoid((TOUCH - gap) / TOUCH_SOFT)


def _overlapping(geometry: PairGeometry, touching: Tensor) -> Tensor:
    """Masks that mark the same pixels; or that meet, one within the outline that the other had before it was hidden."""
    shared = torch.maximum(geometry.feature("overlap"), geometry.feature("overlap_of_other"))
    within = torch.maximum(geometry.feature("in_hull"), geometry.feature("other_in_hull"))
    marked = torch.sigmoid((shared - COVER) / COVER_SOFT)
    return torch.maximum(marked, touching * torch.sigmoid((within - BITE) / BITE_SOFT))


def _front(geometry: PairGeometry, touching: Tensor) -> Tensor:
    more = geometry.feature("in_hull") - geometry.feature("other_in_hull")
    return touching * torch.sigmoid((more - HIDE) / HIDE_SOFT)


def _inside(geometry: PairGeometry) -> Tensor:
    """Among what the other surrounds, and smaller: of two equal regions neither is inside."""
    seen = torch.sigmoid((geometry.feature("enclosed") - WITHIN) / WITHIN_SOFT)
    return seen * torch.sigmoid((-geometry.feature("log_size_ratio") - LARGER) / LARGER_SOFT)


def _nearest(geometry: PairGeometry) -> Tensor:
    """The share of each subject among all those that might be the nearest to the object."""
    gap = geometry.feature("gap") + 0.1 * geometry.feature("distance")
    away = (-gap / NEAR).masked_fill(~geometry.pairs, -torch.inf)
    return away.softmax(dim=-2).nan_to_num(0.0)


@checked
def between(geometry: PairGeometry) -> Float[Tensor, "k k k"]:
    """Probability that a region lies between two others; entry (i, j, l): i between j and l.

    Its centre has to lie along the way from centre to centre, and no further beside it than half its own size and a
    quarter of the way.

    Raises:
        InputError: A batch: triples of many scenes would take much memory.
    """
    shapes, centre = geometry.shapes, geometry.shapes.centre
    if centre.ndim != 2:
        raise InputError("between: expected the geometry of one picture, got a batch: ask for each by itself.")
    way = centre[None] - centre[:, None]
    length = way.square().sum(-1).clamp(min=1e-8).sqrt()
    # offset (i, j): from j to i.
    offset = centre[:, None] - centre[None]
    along = torch.einsum("ijc,jlc->ijl", offset, way) / length.square()[None]
    aside = (offset[:, :, None, 0] * way[None, ..., 1] - offset[:, :, None, 1] * way[None, ..., 0]).abs() / length[None]
    room = shapes.size[:, None, None] / 2 + length[None] / 4
    ends = torch.sigmoid((along - ENDS) / ENDS_SOFT) * torch.sigmoid((1 - ENDS - along) / ENDS_SOFT)
    pairs = geometry.pairs
    three = pairs[:, :, None] & pairs[:, None, :] & pairs[None]
    return _unsure(ends * torch.sigmoid((room - aside) / (SOFT * room.clamp(min=geometry.pixel)))) * three
