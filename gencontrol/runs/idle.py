"""Settings that a run does not heed, which it says: a mistake in them would otherwise be seen by nobody."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from gencontrol.models.registry import find_preset, resolve
from gencontrol.runs.notices import warn
from gencontrol.runs.referring.phrase_settings import PROPOSED
from gencontrol.runs.settings import RegionSettings

_OF_REGIONS = ("strength", "schedule", "feather", "focus", "threshold", "resize_mask")
"""Settings that shape regions."""
_OF_NEGATIVE_MASKS = frozenset({"focus", "threshold", "resize_mask"})
"""Those of them that shape what to keep away from too."""
_OF_PHRASES = ("label_map", "phrase_model", *PROPOSED)
"""Settings that find what a phrase means."""
_OF_PICTURES = ("level", "levels_curve", "fit", "resize_mask", "recursive")
"""Settings of pictures and their regions, beside those that finished embeddings refuse."""


def given(settings: Any, names: Sequence[str]) -> list[str]:
    """Those of some settings that differ from their defaults; a name that these settings have not is passed over."""
    known = [name for name in names if hasattr(settings, name)]
    return [name for name in known if getattr(settings, name) != getattr(type(settings), name)]


def idle_settings(settings: RegionSettings) -> list[str]:
    """The names of the settings that do nothing where there is no region to shape."""
    heeded = _OF_NEGATIVE_MASKS if getattr(settings, "negative_mask", ()) else frozenset[str]()
    return [name for name in given(settings, _OF_REGIONS) if name not in heeded]


def warn_of_idle(
    several: Sequence[RegionSettings],
    *,
    shown: bool,
    recorded: Mapping[str, Any] | None = None,
    unasked: Collection[str] = (),
) -> None:
    """Say which settings can do nothing.

    Args:
        several: The settings of the run, at each value of a sweep.
        shown: Whether any setting shows a region.
        recorded: Settings of the run that is repeated, whose regions may hold; None where none is.
        unasked: Names of settings that were filled in, and that nobody gave.
    """
    embedded = recorded is None and any(getattr(settings, "embeds_in", None) for settings in several)
    if embedded:
        _say((name for at in several for name in given(at, _OF_PICTURES)), why="`embeds_in` starts from embeddings")
    warn_of_no_phrase(several, recorded or {})
    if not shown and recorded is None:
        told = {*unasked, *(_OF_PICTURES if embedded else ())}
        _say((name for at in several for name in idle_settings(at) if name not in told), why="no region is shown")
        return
    masks = any(settings.mask or getattr(settings, "negative_mask", ()) for settings in several)
    anew = any(settings.threshold not in (None, (recorded or {}).get("threshold")) for settings in several)
    if anew and not masks:
        what = "the recorded regions are what they are" if recorded and not shown else "no mask is given"
        warn(f"{what}, and `threshold` makes masks hard, so it can do nothing.")


def warn_of_no_phrase(several: Sequence[RegionSettings], recorded: Mapping[str, Any] | None = None) -> None:
    """Say which settings find what a phrase means, where there is none.

    Args:
        several: The settings of the run, at each value of a sweep.
        recorded: Settings of the run that is repeated, which are nobody's mistake.
    """
    if any(settings.phrase or getattr(settings, "like_phrase", ()) for settings in several):
        return
    if any(getattr(settings, "relation", None) for settings in several):
        # They find what a relation names in the drawn pictures.
        return
    known = recorded or {}
    idle = (name for at in several for name in given(at, _OF_PHRASES) if getattr(at, name) != known.get(name))
    _say(idle, why="no `phrase` is given")


def warn_of_revision(model: str, revision: str | None) -> None:
    """Say that a revision can do nothing where the model lies on this machine.

    Only `main` is looked at, which loaders take for none: whatever else is named, `Location` refuses there.

    Args:
        model: Preset, folder or hub id.
        revision: What is asked for; None is nothing.
    """
    if revision == "main" and Path(resolve(model)).exists():
        where = "comes with gencontrol" if find_preset(model) and not Path(model).exists() else "is on this machine"
        warn(f"{model} {where}, so `revision` can do nothing.")


def _say(idle: Iterable[str], *, why: str) -> None:
    names = [f"`{name}`" for name in dict.fromkeys(idle)]
    if names:
        warn(f"{why}, so {', '.join(names)} can do nothing.")
