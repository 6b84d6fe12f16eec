"""The settings of a phrase that means one part. It imports no torch: the command line reads it first."""

from dataclasses import dataclass

from gencontrol.proposals.defaults import MOST
from gencontrol.runs.relating.settings import NamedRegionSettings


@dataclass(frozen=True, kw_only=True)
class ReferringSettings(NamedRegionSettings):
    """A picture, a phrase, and the candidates for what it means: regions that are given, or that are proposed."""

    text: str = ""
    """What is meant, such as "the second cup from the left" or "the red cup left of the dog"."""
    grounder: str | None = None
    """Propose candidates: a folder or hub id of Grounding DINO, MM-Grounding-DINO, OWLv2 or GLIP."""
    segmenter: str = "grabcut"
    """What makes masks of proposed boxes: grabcut, box, or a folder or hub id of SAM, SAM-HQ or SAM 2."""
    score: float | None = None
    """Least score of a proposed box, 0 to 1; unless given, the grounder's own."""
    most: int = MOST
    """Candidates to propose at most."""
    output: str | None = None
    """Write the mask of what is meant to this file, for the next command's `mask`."""
    overwrite: bool = False
    """Write over a file that is there already."""
