"""The settings of a measurement. It imports no torch: the command line reads it first."""

from dataclasses import dataclass

from gencontrol.configuration import nearest
from gencontrol.errors import ConfigError
from gencontrol.numbers import check_number
from gencontrol.runs.settings import EncoderSettings, check_named

_REFERRING = ("refcoco", "refcoco+", "refcocog")
STATEMENTS = ("vsr", "whatsup", "sugarcrepe", "aro")
"""Those of sentences about how things stand."""
DATA_SETS = ("imagenet-s", *_REFERRING, "region-caption", "whole", *STATEMENTS)
"""What can be measured on."""
ANNOTATED = "annotated"
"""The segmenter that takes the annotations' own masks."""
_OF: dict[str, tuple[str, ...]] = {
    "names": ("imagenet-s", "whole"),
    "templates": ("imagenet-s", "whole"),
    "by": (*_REFERRING, "region-caption"),
    "detections": _REFERRING,
    "segmenter": (*_REFERRING, "region-caption", *STATEMENTS),
    "compare": ("imagenet-s", *_REFERRING, "region-caption"),
    "focus": ("imagenet-s", *_REFERRING, "region-caption", *STATEMENTS),
    "grounder": STATEMENTS,
    "module": STATEMENTS,
    "source": ("region-caption",),
    "meteor": ("region-caption",),
    "max_tokens": ("region-caption",),
    "captions": ("whole",),
    "clip": ("whole",),
}
"""Setting -> the data sets that it is of."""


@dataclass(frozen=True, kw_only=True)
class EvaluationSettings(EncoderSettings):
    """An encoder measured on a data set as publications do it."""

    data: str = ""
    """What is measured: imagenet-s, refcoco, refcoco+, refcocog, region-caption, whole, vsr, whatsup, sugarcrepe or
    aro."""
    root: str = ""
    """The data set's folder; of ImageNet-S the one with validation/ and validation-segmentation/ in it, of RefCOCO the
    one with refcoco/refs(unc).p, refcoco/instances.json and the pictures in it, of whole one with a folder a class; of
    VSR, What'sUp, SugarCrepe and ARO the one with their files of captions, and pictures, in it."""
    split: str | None = None
    """Which part of it; unless given, validation (val of RefCOCO), test of Visual Genome and captions, random/test of
    VSR, and all parts of What'sUp, SugarCrepe and ARO."""
    names: str | None = None
    """A file with a synset and its name on each line; unless given, LOC_synset_mapping.txt, words.txt or names.txt in
    the data set's folder."""
    templates: str = "auto"
    """Sentences that names are put into: single, as published, bare, clip-7, clip-80, or a file with one on each line;
    auto is single, or bare for an encoder that does not know its words."""
    compare: bool = False
    """Measure every way to look at a region."""
    by: str | None = None
    """Who split RefCOCO: unc, google or umd; unless given, as publications have it."""
    source: str | None = None
    """Whose captions of regions: refcocog, refcoco, refcoco+ or visual-genome; unless given, whose files are there."""
    meteor: str | None = None
    """METEOR's program, meteor-1.5.jar, which Java runs; without it there is no METEOR in the table."""
    max_tokens: int = 128
    """Tokens of a caption at most."""
    captions: str | None = None
    """A file of pictures and their captions: COCO's, Karpathy's, or a name, a tab and a caption a line."""
    clip: str | None = None
    """The plain CLIP beside an Alpha-CLIP: a folder, preset or hub id; unless given, the one that it was made from."""
    detections: str | None = None
    """A file of a detector's boxes by picture, of which one is chosen; unless given, boxes are the annotations'."""
    segmenter: str | None = None
    """What makes masks of boxes: box, which takes them as they are, annotated, the annotations' own, grabcut, or a
    folder or hub id of SAM's; unless given, box, and annotated for captions and statements where there are such."""
    grounder: str | None = None
    """What finds the things that statements name: a folder or hub id, as of `gencontrol ground`; unless given, COCO's
    instances_*.json or Visual Genome's objects.json say where they are, if they lie in the data set's folder."""
    module: str | None = None
    """The folder of a module of relations of your own; unless given, the one that comes with gencontrol."""
    limit: int | None = None
    """Take this many pictures only, spread over all."""
    output: str = "evaluation.json"
    """The file to write."""
    overwrite: bool = False
    """Write over a file that is there already."""


def check_evaluation(settings: EvaluationSettings) -> None:
    """Refuse settings that cannot be, before any file is read.

    Raises:
        ConfigError: Says which.
    """
    check_named(settings)
    if not settings.data:
        raise ConfigError(f"`data` is not given: name one of {', '.join(sorted(DATA_SETS))}.")
    if settings.data not in DATA_SETS:
        raise ConfigError(f"`data`: there is no {settings.data!r}{nearest(settings.data, DATA_SETS)}")
    usual = EvaluationSettings()
    for name, owners in _OF.items():
        if settings.data not in owners and getattr(settings, name) != getattr(usual, name):
            raise ConfigError(f"`{name}` is of {', '.join(owners)}, and not of {settings.data}: leave it out.")
    if not settings.root.strip() and not (settings.data == "whole" and settings.captions is not None):
        other = ", or a file of `captions`" if settings.data == "whole" else ""
        raise ConfigError(f"`root`: name the data set's folder{other}.")
    for name in ("limit", "max_tokens"):
        if getattr(settings, name) is not None:
            check_number(getattr(settings, name), name=f"`{name}`", at_least=1)
    if not settings.output.lower().endswith(".json"):
        raise ConfigError(f"`output` {settings.output}: expected a name that ends in .json.")
