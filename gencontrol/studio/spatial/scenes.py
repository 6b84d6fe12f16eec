"""Scenes that somebody sends, to change parts of them: read before they are kept, and their sender's alone."""

import secrets
import shutil
from dataclasses import dataclass
from pathlib import Path

from gencontrol.errors import GencontrolError, InputError
from gencontrol.nerf.field.scene import load_scene
from gencontrol.studio.scene.names import safe_name
from gencontrol.studio.settings import LARGEST_UPLOAD

MOST_SCENES = 20
"""Of one owner."""


@dataclass(frozen=True, kw_only=True)
class Sent:
    """A scene that was sent."""

    owner: str
    """Whose it is."""
    label: str
    """What it is called."""
    path: Path
    """Its file."""


class SentScenes:
    """All of a server, by names that nobody guesses."""

    def __init__(self, root: Path, *, served: Path):
        """They are kept in `root`; what is sent has come to lie below `served`, and nothing else is taken."""
        self._root, self._served = root, served
        self._there: dict[str, Sent] = {}

    def take(self, owner: str, file: Path) -> str:
        """Keep a scene that was sent.

        Returns:
            Its name.

        Raises:
            InputError: A file that was not sent, too large a one, or too many.
            CheckpointError: It is no scene, or a broken one.
        """
        file = file.resolve()
        if not file.is_relative_to(self._served.resolve()) or not file.is_file():
            raise InputError("Expected a scene that is sent from the page, got something else.")
        if sum(sent.owner == owner for sent in self._there.values()) >= MOST_SCENES:
            raise InputError(f"More than {MOST_SCENES} scenes were sent: start the server again.")
        _check(file)
        name = secrets.token_urlsafe(12)
        path = self._root / name / f"{safe_name(file.stem, otherwise='scene')}.safetensors"
        path.parent.mkdir(parents=True)
        shutil.copyfile(file, path)
        self._there[name] = Sent(owner=owner, label=path.stem, path=path)
        return name

    def find(self, owner: str, name: str) -> Sent | None:
        """A scene; None where the owner has none of that name."""
        sent = self._there.get(name)
        return sent if sent is not None and sent.owner == owner else None

    def of(self, owner: str) -> dict[str, Sent]:
        """An owner's, by their names."""
        return {name: sent for name, sent in list(self._there.items()) if sent.owner == owner}


def _check(file: Path) -> None:
    if file.suffix.lower() != ".safetensors":
        raise InputError(f"{file.name}: expected a scene.safetensors, as a run leaves it.")
    if file.stat().st_size > LARGEST_UPLOAD:
        raise InputError(f"{file.name} is larger than {LARGEST_UPLOAD // 2**20} MB.")
    try:
        load_scene(file)
    except GencontrolError as error:
        # Where it lies here is nobody's concern.
        raise type(error)(str(error).replace(str(file), file.name)) from error
