"""What a run's folder says of it: who wants what (`job.json`), and how far it is (`state.json`)."""

import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, TypeVar

from gencontrol.configuration import from_mapping, to_mapping
from gencontrol.errors import ConfigError, InputError
from gencontrol.files import atomic_file
from gencontrol.runs.radiance import CreationSettings, EditSettings
from gencontrol.text_files import json_value

JOB, STATE, LOG, OUTPUTS = "job.json", "state.json", "log.txt", "outputs"
"""Names in a run's folder: what is asked for, how far it is, what it prints, and what it writes."""
MESH = "scene.glb"
"""The mesh, beside the scene and the turntable."""
Status = Literal["waiting", "running", "done", "failed", "stopped"]
"""Of a run; the last three are for good."""
OVER = ("done", "failed", "stopped")
"""The states from which no other follows."""
_PREVIEW = re.compile(r"\d+\.png")
Record = TypeVar("Record")


@dataclass(frozen=True, kw_only=True)
class Job:
    """What is asked for."""

    owner: str
    """Whose it is: a name with a password, or nobody's where only one person visits."""
    made: float
    """When it was asked for, seconds since 1970."""
    settings: CreationSettings | EditSettings
    """The run's."""


@dataclass(frozen=True, kw_only=True)
class State:
    """How far a run is."""

    status: Status
    """Where it stands."""
    message: str = ""
    """Why it failed, or what a finished one lacks; a line."""
    result: str = ""
    """Of a finished one, the folder of its files, below the run's own."""
    changed: float = 0.0
    """When it came to stand there, seconds since 1970."""


def write_job(folder: Path, job: Job) -> None:
    """Write down what is asked for."""
    kind = "edit" if isinstance(job.settings, EditSettings) else "new"
    said = {"owner": job.owner, "made": job.made, kind: to_mapping(job.settings)}
    _write(folder / JOB, said)


def read_job(folder: Path) -> Job:
    """What is asked for.

    Raises:
        InputError: It is not there, or damaged.
    """
    said = dict(_read(folder / JOB))
    kind = EditSettings if "edit" in said else CreationSettings
    settings = _as(kind, said.pop("edit", None) or said.pop("new", None), folder / JOB)
    return _as(Job, said | {"settings": settings}, folder / JOB)


def write_state(folder: Path, state: State) -> None:
    """Write down how far a run is."""
    _write(folder / STATE, to_mapping(state))


def read_state(folder: Path) -> State:
    """How far a run is.

    Raises:
        InputError: It is not there, or damaged.
    """
    return _as(State, _read(folder / STATE), folder / STATE)


def previews(folder: Path) -> list[tuple[int, Path]]:
    """The step of each preview and its file, by now, in their order."""
    found = (folder / OUTPUTS).glob("*/*/*/previews/*.png")
    # A file that is being written has a longer name.
    return sorted((int(path.stem), path) for path in found if _PREVIEW.fullmatch(path.name))


def _write(path: Path, said: Any) -> None:
    with atomic_file(path) as temporary:
        temporary.write_text(json.dumps(said, indent=1), encoding="utf-8")


def _read(path: Path) -> dict[str, Any]:
    try:
        said = json_value(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise InputError(f"{path.parent.name} is no run any more: its {path.name} cannot be read.") from error
    if not isinstance(said, dict):
        raise InputError(f"{path.parent.name} is no run any more: its {path.name} is something else.")
    return said


def _as(kind: type[Record], said: Any, path: Path) -> Record:
    try:
        return from_mapping(kind, said, where=path.name)
    except (ConfigError, TypeError) as error:
        raise InputError(f"{path.parent.name} is no run of this version: {error}") from error
