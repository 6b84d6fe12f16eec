"""What a host of references would have to fetch, and under which terms: said before anything is."""

from collections.abc import Sequence
from pathlib import Path

from gencontrol.configuration import nearest
from gencontrol.errors import ConfigError
from gencontrol.models.registry import PRESETS
from gencontrol.pipelines.hosts.reference_host import ReferenceHost
from gencontrol.pipelines.hosts.reference_registry import REFERENCE_HOSTS, check_no_painter
from gencontrol.pipelines.stock.sources import Part, Sources, weigh


def takes_references(model: str) -> bool:
    """Whether the setting `model` names a host of references; folders and hub ids never do.

    Raises:
        ConfigError: A name that is none, and is nearest to one of theirs.
        PairingError: A host that is made for holes alone.
    """
    check_no_painter(model)
    if model in REFERENCE_HOSTS:
        return True
    if model not in PRESETS and "/" not in model and not Path(model).exists():
        hint = nearest(model, [*PRESETS, *REFERENCE_HOSTS])
        if any(repr(name) in hint for name in REFERENCE_HOSTS):
            raise ConfigError(f"`model`: there is no {model!r}{hint}")
    return False


def fetching_lines(host: ReferenceHost, sources: Sources) -> list[str]:
    """What is not on this machine, and what users must know of its terms; nothing where all is here."""
    missing = [part for part in sources.missing if not part.location.local_files_only]
    if not missing:
        return []
    what = ", ".join(f"{_place(part)} ({_terms(part)})" for part in missing)
    size = weigh(missing)
    about = "" if size is None or len(missing) < 2 else f", {size_in_words(size)} in all"
    return [f"{host.name}: not on this machine, so fetched: {what}{about}.", *restrictions(host.name, missing)]


def restrictions(name: str, parts: Sequence[Part]) -> list[str]:
    """What users must know of the terms of parts, each once."""
    said = [part.published.restriction for part in parts if part.published is not None and part.published.restriction]
    return [f"{name}: {text}." for text in dict.fromkeys(said)]


def size_in_words(size_mb: float) -> str:
    """A size as people say it."""
    return f"{size_mb / 1000:.1f} GB" if size_mb >= 1000 else f"{size_mb:.0f} MB"


def _place(part: Part) -> str:
    inside = f"/{part.file or part.location.subfolder}".rstrip("/")
    return f"{part.location.name}{inside}"


def _terms(part: Part) -> str:
    if part.published is None:
        return part.role
    size = "" if part.published.size_mb is None else f", {size_in_words(part.published.size_mb)}"
    return f"{part.role}{size}, {part.published.licence}"
