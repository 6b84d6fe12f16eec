"""One call's settings, for several calls; and how many outputs a call draws."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from gencontrol.pipelines.hosts.reference_host import ReferenceHost


@contextmanager
def for_one_call(settings: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """Settings as a stock call may have them: whatever it writes into lists and dictionaries, they are as before after.

    Lists go in as copies. Dictionaries go in themselves, since schedules change theirs between steps, and get back what
    they held, also where the call was broken off.

    Args:
        settings: Keyword arguments.
    """
    held = [(value, dict(value)) for value in settings.values() if isinstance(value, dict)]
    try:
        yield {name: list(value) if isinstance(value, list) else value for name, value in settings.items()}
    finally:
        for value, before in held:
            value.clear()
            value.update(before)


def outputs_at_once(host: ReferenceHost, settings: Mapping[str, Any], wanted: int) -> int:
    """As many outputs as wanted, or one where the stock call fails at several of a prompt that comes embedded.

    Args:
        host: Says whether it does.
        settings: Of a call.
        wanted: 1 or more.
    """
    return 1 if "prompt_embeds" in settings and not host.call.repeats else wanted
