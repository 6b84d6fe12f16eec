"""The settings of a phrase that means one part. It imports no torch: the command line reads it first."""

from dataclasses import dataclass

from gencontrol.runs.referring.phrase_settings import ProposalSettings
from gencontrol.runs.relating.settings import NamedRegionSettings


@dataclass(frozen=True, kw_only=True)
class ReferringSettings(ProposalSettings, NamedRegionSettings):
    """A picture, a phrase, and the candidates for what it means: regions that are given, or that are proposed."""

    text: str = ""
    """What is meant, such as "the second cup from the left" or "the red cup left of the dog"."""
    output: str | None = None
    """Write the mask of what is meant to this file, for the next command's `mask`."""
    overwrite: bool = False
    """Write over a file that is there already."""
