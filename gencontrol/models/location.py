"""Where a saved model lies: a folder, or a place on the hub; and its files of settings, read without its weights."""

import socket
import urllib.parse
import urllib.request
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from transformers.utils.hub import cached_file

from gencontrol.configuration import nearest
from gencontrol.errors import CheckpointError
from gencontrol.models.registry import PRESETS, put_together
from gencontrol.text_files import file_of, json_value, read_bytes, web_address

# Seconds for an answer: a line that needs longer does not fetch gigabytes.
_PATIENCE = 3.0
WEIGHT_SUFFIXES = frozenset({".bin", ".ckpt", ".pt", ".pth", ".safetensors"})
"""Of single files that hold weights."""
# As many names as a terminal shows without drowning the sentence around them.
_LISTED = 6


@dataclass(frozen=True, kw_only=True)
class Location:
    """A saved model: a folder or a hub id, and how to look it up."""

    name: str
    """Folder or hub id."""
    revision: str | None = None
    """Branch, tag or commit on the hub."""
    subfolder: str = ""
    """Folder inside it."""
    local_files_only: bool = False
    """Whether to look in the cache only."""
    out_of_reach: bool = False
    """Whether the cache is all that is looked at because the hub cannot be reached."""
    names: tuple[str, ...] = tuple(PRESETS)
    """Short names that are taken beside folders and hub ids, which messages know."""

    def __post_init__(self) -> None:
        # To pathlib the empty name is the folder one is in.
        if not self.name.strip():
            raise CheckpointError("The name of a model is empty: give a folder, a preset, or a hub id.")
        if Path(self.name).exists():
            # "main" is the default of transformers' own loaders, which callers hand on.
            if self.revision not in (None, "main"):
                raise CheckpointError(
                    f"`revision` {self.revision} is of a model on the hub, and {self.name} is on this machine: leave "
                    "it out."
                )
            return
        if (address := web_address(self.name)) is not None:
            raise CheckpointError(_address_text(address))
        if (text := put_together(self.name)) is not None:
            raise CheckpointError(text)
        if self.name in PRESETS and self.name not in self.names:
            raise CheckpointError(
                f"{self.name} is a preset of image variation, and another kind of model is expected here: give its "
                "folder or hub id."
            )

    def settled(self) -> "Location":
        """The same, kept to this machine's cache if the hub cannot be reached: its client would try for half a minute.

        One question is asked, and only for what can be nowhere but on the hub.
        """
        if self.local_files_only or Path(self.name).exists() or self.name.count("/") > 1 or is_hub_there():
            return self
        return replace(self, local_files_only=True, out_of_reach=True)

    def lookup(self) -> dict[str, Any]:
        """Keyword arguments that every transformers loader takes."""
        return {
            "revision": self.revision or "main",
            "subfolder": self.subfolder,
            "local_files_only": self.local_files_only,
        }

    def find(self, file: str) -> Path | None:
        """The file of that name, or None if it is not there or cannot be asked for.

        Raises:
            CheckpointError: A file, a pipe or a device, which the hub would be asked for.
        """
        _check_place(self.name)
        found = cached_file(
            self.name,
            file,
            _raise_exceptions_for_gated_repo=False,
            _raise_exceptions_for_missing_entries=False,
            _raise_exceptions_for_connection_errors=False,
            **self.lookup(),
        )
        return Path(found) if found else None

    def read(self, path: str) -> dict[str, Any] | None:
        """A JSON file inside it, or None if there is no such file.

        Raises:
            CheckpointError: Nothing there, a file, a pipe or a device, no connection, or not JSON settings.
        """
        _check_place(self.name)
        folder, _, file = f"{self.subfolder}/{path}".strip("/").rpartition("/")
        try:
            found = cached_file(
                self.name, file, _raise_exceptions_for_missing_entries=False, **(self.lookup() | {"subfolder": folder})
            )
        except (OSError, ValueError) as error:
            raise no_model(self, error) from error
        return None if found is None else read_json(Path(found))


def _check_place(name: str) -> None:
    """Refuse what is there and is no model: the hub's client would look for it on the hub, for half a minute."""
    path = Path(name)
    if path.exists() and not path.is_dir():
        what = "file" if path.is_file() else "pipe or a device"
        raise CheckpointError(f"{name} is a {what}; expected the folder of a saved model, or a hub id.")


def is_hub_there() -> bool:
    """Whether something answers at the hub's address; through a proxy it is taken to."""
    from huggingface_hub import constants

    address = urllib.parse.urlparse(constants.ENDPOINT)
    if urllib.request.getproxies().get(address.scheme) or constants.HF_HUB_OFFLINE:
        return True
    port = address.port or (80 if address.scheme == "http" else 443)
    try:
        socket.create_connection((address.hostname or "", port), timeout=_PATIENCE).close()
    except OSError:
        return False
    return True


def absence(location: Location) -> str:
    """What to say behind "there is none of it" about where it was looked for; nothing for a folder."""
    if Path(location.name).is_dir():
        return ""
    cached = " in this machine's cache" if location.local_files_only else ""
    if not location.out_of_reach:
        return f"{cached}{preset_hint(location)}"
    return f"{cached}{preset_hint(location)}, and the hub cannot be reached; {_cached_models()}"


def _cached_models() -> str:
    from huggingface_hub import constants

    folders = sorted(Path(constants.HF_HUB_CACHE).glob("models--*--*"))
    names = [folder.name.removeprefix("models--").replace("--", "/", 1) for folder in folders]
    more = f" and {len(names) - _LISTED} more" if len(names) > _LISTED else ""
    return f"cached are {', '.join(names[:_LISTED])}{more}" if names else "nothing is cached"


def no_model(location: Location, error: Exception) -> CheckpointError:
    """The error for a name under which nothing is found.

    Args:
        location: Where it was looked for.
        error: What the hub's client says.
    """
    noun, is_beside = noun_of(location.name), Path(location.name).parent.is_dir()
    if location.name.startswith(("/", "./", "../", "~")) or (noun == "file" and is_beside):
        # The client's words would be of how hub ids are spelt.
        return CheckpointError(f"No {noun} at {location.name!r}: expected the folder of a saved model, or a hub id.")
    if location.out_of_reach:
        return CheckpointError(f"No model at {location.name!r}: neither a folder, nor{absence(location)}.")
    text = f"No model at {location.name!r}, neither a folder nor"
    if location.local_files_only:
        # The client's words would be of a connection that failed, and none was tried.
        hint = preset_hint(location)
        return CheckpointError(f"{text} in this machine's cache{hint}, and the hub is not asked (`local_files_only`).")
    return CheckpointError(f"{text} on the hub{preset_hint(location)}: {_why_not(location.name, error)}")


def noun_of(name: str) -> str:
    """What is missing where nothing is called so: a file, if the name ends as one of weights does; else a model."""
    return "file" if Path(name).suffix.lower() in WEIGHT_SUFFIXES else "model"


def _why_not(name: str, error: Exception) -> str:
    """Why the hub has no such model, in our words where its client's would be of how it is called."""
    from huggingface_hub.errors import (
        GatedRepoError,
        HFValidationError,
        RepositoryNotFoundError,
        RevisionNotFoundError,
    )
    from huggingface_hub.utils import validate_repo_id

    try:
        validate_repo_id(name)
    except HFValidationError:
        return "a hub id has the form OWNER/NAME, of letters, digits, - _ and ."
    words: dict[type[Exception], str] = {
        # Gated ones are a kind of those that are not found.
        GatedRepoError: "its owners ask for consent to its terms: give it on its page, then log in (hf auth login).",
        RevisionNotFoundError: "it has no such revision: a branch, a tag or a commit is expected.",
        RepositoryNotFoundError: "there is none of that name, or it is private: then log in (hf auth login).",
    }
    return next((text for kind, text in words.items() if isinstance(error.__cause__ or error, kind)), str(error))


def _address_text(address: str) -> str:
    from huggingface_hub import constants

    if (local := file_of(address)) is not None:
        return f"{address} is an address: give its folder, {local}"
    parts = urllib.parse.urlparse(address)
    owner, _, rest = parts.path.strip("/").partition("/")
    is_hub = parts.hostname == urllib.parse.urlparse(constants.ENDPOINT).hostname and rest
    own = f": {owner}/{rest.partition('/')[0]}" if is_hub else ", which is OWNER/NAME"
    return f"{address} is an address: give the model's hub id{own}; or download it, and give its folder."


def preset_hint(location: Location) -> str:
    """The preset that a name may be meant for, in brackets; nothing if it looks like a hub id or a path."""
    # A name without a slash is more likely a preset's than a model's on the hub.
    if "/" in location.name or not location.names or location.name in location.names:
        return ""
    return f" ({nearest(location.name, location.names).removeprefix('; ')})"


def kind_text(kind: object) -> str:
    """What stands behind "is" about a saved model that is of another kind than expected: its `model_type`."""
    return "no saved model (its config.json names no model_type)" if kind is None else f"a model of type {kind!r}"


def read_json(path: Path) -> dict[str, Any]:
    """The settings in one of a saved model's files.

    Raises:
        CheckpointError: Not JSON, or not a mapping.
    """
    content = read_bytes(path, what="settings in JSON", error=CheckpointError)
    try:
        values = json_value(content.decode("utf-8"))
    except UnicodeDecodeError as error:
        raise CheckpointError(f"{path} is not valid JSON: it is not in UTF-8 (byte {error.start})") from error
    except ValueError as error:
        raise CheckpointError(f"{path} is not valid JSON: {error}") from error
    if not isinstance(values, dict):
        raise CheckpointError(f"{path}: expected a mapping of settings, got {type(values).__name__}.")
    return values
