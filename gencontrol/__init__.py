"""Generate from this part: region-focused 2D diffusion and 3D radiance fields with Alpha-CLIP."""

from typing import TYPE_CHECKING

from gencontrol.lazy import lazy_exports

__version__ = "0.1.0"

if TYPE_CHECKING:
    from gencontrol.alpha_clip.model import AlphaCLIP as AlphaCLIP
    from gencontrol.regions.region import Region as Region
else:
    __getattr__, __dir__, __all__ = lazy_exports(
        __name__,
        {
            "AlphaCLIP": "gencontrol.alpha_clip.model",
            "Region": "gencontrol.regions.region",
        },
    )
