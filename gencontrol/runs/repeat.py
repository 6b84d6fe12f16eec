"""`--from OUT.png`: the run that wrote a picture, from the record inside it."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gencontrol.runs.records import read_record, unpack
from gencontrol.cli.report import note_once
from gencontrol.errors import ConfigError, InputError
from gencontrol.files import sha256
from gencontrol.regions.region import Region


@dataclass(frozen=True, kw_only=True)
class Repeated:
    """What a picture's record says."""

    source: Path
    """The picture that holds the record."""
    settings: dict[str, Any]
    """Options, the picture's own seed among them."""
    image: dict[str, str] | None
    """`path` and `sha256` of the input; None if the run started from embeddings."""
    embeds: dict[str, Any] | None
    """`path` and `sha256` of the file of embeddings, and the picture's `row`; None if it started from a picture."""
    regions: tuple[Region, ...]
    """As they were before inverting and feathering."""
    negative_regions: tuple[Region, ...]
    """What the run kept away from."""

    def find_image(self, images: Sequence[str]) -> Path | None:
        """The input: the one that is given now, or else the recorded one, which must be unchanged.

        Raises:
            ConfigError: Several pictures are given.
            InputError: The recorded input is not there any more, or it has changed.
        """
        if len(images) > 1:
            raise ConfigError(f"--from repeats the run of one picture, and {len(images)} are given.")
        if self.image is None:
            return Path(images[0]) if images else None
        return self._given(Path(images[0])) if images else self._recorded(self.image, "IMAGE")

    def find_embeds(self) -> Path:
        """The file of embeddings that the run started from, which must be unchanged.

        Raises:
            InputError: It is not there any more, or it has changed.
        """
        assert self.embeds is not None
        return self._recorded(self.embeds, "--embeds-in")

    def started_from(self, embeds_in: str) -> bool:
        """Whether a file of embeddings is the one that the run started from, wherever it lies now."""
        path = Path(embeds_in)
        return self.embeds is not None and path.is_file() and sha256(path) == self.embeds["sha256"]

    def _given(self, path: Path) -> Path:
        assert self.image is not None
        if path.is_file() and sha256(path) != self.image["sha256"]:
            note_once(f"{path} is not the picture that {self.source} was made from; the result will differ.")
        return path

    def _recorded(self, input: dict[str, Any], flag: str) -> Path:
        path = Path(input["path"])
        found = next((p for p in (path, self.source.parent / path.name) if p.is_file()), None)
        if found is None:
            raise InputError(f"{self.source} was made from {path}, which is not there: give its new place as {flag}.")
        if sha256(found) != input["sha256"]:
            raise InputError(
                f"{self.source} was made from {path}, which has changed since: give the original as {flag}, or this "
                "one, to use it all the same."
            )
        return found


def read_repeated(path: Path) -> Repeated:
    """Read the record of a picture.

    Raises:
        InputError: No picture, no record, or a broken one.
    """
    record = read_record(path)
    settings, image, embeds = record["settings"], record["image"], record.get("embeds")
    inputs = ((image, {"path", "sha256"}), (embeds, {"path", "sha256", "row"}))
    if not isinstance(settings, dict) or not all(_is_input(value, keys) for value, keys in inputs):
        raise InputError(f"{path}: its gencontrol record is broken.")
    return Repeated(
        source=path,
        settings=settings | {"seed": record["seed"], "number": 1},
        image=image,
        embeds=embeds,
        regions=tuple(unpack(record["regions"], source=path)),
        negative_regions=tuple(unpack(record["negative_regions"], source=path)),
    )


def _is_input(value: Any, keys: set[str]) -> bool:
    return value is None or (isinstance(value, dict) and keys <= value.keys())
