"""A LLaVA with an alpha channel as a captioner, behind the protocol of `gencontrol.proposals`."""

from collections.abc import Sequence

from gencontrol.focus.strategy import FocusStrategy
from gencontrol.images.reading import ImageSource, read_image
from gencontrol.proposals.captioner import check_regions_of
from gencontrol.regions.region import Region
from gencontrol.regions.scene import Scene
from gencontrol.tasks.ask import caption_regions
from gencontrol.tasks.llava.answering import Decoding
from gencontrol.tasks.llava.model import RegionLlava


class LlavaCaptioner:
    """Sees the whole picture, and the part through its alpha channel."""

    def __init__(self, llava: RegionLlava, *, focus: FocusStrategy | None = None, decoding: Decoding | None = None):
        """Take a LLaVA, how it is to look (None is by alpha), and how words are chosen (None is the likeliest)."""
        self.llava = llava
        self.focus = focus
        self.decoding = decoding

    def caption(self, image: ImageSource, regions: Sequence[Region] = ()) -> tuple[str, ...]:
        """See `gencontrol.proposals.Captioner`."""
        picture = read_image(image)
        check_regions_of(regions, picture.size)
        scene = Scene(picture=picture, regions=tuple(regions))
        return caption_regions(self.llava, scene, focus=self.focus, decoding=self.decoding)
