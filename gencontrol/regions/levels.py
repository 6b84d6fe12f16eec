"""Levels: how much to look at each of several regions of one image, as shares of one attention.

A level is a share: of regions at levels a_i each is to have a_i / sum a of the encoder's attention, so that only the
levels' ratios count, and a region by itself is all that is looked at, whatever its level. (`Region.weight` is another
thing: each region is embedded by itself, and the embeddings are averaged.)
"""

from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor

from gencontrol.errors import InputError
from gencontrol.kinds import checked
from gencontrol.regions.region import Region, stack_alphas, union_of


def has_levels(regions: Sequence[Region]) -> bool:
    """Whether the regions' levels say anything: whether they differ."""
    return len({region.level for region in regions}) > 1


def check_levels(regions: Sequence[Region]) -> None:
    """Refuse levels that have no meaning.

    Raises:
        InputError: All are 0; or levels differ and weights do, which are two ways to say how much.
    """
    if regions and not any(region.level > 0 for region in regions):
        raise InputError("Every region has level 0, so there is nothing to look at: give one of them a level above 0.")
    if has_levels(regions) and len({region.weight for region in regions}) > 1:
        raise InputError(
            "The regions differ in level and in weight: levels share one look among the regions, weights average a "
            "look at each. Give one of the two."
        )


@checked
def level_shares(regions: Sequence[Region]) -> Float[Tensor, " k"]:
    """The share of attention that each region is to have: its level beside the sum of all, float64; sums to 1.

    Raises:
        InputError: See `check_levels`.
    """
    check_levels(regions)
    levels = torch.tensor([region.level for region in regions], dtype=torch.float64)
    return levels / levels.sum()


@checked
def level_map(regions: Sequence[Region]) -> Float[Tensor, "h w"]:
    """One map for all regions: each at its level beside the highest, which is 1. With equal levels it is their union.

    Where regions overlap, the higher level holds.

    Raises:
        InputError: See `check_levels`; no region, or regions of different sizes.
    """
    check_levels(regions)
    if not has_levels(regions):
        return union_of(regions)
    stacked = stack_alphas(regions)
    levels = stacked.new_tensor([region.level for region in regions])
    return (stacked * (levels / levels.max())[:, None, None]).amax(dim=0)
