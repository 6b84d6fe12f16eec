"""The settings by which drawn pictures are ranked. It imports no torch: the command line reads it first."""

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class RankingSettings:
    """What drawn pictures are to show."""

    relation: str | None = None
    """What the pictures are to show, such as "a crown left of a pumpkin": they are ranked by the probability that they
    do, and those below `at_least` are rejected, which is told. Things are looked for in each picture by `grounder`, or
    by `segmenter` where the references' canvas masks say; names are read by `phrase_model`."""
    at_least: float = 0.5
    """Probability of `relation`, 0 to 1, below which a picture is rejected."""
