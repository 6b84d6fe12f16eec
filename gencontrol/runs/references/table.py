"""What each host of reference pictures takes, as a table for people and as records for programs."""

from collections.abc import Mapping
from typing import Any

from gencontrol.configuration import to_mapping
from gencontrol.pipelines.hosts.reference_host import ReferenceHost
from gencontrol.pipelines.hosts.reference_registry import REFERENCE_HOSTS
from gencontrol.pipelines.stock.sources import find_sources, weigh
from gencontrol.runs.references.fetching import size_in_words

HEADER = (
    "name",
    "stock call",
    "encoder",
    "takes",
    "a part is shown by",
    "without a picture",
    "canvas, weight, steps",
    "several",
    "tests run it",
    "licence",
)
"""What the columns of `reference_row` are."""
FETCHED_HEADER = ("name", "encoder", "licence", "size", "state", "fetched from")
"""What the columns of `fetched_row` are."""

_TAKES = {
    "embedding": "one embedding",
    "penultimate": "tokens, last but one",
    "last": "tokens",
    "redux": "tokens + bias",
    "picture": "picture + bias",
}
_SHOWN = {
    "embedding": "any focus",
    "penultimate": "a focus of one look; tokens repeated or left out",
    "last": "a focus of one look; tokens repeated or left out",
    "redux": "a focus of one look; bias",
    "picture": "bias",
}
_PROVEN = {"small": "small", "widths": "at its widths", "shape": "at its real shape"}
_NEGATIVES = {"zeros": "zeros", "zero_pixels": "zero pixels", "black": "a black picture", "own": "its own"}
_ROWS = {"masks": "by masks", "rows": "rows", "loop": "one call each"}


def reference_row(host: ReferenceHost) -> tuple[str, ...]:
    """One host in words, in the order of `HEADER`."""
    acts = {"canvas": host.canvas_masks, "weight": host.weights, "steps": host.schedules}
    several = f"{'yes' if host.several else 'no'}; outputs: {_ROWS[host.rows]}"
    return (
        host.name,
        host.pipelines[0],
        host.encoder,
        _TAKES[host.takes],
        _SHOWN[host.takes],
        _NEGATIVES[host.negative],
        ", ".join(name for name, can in acts.items() if can) or "none",
        several,
        _PROVEN[host.proven],
        (host.adapter or host.base).licence,
    )


def reference_rows() -> list[tuple[str, ...]]:
    """Every known host."""
    return [reference_row(host) for host in REFERENCE_HOSTS.values()]


def fetched_row(host: ReferenceHost) -> tuple[str, ...]:
    """What a host needs, in the order of `FETCHED_HEADER`; of two licences, the adapter's comes first."""
    sources = find_sources(host)
    size = weigh(sources.parts)
    licences = dict.fromkeys(weights.licence for weights in (host.adapter, host.base) if weights)
    places = dict.fromkeys(part.location.name for part in sources.parts)
    return (
        host.name,
        host.encoder,
        " / ".join(licences),
        "not known" if size is None else size_in_words(size),
        state_of(host),
        ", ".join(places),
    )


def fetched_rows(hosts: Mapping[str, ReferenceHost] = REFERENCE_HOSTS) -> list[tuple[str, ...]]:
    """Every known host; others are those that paint into holes (`INPAINTING_HOSTS`)."""
    return [fetched_row(host) for host in hosts.values()]


def state_of(host: ReferenceHost) -> str:
    """`cached`, `not here`, or `partly cached`."""
    sources = find_sources(host)
    if not sources.missing:
        return "cached"
    return "not here" if len(sources.missing) == len(sources.parts) else "partly cached"


def reference_records(hosts: Mapping[str, ReferenceHost] = REFERENCE_HOSTS) -> list[dict[str, Any]]:
    """Every known host with all that its record says, and whether it is here."""
    return [to_mapping(host) | {"state": state_of(host)} for host in hosts.values()]


def restrictions(hosts: Mapping[str, ReferenceHost] = REFERENCE_HOSTS) -> list[str]:
    """What users must know of hosts' terms before they fetch weights, a line each."""
    lines = []
    for host in hosts.values():
        said = {weights.restriction for weights in (host.adapter, host.base) if weights and weights.restriction}
        lines.extend(f"{host.name}: {text}" for text in sorted(said))
    return lines
