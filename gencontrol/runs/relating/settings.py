"""The settings of a question about relations. It imports no torch: the command line reads it first."""

from dataclasses import dataclass
from typing import Literal

from gencontrol.runs.settings import EncoderSettings

Core = Literal["auto", "rules", "rim", "transformer", "gru", "mlp"]
"""What can answer."""


@dataclass(frozen=True, kw_only=True)
class NamedRegionSettings(EncoderSettings):
    """Regions of a picture with names, and the encoder that looks at them."""

    image: str = ""
    """The picture."""
    mask: tuple[str, ...] = ()
    """A mask with its name, as dog=dog.png: white, or opaque, is the region; without a name, the file's."""
    index_mask: tuple[str, ...] = ()
    """One class of a mask whose pixels hold classes, as dog=classes.png=3: its number, #rrggbb, or a colour's name."""
    box: tuple[str, ...] = ()
    """A box with its name, as cup=148,44,232,116, in pixels or percent; X1 and Y1 are outside."""
    point: tuple[str, ...] = ()
    """A disc around a point with its name, as ball=40,60,12."""
    label_map: str | None = None
    """A mask of classes, each of which is a region; class 0 is none."""
    threshold: float | None = None
    """Make masks hard: 1 where they are at least this value in (0, 1], 0 elsewhere."""
    resize_mask: bool = False
    """Stretch masks of another size to the picture's instead of refusing them."""


@dataclass(frozen=True, kw_only=True)
class RelatingSettings(NamedRegionSettings):
    """Regions of a picture, and what is to be said of how they stand to each other."""

    image: str = ""
    """The picture; or a clip, a film (MP4, ...), an animation (GIF, ...) or a folder of frames, if its masks are clips
    too, or `follow` is given."""
    mask: tuple[str, ...] = ()
    """A mask with its name, as dog=dog.png: white, or opaque, is the region; without a name, the file's. For a clip an
    animation or a folder of as many frames, of which a black one hides the region; or one picture, if it stays."""
    follow: bool = False
    """Of a clip whose masks are single pictures: they mark its first frame, and are followed over the others, by what
    they look like there."""
    text: tuple[str, ...] = ()
    """A phrase such as "the cup left of the dog": which regions it means."""
    at_least: float = 0.5
    """Probability, 0 to 1, below which the table and the drawing leave a relation out."""
    core: Core = "auto"
    """What answers: rules on masks, or a core of the trained module; auto is the best that this build comes with."""
    module: str | None = None
    """A folder with a module of your own, as `gencontrol train relations` exports it."""
    graph: str | None = None
    """Also draw the picture with named arrows into this file."""
    overwrite: bool = False
    """Write over a file that is there already."""
