"""One call's settings, for several calls; and how many outputs a call draws."""

from collections.abc import Mapping
from typing import Any

from gencontrol.pipelines.hosts.reference_host import ReferenceHost


def lists_copied(settings: dict[str, Any]) -> dict[str, Any]:
    """Lists anew: some stock calls write into theirs. Dictionaries stay, since schedules change them in place."""
    return {name: list(value) if isinstance(value, list) else value for name, value in settings.items()}


def outputs_at_once(host: ReferenceHost, settings: Mapping[str, Any], wanted: int) -> int:
    """As many outputs as wanted, or one where the stock call fails at several of a prompt that comes embedded.

    Args:
        host: Says whether it does.
        settings: Of a call.
        wanted: 1 or more.
    """
    return 1 if "prompt_embeds" in settings and not host.call.repeats else wanted
