"""The encoder: build, convert, load, save, preprocess."""

from gencontrol.lazy import lazy_exports

__getattr__, __dir__, __all__ = lazy_exports(
    __name__,
    {
        "ALPHA_MEAN": "gencontrol.alpha_clip.preprocess",
        "ALPHA_STD": "gencontrol.alpha_clip.preprocess",
        "ARCHITECTURES": "gencontrol.alpha_clip.architectures",
        "AlphaCLIP": "gencontrol.alpha_clip.model",
        "AlphaCLIPProcessor": "gencontrol.alpha_clip.preprocess",
        "alpha_parameters": "gencontrol.alpha_clip.alpha_slice",
        "merged": "gencontrol.alpha_clip.alpha_slice",
        "split_alpha": "gencontrol.alpha_clip.alpha_slice",
    },
)
