"""Pictures: read, brought to one form, blurred, laid out on sheets."""

from gencontrol.lazy import lazy_exports

__getattr__, __dir__, __all__ = lazy_exports(
    __name__,
    {
        "ImageSource": "gencontrol.images.picture",
        "Picture": "gencontrol.images.picture",
        "check_unit_range": "gencontrol.images.picture",
        "open_image": "gencontrol.images.picture",
        "read_image": "gencontrol.images.picture",
        "save_image": "gencontrol.images.picture",
        "to_pil": "gencontrol.images.picture",
    },
)
