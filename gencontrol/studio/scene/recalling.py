"""A picture that gencontrol made, taken apart again: what it was made from, where it looked, and how it was set."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gencontrol.errors import InputError
from gencontrol.regions.region import Region
from gencontrol.runs.files.records import is_result
from gencontrol.runs.files.repeat import Repeated, read_repeated
from gencontrol.studio.scene.names import safe_name
from gencontrol.studio.scene.sent import by_name, write_alpha


@dataclass(frozen=True, kw_only=True)
class RecalledRegion:
    """A region of a record, as a file."""

    name: str
    """What it was called."""
    path: Path
    """The mask."""
    weight: float
    """See `gencontrol.regions.Region`."""
    level: float
    """The same."""
    negative: bool
    """Whether it was kept away from."""


@dataclass(frozen=True, kw_only=True)
class Recalled:
    """What a record says."""

    settings: Mapping[str, Any]
    """Those that shape the picture, its seed among them."""
    picture: Path
    """What it was made from."""
    regions: tuple[RecalledRegion, ...]
    """Where it looked, and what it kept away from."""


def may_be_recalled(path: Path) -> bool:
    """Whether a file says that gencontrol wrote it."""
    return is_result(path)


def recall(path: Path, *, find: Callable[[str, Path], Path | None], folder: Path) -> Recalled:
    """Take a picture apart.

    Args:
        path: The picture.
        find: Given the checksum of what it was made from, and where that was, says where it is.
        folder: Where its masks go.

    Raises:
        InputError: No record, a broken one, or one of a run that the page cannot show; a picture that is not here.
    """
    with by_name(path):
        repeated = read_repeated(path)
    if repeated.image is None:
        raise InputError(f"{path.name} was made from embeddings, without a picture: use `gencontrol vary --from`.")
    if "reference" in repeated.settings or "prompt" in repeated.settings:
        raise InputError(f"{path.name} was made by a model of references: use `gencontrol vary --from`.")
    picture = find(repeated.image["sha256"], Path(repeated.image["path"]))
    if picture is None:
        raise InputError(
            f"{path.name} was made from {Path(repeated.image['path']).name}, which is not here: drop that picture "
            "first, and then this one again."
        )
    return Recalled(settings=repeated.settings, picture=picture, regions=tuple(_written(repeated, folder)))


def _written(repeated: Repeated, folder: Path) -> list[RecalledRegion]:
    named = [(region, False) for region in repeated.regions] + [(region, True) for region in repeated.negative_regions]
    return [_write(number, region, folder, negative) for number, (region, negative) in enumerate(named, start=1)]


def _write(number: int, region: Region, folder: Path, negative: bool) -> RecalledRegion:
    name = region.label or f"region {number}"
    path = folder / str(number) / f"{safe_name(name, otherwise='region')}.png"
    write_alpha(region.alpha, path)
    return RecalledRegion(name=name, path=path, weight=region.weight, level=region.level, negative=negative)
