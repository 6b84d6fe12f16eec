"""Generate from this part: region-focused 2D diffusion and 3D radiance fields with Alpha-CLIP."""

from gencontrol.lazy import lazy_exports

__version__ = "0.1.0"

__getattr__, __dir__, __all__ = lazy_exports(
    __name__,
    {
        "AlphaCLIP": "gencontrol.alpha_clip.model",
        "Region": "gencontrol.regions.region",
    },
)
