"""From a picture, and phrases, to regions: grounders find phrases as boxes, segmenters turn boxes into
masks, captioners describe parts."""

from typing import TYPE_CHECKING

from gencontrol.lazy import lazy_exports

if TYPE_CHECKING:
    from gencontrol.proposals.captioner import Captioner as Captioner
    from gencontrol.proposals.captioner_opening import open_captioner as open_captioner
    from gencontrol.proposals.captions import split_phrases as split_phrases
    from gencontrol.proposals.grammar import NounPhrase as NounPhrase
    from gencontrol.proposals.grammar import distinct_phrases as distinct_phrases
    from gencontrol.proposals.grammar import noun_phrases as noun_phrases
    from gencontrol.proposals.grounder import Grounder as Grounder
    from gencontrol.proposals.grounder import Grounding as Grounding
    from gencontrol.proposals.grounder import best_of_each as best_of_each
    from gencontrol.proposals.grounder import box_regions as box_regions
    from gencontrol.proposals.opening import open_grounder as open_grounder
    from gencontrol.proposals.preview import draw_grounding as draw_grounding
    from gencontrol.proposals.segmenter import Segmentation as Segmentation
    from gencontrol.proposals.segmenter import Segmenter as Segmenter
    from gencontrol.proposals.segmenter_opening import open_segmenter as open_segmenter
else:
    __getattr__, __dir__, __all__ = lazy_exports(
        __name__,
        {
            "Captioner": "gencontrol.proposals.captioner",
            "Grounder": "gencontrol.proposals.grounder",
            "Grounding": "gencontrol.proposals.grounder",
            "NounPhrase": "gencontrol.proposals.grammar",
            "Segmentation": "gencontrol.proposals.segmenter",
            "Segmenter": "gencontrol.proposals.segmenter",
            "best_of_each": "gencontrol.proposals.grounder",
            "box_regions": "gencontrol.proposals.grounder",
            "distinct_phrases": "gencontrol.proposals.grammar",
            "draw_grounding": "gencontrol.proposals.preview",
            "noun_phrases": "gencontrol.proposals.grammar",
            "open_captioner": "gencontrol.proposals.captioner_opening",
            "open_grounder": "gencontrol.proposals.opening",
            "open_segmenter": "gencontrol.proposals.segmenter_opening",
            "split_phrases": "gencontrol.proposals.captions",
        },
    )
