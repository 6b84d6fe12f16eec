"""The settings of a classification. It imports no torch: the command line reads it first."""

from dataclasses import dataclass
from pathlib import Path

from gencontrol.errors import ConfigError
from gencontrol.numbers import check_number
from gencontrol.runs.settings import EncoderSettings, RegionSettings, check_regions

FORMATS = (".csv", ".json")
"""Suffixes of files of results."""


@dataclass(frozen=True, kw_only=True)
class ClassificationSettings(RegionSettings, EncoderSettings):
    """Which of some labels the regions of pictures have."""

    labels: str = ""
    """A file with a label on each line, or imagenet for the names of ImageNet's classes."""
    templates: str = "auto"
    """Sentences that labels are put into, whose embeddings are averaged: single ("a photo of a {}."), bare (the label
    behind its article), clip-7, clip-80, or a file with one on each line; auto is single, or bare for an encoder that
    does not know its words."""
    top: int = 5
    """How many labels of each region are shown, the best."""
    compare: bool = False
    """Show every way to look at a region beside the others."""
    cache: str | None = None
    """A safetensors file that keeps the labels' embeddings from one run to the next; made anew where labels, templates
    or encoder are others."""
    truncate: bool = False
    """Cut sentences that are too long for the text tower instead of refusing them."""
    output: str | None = None
    """Also write the results to this file (.csv, .json)."""
    overwrite: bool = False
    """Write over a file that is there already."""


def check_classification(settings: ClassificationSettings) -> None:
    """Refuse settings that cannot be, before any picture is read.

    Raises:
        ConfigError: Says which.
    """
    check_regions(settings)
    for name in ("labels", "templates", "cache"):
        value = getattr(settings, name)
        if value is not None and not value.strip():
            raise ConfigError(f"`{name}` is not given: name a file with {_CONTENTS[name]}.")
    check_number(settings.top, name="`top`", at_least=1)
    if settings.output is not None and Path(settings.output).suffix.lower() not in FORMATS:
        raise ConfigError(f"`output` {settings.output}: expected a name that ends in {' or '.join(FORMATS)}.")


_CONTENTS = {
    "labels": "a label on each line, or imagenet",
    "templates": "a sentence on each line, or single, bare, clip-7 or clip-80",
    "cache": "the suffix .safetensors",
}
