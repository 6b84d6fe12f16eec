"""A region: the part of an image that the user points at, as an alpha map of the image's own size."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import torch
from jaxtyping import Float
from torch import Tensor

from gencontrol.errors import InputError
from gencontrol.images.picture import check_unit_range
from gencontrol.kinds import check_fields, check_word, checked
from gencontrol.numbers import HEAVIEST, check_number, is_finite, number_text

MixedBy = Literal["level", "weight"]
"""What regions are mixed by."""


class RegionWarning(UserWarning):
    """A region that was mended, or that will do less than the user expects; the message says what and why."""


@dataclass(frozen=True, kw_only=True)
class Region:
    """Where to look, how much it counts beside other regions, and what the user calls it."""

    alpha: Float[Tensor, "h w"]
    """1 = look here, 0 = context; [0, 1], the image's own height and width, before any resizing."""
    weight: float = 1.0
    """How much this region counts beside others; above 0, at most a million."""
    level: float = 1.0
    """Its share of attention beside other regions' levels; [0, 1], see `gencontrol.regions.levels`."""
    mixed_by: MixedBy | None = None
    """What it is mixed by with regions of which that is equal too, as a course of levels or weights needs, on which a
    union would be a jump. None makes regions of equal weight and level one look, at their union."""
    label: str = ""
    """A name for sheets, metadata and messages."""

    def __post_init__(self) -> None:
        check_fields(self)
        name = f"Region {self.label!r}" if self.label else "The region"
        if self.alpha.ndim != 2 or not self.alpha.dtype.is_floating_point:
            shape, dtype = tuple(self.alpha.shape), self.alpha.dtype
            raise InputError(f"{name}: expected a float alpha map (h, w), got shape {shape} of {dtype}.")
        alpha = check_unit_range(self.alpha, name=name)
        check_marked(alpha, name=name)
        if not (is_finite(self.weight) and self.weight > 0):
            raise InputError(
                f"{name}: expected a weight above 0, got {number_text(self.weight)}; leave the region out instead of 0."
            )
        check_number(self.weight, name=f"{name}: weight", above=0, at_most=HEAVIEST, error=InputError)
        if self.mixed_by is not None:
            check_word(self.mixed_by, MixedBy, name=f"{name}: mixed_by")
        check_number(self.level, name=f"{name}: level", at_least=0, at_most=1, error=InputError)
        object.__setattr__(self, "alpha", alpha)

    @property
    def size(self) -> tuple[int, int]:
        """(height, width) in pixels."""
        return self.alpha.shape[0], self.alpha.shape[1]


def check_marked(alpha: Float[Tensor, "..."], *, name: str) -> None:
    """Refuse a map that marks nothing.

    Raises:
        InputError: All of it is 0.
    """
    if not bool(alpha.detach().amax() > 0):
        raise InputError(f"{name} is empty: no pixel is marked. White (or opaque) means: look here.")


@checked
def stack_alphas(regions: Sequence[Region]) -> Float[Tensor, "k h w"]:
    """The alpha maps of several regions of one image.

    Raises:
        InputError: There is no region, or they differ in size.
    """
    if not regions:
        raise InputError("Expected at least one region, got none.")
    sizes = {region.size for region in regions}
    if len(sizes) > 1:
        found = ", ".join(f"{w} x {h}" for h, w in sorted(sizes))
        raise InputError(f"Regions of one image must have its size; got {found} (width x height).")
    # One is not copied: of a photograph it is a large plane.
    return regions[0].alpha[None] if len(regions) == 1 else torch.stack([region.alpha for region in regions])


@checked
def union_of(regions: Sequence[Region]) -> Float[Tensor, "h w"]:
    """The pixelwise maximum of the regions' alpha maps; weights play no part."""
    stacked = stack_alphas(regions)
    return stacked[0] if len(stacked) == 1 else stacked.amax(dim=0)
