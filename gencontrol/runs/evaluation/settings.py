"""The settings of a measurement. It imports no torch: the command line reads it first."""

from dataclasses import dataclass

from gencontrol.configuration import nearest
from gencontrol.errors import ConfigError
from gencontrol.numbers import check_number
from gencontrol.runs.settings import EncoderSettings, check_named

DATA_SETS = ("imagenet-s",)
"""What can be measured on."""


@dataclass(frozen=True, kw_only=True)
class EvaluationSettings(EncoderSettings):
    """An encoder measured on a data set as publications do it."""

    data: str = ""
    """The data set: imagenet-s."""
    root: str = ""
    """The data set's folder; of ImageNet-S the one with validation/ and validation-segmentation/ in it."""
    split: str = "validation"
    """Which part of it."""
    names: str | None = None
    """A file with a synset and its name on each line; unless given, LOC_synset_mapping.txt, words.txt or names.txt in
    the data set's folder."""
    templates: str = "auto"
    """Sentences that names are put into: single, as published, bare, clip-7, clip-80, or a file with one on each line;
    auto is single, or bare for an encoder that does not know its words."""
    compare: bool = False
    """Measure every way to look at a region."""
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
    if settings.data not in DATA_SETS:
        raise ConfigError(f"`data`: there is no {settings.data!r}{nearest(settings.data, DATA_SETS)}")
    if not settings.root.strip():
        raise ConfigError("`root`: name the data set's folder.")
    if settings.limit is not None:
        check_number(settings.limit, name="`limit`", at_least=1)
    if not settings.output.lower().endswith(".json"):
        raise ConfigError(f"`output` {settings.output}: expected a name that ends in .json.")
