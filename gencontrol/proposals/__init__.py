"""From a picture, and phrases, to regions: grounders find phrases as boxes, segmenters turn boxes into masks."""

from typing import TYPE_CHECKING

from gencontrol.lazy import lazy_exports

if TYPE_CHECKING:
    from gencontrol.proposals.captions import split_phrases as split_phrases
    from gencontrol.proposals.grounder import Grounder as Grounder
    from gencontrol.proposals.grounder import Grounding as Grounding
    from gencontrol.proposals.grounder import best_of_each as best_of_each
    from gencontrol.proposals.grounder import box_regions as box_regions
    from gencontrol.proposals.opening import open_grounder as open_grounder
else:
    __getattr__, __dir__, __all__ = lazy_exports(
        __name__,
        {
            "Grounder": "gencontrol.proposals.grounder",
            "Grounding": "gencontrol.proposals.grounder",
            "best_of_each": "gencontrol.proposals.grounder",
            "box_regions": "gencontrol.proposals.grounder",
            "open_grounder": "gencontrol.proposals.opening",
            "split_phrases": "gencontrol.proposals.captions",
        },
    )
