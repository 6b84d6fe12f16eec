"""The settings of the data engine. It imports no torch: the command line reads it first."""

from dataclasses import dataclass
from pathlib import Path

from gencontrol.engine.joining import check_address
from gencontrol.engine.sources.opening import is_archive
from gencontrol.errors import ConfigError
from gencontrol.kinds import check_fields
from gencontrol.numbers import check_number
from gencontrol.proposals.defaults import BERT, DEFAULT_GROUNDER
from gencontrol.runs.machine.processes import is_alone
from gencontrol.runs.settings import EncoderSettings, check_named

GIVEN = "given"
"""The grounder that takes what the data set itself points at."""
PHRASES, TEMPLATES = "phrases", "templates"
"""Captioners that need no model."""
SOME_BOXES, ONE_PART = 3, 1
"""Boxes of a phrase, which may be of several things; parts of a picture that is of one class."""
LARGEST_SHARD = 100_000
"""Pictures: a shard's lines are held in memory."""


@dataclass(frozen=True, kw_only=True)
class PairsSettings(EncoderSettings):
    """Region-text pairs made of plain pictures, as `train alpha-clip --pairs` reads them."""

    pictures: str = ""
    """A folder of pictures; a tar archive of pictures and captions as webdataset writes it, a parquet table as GRIT's,
    or a folder of either; or a folder of folders that are called after their classes."""
    captions: str | None = None
    """A file with one JSON object a line: file, caption, perhaps boxes; or one list of them; or COCO's captions, which
    alone are taken beside annotations."""
    annotations: str | None = None
    """COCO's or LVIS's file of instances: their own boxes and masks are taken, called after their categories."""
    names: str | None = None
    """Of class folders: a file with a folder and its name on each line; unless given, they are called what they are."""
    grounder: str | None = None
    """What finds the captions' phrases: a folder or hub id of Grounding DINO, MM-Grounding-DINO, OWLv2, Florence-2, SAM
    3 or GLIP, or a published GLIP's .pth file; given takes the boxes that the data set itself has. Unless given,
    IDEA-Research/grounding-dino-tiny, and given for annotations."""
    tokenizer: str = BERT
    """For a published GLIP's file, which has none: a folder or hub id of BERT's tokenizer."""
    score: float | None = None
    """Least score of a box, 0 to 1; unless given, the grounder's own."""
    most: int = 20
    """Boxes of a picture at most, the best."""
    each: int | None = None
    """Boxes of a phrase, or parts of a picture of a class, at most; unless given, 3 boxes and one part."""
    overlap: float = 0.7
    """Intersection over union above which two boxes are one, whatever they are said to be: the better one stays."""
    least_area: float = 0.002
    """Least share of the picture that a box, and a mask, takes."""
    most_area: float = 0.9
    """Largest share of the picture that a box, and a mask, takes."""
    least_side: int = 16
    """Pixels of a picture's shorter side at least."""
    segmenter: str = "grabcut"
    """What makes masks of boxes that have none: grabcut, box, which takes them as they are, or a folder or hub id of
    SAM, SAM-HQ, SAM 2 or SAM 3."""
    own_masks: bool = True
    """Take the masks that annotations have, or that SAM 3 gives with its boxes; without, the segmenter makes all."""
    focus: str | None = "crop"
    """How the encoder is made to look at a part: crop, which cuts it out and enlarges it, as published; or another of
    alpha, zoom, attention, blank, blur, circle, masked-pooling, mask-inversion and one-pass."""
    agreement: float = 0.2
    """Least cosine of a part and what is said of it, -1 to 1; cosines of different encoders do not compare."""
    filter: bool = True
    """Ask the encoder how well part and text agree; without, all stay and no encoder is loaded. Of class folders the
    encoder is always asked."""
    contrast: bool = False
    """Drop a part that agrees better with another phrase of its caption."""
    per_class: int = 1000
    """Of class folders: pairs of each class that stay, those that agree best."""
    captioner: str | None = None
    """Who writes the text: phrases, which takes the caption's own, templates, or a folder or hub id of BLIP, BLIP-2 or
    LLaVA-1.5; unless given, phrases, and templates of classes."""
    templates: str = "auto"
    """Sentences that names are put into: single, bare, clip-7, clip-80, or a file with one on each line; auto is
    single, or bare for an encoder that does not know its words."""
    shard: int = 64
    """Pictures that are done as one: of what is stopped, the shards that were begun are done again."""
    share: float = 1.0
    """Take this share of the pictures only, drawn at random."""
    seed: int = 0
    """Of what is drawn: pictures, templates, and the sheet."""
    copies: bool = False
    """Copy the pictures into the folder, so that it is whole by itself; unless given, they are named where they lie."""
    licence: str = "not stated"
    """The licence of pictures and captions, for the header."""
    output: str = ""
    """The folder to write."""
    overwrite: bool = False
    """Write over pairs that are there already, or that were begun with other settings."""
    cluster: str | None = None
    """Have the shards made by a cluster of Ray: its address HOST:PORT as `ray start --head` prints it, auto for the one
    that this machine belongs to, or local for one that is begun on this machine and ended after."""
    workers: int | None = None
    """Processes of the cluster at most; unless given, one for each GPU, or for each core where there is none."""


ABOUT_FILES = frozenset({"output", "overwrite", "offline", "cluster", "workers"})
"""Settings that pairs do not depend on."""


def is_by_class(settings: PairsSettings) -> bool:
    """Whether folders say what is in their pictures."""
    return settings.captions is None and settings.annotations is None and not is_archive(Path(settings.pictures))


def grounder_of(settings: PairsSettings) -> str:
    """What finds the phrases, where it is not said too."""
    return settings.grounder or (DEFAULT_GROUNDER if settings.annotations is None else GIVEN)


def captioner_of(settings: PairsSettings) -> str:
    """Who writes the texts, where it is not said too."""
    return settings.captioner or (TEMPLATES if is_by_class(settings) else PHRASES)


def check_pairs(settings: PairsSettings) -> None:
    """Refuse settings that cannot be, before any file is read.

    Raises:
        ConfigError: Says which.
        InputError: One of another kind than its annotation says.
    """
    check_fields(settings)
    for name in ("pictures", "output"):
        if not getattr(settings, name).strip():
            raise ConfigError(
                f"`{name}` is not given: gencontrol data pairs PICTURES --captions FILE -o PAIRS makes pairs."
            )
    check_named(settings)
    for name in ("captions", "annotations", "names", "captioner", "templates", "segmenter", "cluster"):
        value = getattr(settings, name)
        if value is not None and not value.strip():
            raise ConfigError(f"`{name}` is empty: leave it out, or say what it is to be.")
    if settings.annotations is not None and settings.grounder not in (None, GIVEN):
        raise ConfigError("`grounder` finds phrases, and `annotations` have boxes of their own: leave one of them out.")
    if is_by_class(settings):
        _check_by_class(settings)
    elif settings.names is not None:
        raise ConfigError("`names` is of folders that are classes, and this data set has captions: leave it out.")
    check_number(settings.per_class, name="`per_class`", at_least=1)
    check_number(settings.shard, name="`shard`", at_least=1, at_most=LARGEST_SHARD)
    check_number(settings.share, name="`share`", above=0, at_most=1)
    check_number(settings.seed, name="`seed`", at_least=0, at_most=2**63 - 1)
    _check_cluster(settings)


def _check_cluster(settings: PairsSettings) -> None:
    if settings.workers is not None:
        check_number(settings.workers, name="`workers`", at_least=1)
    if settings.cluster is None:
        if settings.workers is not None:
            raise ConfigError("`workers` are a cluster's: say which as `cluster`, or leave `workers` out.")
        return
    check_address(settings.cluster)
    if not is_alone():
        raise ConfigError(
            "`cluster` begins processes itself, and `accelerate launch` has begun several of the command: call it "
            "without `accelerate launch`, or leave `cluster` out."
        )


def _check_by_class(settings: PairsSettings) -> None:
    if settings.grounder is not None:
        raise ConfigError("`grounder` is of captions, and folders that are classes have none: name a file of captions.")
    if settings.captioner == PHRASES:
        raise ConfigError(f"`captioner` {PHRASES} is of captions, and folders that are classes have none.")
    if not settings.filter:
        raise ConfigError("`no_filter` is of captions: of class folders the encoder says what stays.")
