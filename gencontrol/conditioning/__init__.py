"""From pictures and regions to embeddings: for an encoder's width and a geometry, with no host."""

from typing import TYPE_CHECKING

from gencontrol.lazy import lazy_exports

if TYPE_CHECKING:
    from gencontrol.conditioning.embed import RegionEmbeds as RegionEmbeds
    from gencontrol.conditioning.embed import choose_focus as choose_focus
    from gencontrol.conditioning.embed import embed_regions as embed_regions
    from gencontrol.conditioning.embed import weighted_mean as weighted_mean
    from gencontrol.conditioning.strength import StrengthSchedule as StrengthSchedule
else:
    __getattr__, __dir__, __all__ = lazy_exports(
        __name__,
        {
            "RegionEmbeds": "gencontrol.conditioning.embed",
            "StrengthSchedule": "gencontrol.conditioning.strength",
            "choose_focus": "gencontrol.conditioning.embed",
            "embed_regions": "gencontrol.conditioning.embed",
            "weighted_mean": "gencontrol.conditioning.embed",
        },
    )
