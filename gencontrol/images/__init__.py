"""Pictures: read, brought to one form, blurred, laid out on sheets."""

from typing import TYPE_CHECKING

from gencontrol.lazy import lazy_exports

if TYPE_CHECKING:
    from gencontrol.images.picture import Picture as Picture
    from gencontrol.images.picture import PictureWarning as PictureWarning
    from gencontrol.images.picture import check_unit_range as check_unit_range
    from gencontrol.images.reading import ImageSource as ImageSource
    from gencontrol.images.reading import open_image as open_image
    from gencontrol.images.reading import read_image as read_image
    from gencontrol.images.writing import save_image as save_image
    from gencontrol.images.writing import to_pil as to_pil
else:
    __getattr__, __dir__, __all__ = lazy_exports(
        __name__,
        {
            "ImageSource": "gencontrol.images.reading",
            "Picture": "gencontrol.images.picture",
            "PictureWarning": "gencontrol.images.picture",
            "check_unit_range": "gencontrol.images.picture",
            "open_image": "gencontrol.images.reading",
            "read_image": "gencontrol.images.reading",
            "save_image": "gencontrol.images.writing",
            "to_pil": "gencontrol.images.writing",
        },
    )
