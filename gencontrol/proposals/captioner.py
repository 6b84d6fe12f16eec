"""What a captioner is: it describes a picture, or parts of it, in a sentence each."""

from collections.abc import Sequence
from typing import Protocol, runtime_checkable

from gencontrol.errors import ConfigError, InputError
from gencontrol.images.reading import ImageSource, read_image
from gencontrol.regions.region import Region


@runtime_checkable
class Captioner(Protocol):
    """Describes pictures and their parts."""

    def caption(self, image: ImageSource, regions: Sequence[Region] = ()) -> tuple[str, ...]:
        """Describe each region of a picture; the whole picture where there is none.

        Args:
            image: The picture: whatever `gencontrol.images.read_image` takes.
            regions: Of the picture's size.

        Returns:
            One sentence for each region, or one in all.

        Raises:
            InputError: A picture that cannot be read, or a region of another size.
        """
        ...


class TemplateCaptioner:
    """Puts a region's own name into a sentence: what captions that are written have to be better than."""

    def __init__(self, template: str = "a photo of a {}."):
        """Take a sentence with {} in the place of the name.

        Raises:
            ConfigError: A sentence without it, or with more than one.
        """
        if template.count("{}") != 1:
            raise ConfigError(f"template {template!r}: expected a sentence with one {{}}, where the name goes.")
        self.template = template

    def caption(self, image: ImageSource, regions: Sequence[Region] = ()) -> tuple[str, ...]:
        """See `Captioner`; every region has a name.

        Raises:
            InputError: No region, or one without a name.
        """
        check_regions_of(regions, read_image(image).size)
        names = [region.label.strip() for region in regions]
        if not names or "" in names:
            raise InputError(
                "A captioner of templates puts names into sentences: give at least one region, and each a label."
            )
        return tuple(self.template.replace("{}", name) for name in names)


def check_regions_of(regions: Sequence[Region], size: tuple[int, int]) -> None:
    """Refuse regions that are not of a picture of that (height, width).

    Raises:
        InputError: Says which.
    """
    for number, region in enumerate(regions):
        height, width = region.size
        if region.size != size:
            raise InputError(
                f"regions[{number}] is {width} x {height}, and the picture is {size[1]} x {size[0]} (width x height)."
            )
