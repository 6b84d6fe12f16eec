"""The settings of a search for phrases. It imports no torch: the command line reads it first."""

from dataclasses import dataclass
from typing import Literal

from gencontrol.proposals.defaults import BERT, DEFAULT_GROUNDER, MOST


@dataclass(frozen=True, kw_only=True)
class GroundingSettings:
    """What to find in a picture, and with which grounder."""

    image: str = ""
    """The picture."""
    text: str = ""
    """What to find: phrases, each with a full stop behind it, such as "a cup. a table."."""
    caption: bool = False
    """The text is a caption in English, such as "a man riding a horse": find the things that it names."""
    model: str = DEFAULT_GROUNDER
    """A folder or hub id of Grounding DINO, MM-Grounding-DINO, OWLv2, Florence-2, SAM 3 or GLIP, or a published GLIP's
    .pth file."""
    tokenizer: str = BERT
    """For a published GLIP's file, which has none: a folder or hub id of BERT's tokenizer."""
    revision: str | None = None
    """Branch, tag or commit of the model on its hub."""
    threshold: float | None = None
    """Least score of a box, 0 to 1; unless given, the grounder's own: 0.5 for GLIP, 0.3 for SAM 3, 0.25 for Grounding
    DINO, 0.1 for OWLv2, 0 for Florence-2."""
    most: int = MOST
    """Boxes at most, the best."""
    best: bool = False
    """Only the best box of each phrase."""
    output: str | None = None
    """Write the picture with its boxes to this file."""
    overwrite: bool = False
    """Write over a file that is there already."""
    dtype: Literal["float32", "bfloat16", "float16"] = "float32"
    """Number format of the weights."""
    device: str = "auto"
    """Where to compute: cpu, cuda, cuda:1, mps, ...; auto takes a GPU if there is one."""
    offline: bool = False
    """Use only what is on this machine."""
