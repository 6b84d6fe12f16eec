"""The settings of regions that words show. It imports no torch: the command line reads it first."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from typing import Any, TypeVar

from gencontrol.errors import ConfigError
from gencontrol.numbers import check_number
from gencontrol.proposals.defaults import MOST

Settings = TypeVar("Settings", bound="PhraseSettings")

CANDIDATES = ("mask", "index_mask", "box", "point", "label_map")
"""Settings that give candidates."""
PROPOSED = ("grounder", "segmenter", "score", "most")
"""Settings that say how candidates are proposed."""
PHRASED = frozenset({"phrase", "like_phrase", "phrase_model", *PROPOSED})
"""Settings that a record holds of a run to which phrases showed regions."""


@dataclass(frozen=True, kw_only=True)
class ProposalSettings:
    """How candidates for a phrase are proposed."""

    grounder: str | None = None
    """Propose candidates for a phrase: a folder or hub id of Grounding DINO, MM-Grounding-DINO, OWLv2, Florence-2, SAM
    3 or GLIP."""
    segmenter: str = "grabcut"
    """What makes masks of proposed boxes: grabcut, box, or a folder or hub id of SAM, SAM-HQ, SAM 2 or SAM 3; not
    used where the grounder gives masks itself, as SAM 3 does."""
    score: float | None = None
    """Least score of a proposed box, 0 to 1; unless given, the grounder's own."""
    most: int = MOST
    """Candidates to propose at most."""


@dataclass(frozen=True, kw_only=True)
class PhraseSettings(ProposalSettings):
    """Regions that words show, and among what they are looked for."""

    phrase: tuple[str, ...] = ()
    """What to look at in words, such as "the red cup left of the dog": found among several masks, boxes, ... or the
    classes of a label map, if those are given, else among what a grounder proposes."""
    label_map: str | None = None
    """For a phrase, the candidates: a mask of classes, each of which is one; class 0 is none."""
    phrase_model: str | None = None
    """The encoder that tells what a phrase means: a preset, folder or hub id with a text tower; unless given, the one
    that looks at the region."""


def check_phrases(settings: Any, *, prefix: str = "") -> None:
    """Refuse settings that do not say among what a phrase is looked for, or say it twice.

    Args:
        settings: Any `RegionSettings`, with a phrase.
        prefix: What messages put before the settings' names that point.

    Raises:
        ConfigError: Says which.
    """
    phrase = f"`{prefix}phrase`"
    if any(not text.strip() for text in settings.phrase):
        raise ConfigError(f"{phrase} is empty: leave it out, or say what it is to be.")
    check_proposals(settings)
    if settings.alpha_from_image:
        raise ConfigError(f"`alpha_from_image` shows a region and {phrase} looks for one: leave one of them out.")
    given = [name for name in CANDIDATES if getattr(settings, name)]
    named = [name if name == "label_map" else f"{prefix}{name}" for name in given]
    if given and settings.grounder is not None:
        raise ConfigError(
            f"`{named[0]}` gives candidates for {phrase}, and `grounder` proposes them: leave one of them out."
        )
    if given and "label_map" not in given and sum(len(getattr(settings, name)) for name in given) < 2:
        raise ConfigError(
            f"`{named[0]}` shows one region and {phrase} another: leave one of them out; or give several as candidates,"
            f" of which {phrase} means one."
        )


def check_proposals(settings: ProposalSettings) -> None:
    """Refuse numbers that cannot be.

    Raises:
        ConfigError: Says which.
    """
    if settings.score is not None:
        check_number(settings.score, name="`score`", at_least=0, at_most=1)
    check_number(settings.most, name="`most`", at_least=1)


def recorded_values(settings: Any, names: Collection[str]) -> dict[str, Any]:
    """What a record says of a run's settings; those of phrases where there are any.

    Args:
        settings: The run's.
        names: Of the settings that a record holds.
    """
    worded = bool(settings.phrase or getattr(settings, "like_phrase", ()))
    return {name: getattr(settings, name) for name in sorted(names) if worded or name not in PHRASED}


def without_held(settings: Settings, recorded: Mapping[str, Any] | None, *, unchanged: bool) -> Settings:
    """The settings less phrases whose answer the record of the repeated run holds as regions.

    It does where the picture is the same, and nothing has been said otherwise; candidates are in no record.

    Args:
        settings: As they are now, the recorded ones beneath.
        recorded: Settings of the run that is repeated; None is none.
        unchanged: Whether the picture is the one that was looked at.
    """
    if recorded is None or not unchanged or any(getattr(settings, name) for name in CANDIDATES):
        return settings
    same = all(_plain(getattr(settings, n)) == _plain(recorded.get(n)) for n in ("phrase", "phrase_model", *PROPOSED))
    return replace(settings, phrase=()) if same else settings


def _plain(value: Any) -> Any:
    """JSON has lists for tuples."""
    return tuple(value) if isinstance(value, list) else value
