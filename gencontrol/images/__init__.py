"""Pictures: read, brought to one form, blurred, laid out on sheets."""

from gencontrol.lazy import lazy_exports

__getattr__, __dir__, __all__ = lazy_exports(
    __name__,
    {
        "ImageSource": "gencontrol.images.reading",
        "Picture": "gencontrol.images.picture",
        "check_unit_range": "gencontrol.images.picture",
        "open_image": "gencontrol.images.reading",
        "read_image": "gencontrol.images.reading",
        "save_image": "gencontrol.images.writing",
        "to_pil": "gencontrol.images.writing",
    },
)
