"""Pointing: masks, boxes, points, strokes, polygons and index masks become alpha maps; geometry and previews."""

from typing import TYPE_CHECKING

from gencontrol.lazy import lazy_exports

if TYPE_CHECKING:
    from gencontrol.regions.drawn import from_box as from_box
    from gencontrol.regions.drawn import from_points as from_points
    from gencontrol.regions.drawn import from_polygon as from_polygon
    from gencontrol.regions.drawn import from_stroke as from_stroke
    from gencontrol.regions.drawn import whole as whole
    from gencontrol.regions.geometry import Geometry as Geometry
    from gencontrol.regions.geometry import fit_planes as fit_planes
    from gencontrol.regions.index_masks import from_index_mask as from_index_mask
    from gencontrol.regions.index_masks import from_level_mask as from_level_mask
    from gencontrol.regions.levels import level_map as level_map
    from gencontrol.regions.levels import level_shares as level_shares
    from gencontrol.regions.masks import from_image_alpha as from_image_alpha
    from gencontrol.regions.masks import from_mask as from_mask
    from gencontrol.regions.notices import check_seen as check_seen
    from gencontrol.regions.notices import lost_context as lost_context
    from gencontrol.regions.notices import seen_share as seen_share
    from gencontrol.regions.ops import difference as difference
    from gencontrol.regions.ops import feather as feather
    from gencontrol.regions.ops import grow as grow
    from gencontrol.regions.ops import intersection as intersection
    from gencontrol.regions.ops import invert as invert
    from gencontrol.regions.ops import shrink as shrink
    from gencontrol.regions.ops import threshold as threshold
    from gencontrol.regions.ops import union as union
    from gencontrol.regions.region import Region as Region
    from gencontrol.regions.region import RegionWarning as RegionWarning
    from gencontrol.regions.region import stack_alphas as stack_alphas
    from gencontrol.regions.region import union_of as union_of
    from gencontrol.regions.scene import Scene as Scene
else:
    __getattr__, __dir__, __all__ = lazy_exports(
        __name__,
        {
            "Geometry": "gencontrol.regions.geometry",
            "Region": "gencontrol.regions.region",
            "RegionWarning": "gencontrol.regions.region",
            "Scene": "gencontrol.regions.scene",
            "check_seen": "gencontrol.regions.notices",
            "difference": "gencontrol.regions.ops",
            "feather": "gencontrol.regions.ops",
            "fit_planes": "gencontrol.regions.geometry",
            "from_box": "gencontrol.regions.drawn",
            "from_image_alpha": "gencontrol.regions.masks",
            "from_index_mask": "gencontrol.regions.index_masks",
            "from_level_mask": "gencontrol.regions.index_masks",
            "from_mask": "gencontrol.regions.masks",
            "from_points": "gencontrol.regions.drawn",
            "from_polygon": "gencontrol.regions.drawn",
            "from_stroke": "gencontrol.regions.drawn",
            "grow": "gencontrol.regions.ops",
            "intersection": "gencontrol.regions.ops",
            "invert": "gencontrol.regions.ops",
            "level_map": "gencontrol.regions.levels",
            "level_shares": "gencontrol.regions.levels",
            "lost_context": "gencontrol.regions.notices",
            "seen_share": "gencontrol.regions.notices",
            "shrink": "gencontrol.regions.ops",
            "stack_alphas": "gencontrol.regions.region",
            "threshold": "gencontrol.regions.ops",
            "union": "gencontrol.regions.ops",
            "union_of": "gencontrol.regions.region",
            "whole": "gencontrol.regions.drawn",
        },
    )
