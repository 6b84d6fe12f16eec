"""The data engine: from plain pictures with captions, or classes, to region-text pairs that an Alpha-CLIP is trained
on."""

from typing import TYPE_CHECKING

from gencontrol.lazy import lazy_exports

if TYPE_CHECKING:
    from gencontrol.engine.agreement import Agreement as Agreement
    from gencontrol.engine.candidates import Candidate as Candidate
    from gencontrol.engine.makers import ClassMaker as ClassMaker
    from gencontrol.engine.makers import GroundingMaker as GroundingMaker
    from gencontrol.engine.rules import Rules as Rules
else:
    __getattr__, __dir__, __all__ = lazy_exports(
        __name__,
        {
            "Agreement": "gencontrol.engine.agreement",
            "Candidate": "gencontrol.engine.candidates",
            "ClassMaker": "gencontrol.engine.makers",
            "GroundingMaker": "gencontrol.engine.makers",
            "Rules": "gencontrol.engine.rules",
        },
    )
