"""A server from outside: found, checked, and given a run. Nothing heavy is loaded here, for time is what it saves."""

import hmac
import http.client
import json
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gencontrol import errors
from gencontrol.errors import GencontrolError, reason_of
from gencontrol.studio.warm.registry import Address, code_version, proof, read_address
from gencontrol.text_files import json_value

_OWN = ("/dev/fd/", "/dev/stdin", "/dev/stdout", "/dev/stderr", "/proc/")
"""What names of files begin with that mean something else to each process."""
_PATIENCE = 2.0
"""Seconds for a server of this machine to say who it is."""


@dataclass(frozen=True, kw_only=True)
class ToldOutput:
    """See `gencontrol.runs.variation.Output`."""

    path: Path
    """Where."""
    image: Path | None
    """The input."""
    seed: int
    """The picture's own."""
    swept: str
    """The value of a sweep."""


@dataclass(frozen=True, kw_only=True)
class ToldSheet:
    """See `gencontrol.runs.variation.Sheet`."""

    path: Path
    """Where."""
    kind: str
    """Which."""


@dataclass(frozen=True, kw_only=True)
class Told:
    """What a server says of a run; see `gencontrol.runs.variation.Outcome`."""

    about: Mapping[str, Any]
    """What drew: model, host, encoder."""
    outputs: tuple[ToldOutput, ...]
    """All pictures."""
    sheets: tuple[ToldSheet, ...]
    """All sheets."""
    machine: Mapping[str, str]
    """`device` and `dtype`."""
    drawing_seconds: float
    """That the host took."""


def find_server() -> Address | None:
    """The server that runs for this user, if there is one, it is what it says, and its code is this."""
    address = read_address()
    if address is None or address.version != code_version():
        return None
    question = secrets.token_urlsafe(16)
    connection = http.client.HTTPConnection("127.0.0.1", address.port, timeout=_PATIENCE)
    try:
        connection.request("GET", f"/api/v1/proof?question={question}")
        said = json_value(connection.getresponse().read(4096))["proof"]
    except (OSError, http.client.HTTPException, ValueError, KeyError, TypeError):
        return None
    finally:
        connection.close()
    known = isinstance(said, str) and hmac.compare_digest(said.encode(), proof(address.token, question).encode())
    return address if known else None


def only_here(settings: Mapping[str, Any]) -> bool:
    """Whether settings name a file that is another one to another process: `/dev/stdin`, or `/proc/self/fd/3`.

    Args:
        settings: By name, as in a file of settings.
    """
    values = (value if isinstance(value, list | tuple) else (value,) for value in settings.values())
    return any(isinstance(one, str) and one.startswith(_OWN) for several in values for one in several)


def vary_there(
    address: Address, settings: Mapping[str, Any], *, folder: Path, warned: Callable[[str], None]
) -> Told | None:
    """Have a server draw variations; it writes the files itself.

    Args:
        address: Where it is.
        settings: By name, as in a file of settings.
        folder: Where relative paths begin.
        warned: Is given what the run warns of.

    Returns:
        What came of it; None where the run is of a kind that servers do not do.

    Raises:
        GencontrolError: What the run raised, of the same class.
    """
    body = json.dumps({"settings": settings, "folder": str(folder)})
    headers = {"Authorization": f"Bearer {address.token}", "Content-Type": "application/json"}
    connection = http.client.HTTPConnection("127.0.0.1", address.port)
    try:
        connection.request("POST", "/api/v1/vary", body=body.encode(), headers=headers)
        answer = connection.getresponse()
        if answer.status != http.client.OK:
            raise GencontrolError(f"the server refused the run: {answer.read(500).decode(errors='replace').strip()}")
        for line in answer:
            message = json.loads(line)
            if message["kind"] == "warning":
                warned(message["message"])
            elif message["kind"] == "error" and message["type"] == "Declined":
                return None
            elif message["kind"] == "error":
                raise told_error(message)
            elif message["kind"] == "done":
                return _told(message)
    except (OSError, http.client.HTTPException) as error:
        if isinstance(error, GencontrolError):
            raise
        raise GencontrolError(
            f"the server has gone in the middle of the run ({reason_of(error)}): run it again."
        ) from error
    finally:
        connection.close()
    raise GencontrolError("the server has gone in the middle of the run: run it again.")


def told_error(message: Mapping[str, Any]) -> GencontrolError:
    """The error that a message of the kind `error` tells of, of the class that it was raised as."""
    kind = getattr(errors, str(message["type"]), None)
    if isinstance(kind, type) and issubclass(kind, GencontrolError):
        return kind(message["message"])
    return GencontrolError(message["message"])


def _told(message: Mapping[str, Any]) -> Told:
    outputs = (
        ToldOutput(
            path=Path(entry["path"]),
            image=None if entry["image"] is None else Path(entry["image"]),
            seed=entry["seed"],
            swept=entry["swept"],
        )
        for entry in message["outputs"]
    )
    return Told(
        about=message["about"],
        outputs=tuple(outputs),
        sheets=tuple(ToldSheet(path=Path(sheet["path"]), kind=sheet["kind"]) for sheet in message["sheets"]),
        machine=message["machine"],
        drawing_seconds=message["drawing_seconds"],
    )
