"""A picture with its regions: what tasks, conditions and runs are given."""

from dataclasses import dataclass
from pathlib import Path

from gencontrol.errors import InputError
from gencontrol.images.picture import Picture
from gencontrol.kinds import check_fields
from gencontrol.regions.region import Region, union_of


@dataclass(frozen=True, kw_only=True)
class Scene:
    """A picture, where to look in it, and what to keep away from."""

    picture: Picture
    """The picture. Its own alpha channel counts only as a region, see `regions.from_image_alpha`."""
    regions: tuple[Region, ...] = ()
    """Where to look, each of the picture's size; none means the whole picture."""
    negative_regions: tuple[Region, ...] = ()
    """What to keep away from, each of the picture's size."""
    source: Path | None = None
    """The file that the picture came from, if it came from one."""

    def __post_init__(self) -> None:
        check_fields(self)
        for region in (*self.regions, *self.negative_regions):
            if region.size != self.picture.size:
                raise InputError(
                    f"A region of {region.size[1]} x {region.size[0]} on a picture of {self.picture.size[1]} x "
                    f"{self.picture.size[0]} (width x height): regions have their picture's own size."
                )
        if self.negative_regions and _mark_the_same(self.regions, self.negative_regions):
            raise InputError(
                "What to look at and what to keep away from are the same pixels, so that guidance has nowhere to go: "
                "give another mask for one of the two, or leave the negative one out."
            )


def _mark_the_same(regions: tuple[Region, ...], negative: tuple[Region, ...]) -> bool:
    away = union_of(negative).detach()
    return bool((away == (union_of(regions).detach().to(away) if regions else 1)).all())
