"""The encoder: build, convert, load, save, preprocess."""

from typing import TYPE_CHECKING

from gencontrol.lazy import lazy_exports

if TYPE_CHECKING:
    from gencontrol.alpha_clip.alpha_slice import alpha_parameters as alpha_parameters
    from gencontrol.alpha_clip.alpha_slice import merged as merged
    from gencontrol.alpha_clip.alpha_slice import split_alpha as split_alpha
    from gencontrol.alpha_clip.architectures import ARCHITECTURES as ARCHITECTURES
    from gencontrol.alpha_clip.model import AlphaCLIP as AlphaCLIP
    from gencontrol.alpha_clip.one_pass.regions import ApproximateWarning as ApproximateWarning
    from gencontrol.alpha_clip.preprocess import ALPHA_MEAN as ALPHA_MEAN
    from gencontrol.alpha_clip.preprocess import ALPHA_STD as ALPHA_STD
    from gencontrol.alpha_clip.preprocess import AlphaCLIPProcessor as AlphaCLIPProcessor
    from gencontrol.alpha_clip.siglip import AlphaSigLIP as AlphaSigLIP
else:
    __getattr__, __dir__, __all__ = lazy_exports(
        __name__,
        {
            "ALPHA_MEAN": "gencontrol.alpha_clip.preprocess",
            "ALPHA_STD": "gencontrol.alpha_clip.preprocess",
            "ARCHITECTURES": "gencontrol.alpha_clip.architectures",
            "AlphaCLIP": "gencontrol.alpha_clip.model",
            "AlphaCLIPProcessor": "gencontrol.alpha_clip.preprocess",
            "AlphaSigLIP": "gencontrol.alpha_clip.siglip",
            "ApproximateWarning": "gencontrol.alpha_clip.one_pass.regions",
            "alpha_parameters": "gencontrol.alpha_clip.alpha_slice",
            "merged": "gencontrol.alpha_clip.alpha_slice",
            "split_alpha": "gencontrol.alpha_clip.alpha_slice",
        },
    )
