"""Whether a run may go on from what another left."""

from collections.abc import Mapping
from typing import Any

from gencontrol.configuration import filled, to_mapping
from gencontrol.errors import CheckpointError
from gencontrol.training.loop.checkpoints import Checkpoint
from gencontrol.training.loop.learning_rate import decay_begins
from gencontrol.training.loop.settings import RunConfig

_MAY_CHANGE = frozenset(
    {"run", "start", "device", "compile", "log_every", "evaluate_every", "sheet_every", "checkpoint_every"}
)
"""The run's settings are compared by themselves; where it started matters no more."""


def check_same_settings(found: Checkpoint, config: RunConfig, stage: Any) -> None:
    """Refuse to go on with settings that what was done before does not have.

    A constant schedule may be prolonged, or cut short, as long as its step size has not begun to fall. Settings that
    did not exist then count as having had their defaults.

    Args:
        found: What was left.
        config: How the run is to go on.
        stage: The stage's settings.

    Raises:
        CheckpointError: Names what is other.
    """
    saved = found.facts["config"]
    begins = decay_begins(saved["steps"], saved.get("decay", 0.0))
    free = {"steps", "decay"} if config.schedule == "constant" and found.step <= begins else set()
    _check(filled(config, saved), to_mapping(config), may_change=_MAY_CHANGE | free)
    _check(filled(stage, found.facts.get("stage", {})), to_mapping(stage), may_change=_MAY_CHANGE)


def _check(saved: Mapping[str, Any], now: Mapping[str, Any], *, may_change: frozenset[str]) -> None:
    changed = [k for k in now if k not in may_change and saved.get(k) != now[k]]
    if changed:
        what = ", ".join(f"{k} {saved.get(k)} -> {now[k]}" for k in changed)
        raise CheckpointError(f"The run was started with other settings ({what}). Use them, or another folder.")
