"""What measurements share: which of the pictures are taken, and the one file with what came and how."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, fields
from importlib.metadata import version
from pathlib import Path
from typing import Any, TypeVar

from gencontrol import __version__
from gencontrol.files import atomic_file
from gencontrol.runs.evaluation.items import Kept, remove_kept
from gencontrol.runs.evaluation.settings import EvaluationSettings
from gencontrol.text_files import json_bytes

Item = TypeVar("Item")
PACKAGES = ("torch", "transformers", "pillow", "numpy")
"""Whose versions are told."""
_ABOUT_FILES = frozenset({"output", "overwrite", "offline"})


def spread(items: Sequence[Item], limit: int | None) -> Sequence[Item]:
    """So many of the items, spread over all; all without a limit."""
    step = 1 if limit is None else max(len(items) // limit, 1)
    return items[::step][:limit]


def settings_told(settings: EvaluationSettings) -> dict[str, Any]:
    """What a result depends on: not where it is written, nor how a face reports it."""
    ours = {field.name for field in fields(EvaluationSettings)} - _ABOUT_FILES
    return {name: value for name, value in asdict(settings).items() if name in ours}


def kept_of(settings: EvaluationSettings, made_with: Mapping[str, Any]) -> Kept:
    """What a measurement keeps while it is under way.

    Args:
        settings: Its settings.
        made_with: Plain values that items depend on besides.
    """
    return Kept(
        output=Path(settings.output),
        made_with={"settings": settings_told(settings), **made_with},
        device=settings.device,
        overwrite=settings.overwrite,
    )


def finish(kept: Kept, done: Any, settings: EvaluationSettings, *, facts: Mapping[str, Any]) -> None:
    """Write a file with versions, settings, further facts, and what came, a record; what was kept goes.

    Raises:
        InputError: A file that is there already.
        OutputError: A full disk.
    """
    record: dict[str, Any] = {
        "gencontrol": __version__,
        "versions": {name: version(name) for name in PACKAGES},
        "settings": settings_told(settings),
        **facts,
        **asdict(done),
    }
    with atomic_file(kept.output, exclusive=not settings.overwrite) as temporary:
        temporary.write_bytes(json_bytes(record))
    remove_kept(kept)
