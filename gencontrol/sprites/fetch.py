"""The emoji sets as tarballs: from npm or from a folder, checked against pinned checksums, resumable."""

import base64
import hashlib
import logging
import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from gencontrol.errors import InputError, MissingDependencyError
from gencontrol.files import atomic_file
from gencontrol.sprites.catalog import SPRITE_SETS, SpriteSet

_log = logging.getLogger(__name__)


def fetch_sets(folder: Path, *, sets: Sequence[SpriteSet] = SPRITE_SETS, source: Path | None = None) -> dict[str, Path]:
    """Put the tarball of each set in `folder`; those already there and whole are kept.

    Args:
        folder: Where the tarballs go; made if there is none, and taken away again if none comes.
        sets: Which sets.
        source: A folder that holds the tarballs already, for machines without npm.

    Returns:
        Style -> tarball.

    Raises:
        MissingDependencyError: npm is needed and not on the path.
        InputError: A tarball is missing from `source`, npm failed, or a checksum differs.
    """
    if source is not None and not source.is_dir():
        raise InputError(f"No folder {source}: expected one with the sets' tarballs.")
    made = [place for place in (folder, *folder.parents) if not place.exists()]
    folder.mkdir(parents=True, exist_ok=True)
    try:
        return {s.style: _fetch(s, folder, source) for s in sets}
    finally:
        # With a tarball inside, or what somebody else has put there, they stay.
        with suppress(OSError):
            for place in made:
                place.rmdir()


def is_whole(path: Path, expected: str) -> bool:
    """Whether the file is there and its SHA-512 (base64) is the expected one."""
    if not path.is_file():
        return False
    with path.open("rb") as file:
        return base64.b64encode(hashlib.file_digest(file, "sha512").digest()).decode() == expected


def _fetch(sprite_set: SpriteSet, folder: Path, source: Path | None) -> Path:
    target = folder / sprite_set.tarball
    if is_whole(target, sprite_set.sha512):
        return target
    if source is None:
        _log.info("Fetching %s %s", sprite_set.package, sprite_set.version)
    with tempfile.TemporaryDirectory(dir=folder) as work:
        came = _from_folder(sprite_set, source) if source else _from_npm(sprite_set, Path(work))
        if not is_whole(came, sprite_set.sha512):
            raise InputError(
                f"{came.name}: its checksum is not that of {sprite_set.package} {sprite_set.version}. "
                "Remove the file and fetch it again."
            )
        with atomic_file(target) as temporary:
            shutil.copyfile(came, temporary)
    return target


def _from_folder(sprite_set: SpriteSet, source: Path) -> Path:
    path = source / sprite_set.tarball
    if not path.is_file():
        raise InputError(
            f"No {sprite_set.tarball} in {source}. Run `npm pack {sprite_set.package}@{sprite_set.version}` there."
        )
    return path


def _from_npm(sprite_set: SpriteSet, work: Path) -> Path:
    npm = shutil.which("npm")
    if npm is None:
        raise MissingDependencyError(
            "The sprites are fetched with npm, which is not on the path. Install Node.js, or fetch "
            f"{sprite_set.tarball} and the other sets elsewhere and pass their folder with --from FOLDER."
        )
    command = [npm, "pack", "--silent", f"{sprite_set.package}@{sprite_set.version}"]
    done = subprocess.run(command, cwd=work, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise InputError(f"`{' '.join(command[1:])}` failed: {done.stderr.strip() or done.stdout.strip()}")
    return work / sprite_set.tarball
