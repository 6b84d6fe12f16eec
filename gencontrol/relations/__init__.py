"""How parts stand to each other, and sentences about it."""

from typing import TYPE_CHECKING

from gencontrol.lazy import lazy_exports

if TYPE_CHECKING:
    from gencontrol.relations.clips import Clip as Clip
    from gencontrol.relations.clips import relate_clip as relate_clip
    from gencontrol.relations.drawing import draw_relations as draw_relations
    from gencontrol.relations.geometry import PAIR_FEATURES as PAIR_FEATURES
    from gencontrol.relations.geometry import PairGeometry as PairGeometry
    from gencontrol.relations.geometry import pair_geometry as pair_geometry
    from gencontrol.relations.grammar import Thing as Thing
    from gencontrol.relations.grammar import is_relational as is_relational
    from gencontrol.relations.grammar import parse_phrase as parse_phrase
    from gencontrol.relations.learned.module import RelationModule as RelationModule
    from gencontrol.relations.learned.opening import open_module as open_module
    from gencontrol.relations.phrases import PhraseAnswer as PhraseAnswer
    from gencontrol.relations.phrases import find_phrase as find_phrase
    from gencontrol.relations.ranking import RankedPicture as RankedPicture
    from gencontrol.relations.ranking import rank_pictures as rank_pictures
    from gencontrol.relations.relating import SceneRelations as SceneRelations
    from gencontrol.relations.relating import relate as relate
    from gencontrol.relations.rules import hand_rules as hand_rules
    from gencontrol.relations.steering import relation_loss as relation_loss
    from gencontrol.relations.tracking import follow as follow
    from gencontrol.relations.vocabulary import ANSWERED as ANSWERED
    from gencontrol.relations.vocabulary import RULED as RULED
else:
    __getattr__, __dir__, __all__ = lazy_exports(
        __name__,
        {
            "ANSWERED": "gencontrol.relations.vocabulary",
            "Clip": "gencontrol.relations.clips",
            "PAIR_FEATURES": "gencontrol.relations.geometry",
            "RULED": "gencontrol.relations.vocabulary",
            "PairGeometry": "gencontrol.relations.geometry",
            "PhraseAnswer": "gencontrol.relations.phrases",
            "RankedPicture": "gencontrol.relations.ranking",
            "RelationModule": "gencontrol.relations.learned.module",
            "SceneRelations": "gencontrol.relations.relating",
            "Thing": "gencontrol.relations.grammar",
            "draw_relations": "gencontrol.relations.drawing",
            "find_phrase": "gencontrol.relations.phrases",
            "follow": "gencontrol.relations.tracking",
            "hand_rules": "gencontrol.relations.rules",
            "is_relational": "gencontrol.relations.grammar",
            "open_module": "gencontrol.relations.learned.opening",
            "pair_geometry": "gencontrol.relations.geometry",
            "parse_phrase": "gencontrol.relations.grammar",
            "rank_pictures": "gencontrol.relations.ranking",
            "relate": "gencontrol.relations.relating",
            "relate_clip": "gencontrol.relations.clips",
            "relation_loss": "gencontrol.relations.steering",
        },
    )
