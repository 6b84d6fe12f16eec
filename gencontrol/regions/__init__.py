"""Pointing: masks, boxes, points, strokes, polygons and index masks become alpha maps; geometry and previews."""

from gencontrol.lazy import lazy_exports

__getattr__, __dir__, __all__ = lazy_exports(
    __name__,
    {
        "Geometry": "gencontrol.regions.geometry",
        "Region": "gencontrol.regions.region",
        "RegionWarning": "gencontrol.regions.region",
        "fit_planes": "gencontrol.regions.geometry",
        "stack_alphas": "gencontrol.regions.region",
        "union_of": "gencontrol.regions.region",
    },
)
