"""Repeating the run that wrote a picture, from the record inside it."""

from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Any, TypeVar

from gencontrol.errors import ConfigError, InputError
from gencontrol.files import sha256
from gencontrol.regions.region import Region
from gencontrol.runs.files.encodings import ENCODINGS
from gencontrol.runs.files.records import is_result, read_foreign, read_record, unpack
from gencontrol.runs.notation import LARGEST_SEED, is_single
from gencontrol.runs.notices import warn
from gencontrol.runs.references.settings import REFERENCE_RECORDED
from gencontrol.runs.referring.phrase_settings import without_held
from gencontrol.runs.settings import RECORDED, REGIONS, VariationSettings

Settings = TypeVar("Settings", bound=VariationSettings)

_LARGEST_BATCH = 64
"""That a record may ask for: more than are drawn at once on any card of today."""
_IMAGE: Mapping[str, type] = {"path": str, "sha256": str}
_EMBEDS: Mapping[str, type] = {"path": str, "sha256": str, "row": int}
"""What a record says of an input."""
SHAPING = ("invert", "feather", "threshold", "strength", "schedule")
"""What shapes regions, and so means nothing to a run that starts from embeddings."""


@dataclass(frozen=True, kw_only=True)
class Repeated:
    """What a picture's record says."""

    source: Path
    """The picture that holds the record."""
    settings: dict[str, Any]
    """Those that shape the picture, its own seed among them."""
    image: dict[str, str] | None
    """`path` and `sha256` of the input; None if the run started from embeddings."""
    embeds: dict[str, Any] | None
    """`path` and `sha256` of the file of embeddings, and the picture's `row`; None if it started from a picture."""
    regions: tuple[Region, ...]
    """As they were before inverting and feathering."""
    negative_regions: tuple[Region, ...]
    """What the run kept away from."""
    weights: Mapping[str, str] = field(default_factory=dict)
    """Fingerprints of the models that drew it, by the settings that name them; none in records of before."""
    together: tuple[int, ...] = ()
    """The seeds of its batch, its own among them; () if it was drawn alone."""

    def find_image(self, images: Sequence[str]) -> Path | None:
        """The input: the one that is given now, or else the recorded one, which must be unchanged.

        Raises:
            ConfigError: Several pictures are given.
            InputError: The recorded input is not there any more, or it has changed.
        """
        if len(images) > 1:
            raise ConfigError(f"`from_picture` repeats the run of one picture, and {len(images)} are given.")
        if self.image is None:
            return Path(images[0]) if images else None
        return self._given(Path(images[0])) if images else recorded_input(self.source, self.image, "images")

    def find_embeds(self) -> Path:
        """The file of embeddings that the run started from, which must be unchanged.

        Raises:
            InputError: It is not there any more, or it has changed.
        """
        assert self.embeds is not None
        return recorded_input(self.source, self.embeds, "embeds_in")

    def without_held(self, settings: Settings) -> Settings:
        """The settings less phrases whose answer is among the recorded regions; see the function of that name."""
        given = settings.images
        same = self.image is not None and (not given or (len(given) == 1 and self._is_unchanged(Path(given[0]))))
        return without_held(settings, self.settings, unchanged=same)

    def started_from(self, embeds_in: str) -> bool:
        """Whether a file of embeddings is the one that the run started from, wherever it lies now."""
        path = Path(embeds_in)
        return self.embeds is not None and path.is_file() and sha256(path) == self.embeds["sha256"]

    def warn_of_weights(self, now: Mapping[str, str]) -> None:
        """Say so where a model has been trained anew, or is another one, since the picture was made.

        Args:
            now: Fingerprints of the models that will draw; an empty one is not known.
        """
        known = [name for name in now if now[name] and self.weights.get(name)]
        changed = [f"`{name}`" for name in known if now[name] != self.weights[name]]
        if changed:
            warn(f"{self.source} was made with other weights of {' and '.join(changed)}; the result will differ.")

    def _given(self, path: Path) -> Path:
        if path.is_file() and not self._is_unchanged(path):
            warn(f"{path} is not the picture that {self.source} was made from; the result will differ.")
        return path

    def _is_unchanged(self, path: Path) -> bool:
        assert self.image is not None
        return path.is_file() and sha256(path) == self.image["sha256"]


def recorded_input(source: Path, input: Mapping[str, Any], setting: str) -> Path:
    """A file that a record names, where it was or beside the picture that holds the record; it must be unchanged.

    Args:
        source: The picture.
        input: `path` and `sha256`.
        setting: Which setting gives another place.

    Raises:
        InputError: It is not there any more, or it has changed.
    """
    path = Path(input["path"])
    found = next((p for p in (path, source.parent / path.name) if p.is_file()), None)
    if found is None:
        raise InputError(f"{source} was made from {path}, which is not there: give its new place as `{setting}`.")
    if sha256(found) != input["sha256"]:
        raise InputError(
            f"{source} was made from {path}, which has changed since: give the original as `{setting}`, or this one, "
            "to use it all the same."
        )
    return found


def read_repeated(path: Path) -> Repeated:
    """Read the record of a picture.

    Raises:
        InputError: No picture, no record, or a broken one.
    """
    foreign = {} if is_result(path) else read_foreign(path)
    if foreign:
        return _repeated_elsewhere(path, foreign)
    record = read_record(path)
    settings, image, embeds = record["settings"], record["image"], record.get("embeds")
    seed, inputs = record["seed"], ((image, _IMAGE), (embeds, _EMBEDS))
    if (
        not isinstance(settings, dict)
        or not all(_is_input(value, keys) for value, keys in inputs)
        or not (type(seed) is int and 0 <= seed <= LARGEST_SEED)
    ):
        raise InputError(
            f"{path}: its gencontrol record is broken; expected `settings`, `image` with its path and checksum, and a "
            f"seed from 0 to 2^63 - 1, got the seed {seed!r}. Repeat from another picture of that run."
        )
    return Repeated(
        source=path,
        settings=_shaping(settings, path) | _encoding_of(path) | {"seed": seed, "number": 1},
        image=image,
        embeds=embeds,
        regions=tuple(unpack(record["regions"], source=path)),
        negative_regions=tuple(unpack(record["negative_regions"], source=path)),
        weights=_weights(record.get("weights")),
        together=_together(record.get("together"), seed),
    )


def _together(said: Any, seed: int) -> tuple[int, ...]:
    """What a record says of the batch; a stranger's may say anything there, and fill the memory with it."""
    seeds = said if isinstance(said, list) and 1 < len(said) <= _LARGEST_BATCH else []
    is_batch = seed in seeds and all(type(one) is int and 0 <= one <= LARGEST_SEED for one in seeds)
    return tuple(seeds) if is_batch else ()


def _weights(said: Any) -> dict[str, str]:
    """What a record says of the models; a stranger's may say anything there."""
    entries = said.items() if isinstance(said, dict) else ()
    return {name: value for name, value in entries if isinstance(name, str) and isinstance(value, str)}


def _encoding_of(path: Path) -> dict[str, str]:
    """The setting that repeats a JPEG or WebP, by the picture's name, as one; PNG is what is written anyway."""
    kind = ENCODINGS.get(path.suffix.lower(), ENCODINGS[".png"])[0]
    first = next(suffix for suffix, (name, _) in ENCODINGS.items() if name == kind)
    return {} if kind == "PNG" else {"encoding": first.removeprefix(".")}


def _repeated_elsewhere(path: Path, said: Mapping[str, int | float]) -> Repeated:
    """What another program's picture gives: some numbers, and neither a picture to vary nor regions."""
    kept = {name: value for name, value in said.items() if name != "seed" or 0 <= value <= LARGEST_SEED}
    named = ", ".join(f"`{name}` {value}" for name, value in kept.items())
    left = "" if len(kept) == len(said) else f" Nor is its seed {said['seed']}: seeds go from 0 to 2^63 - 1 here."
    taken = f"{named or 'nothing'} {'are' if len(kept) > 1 else 'is'} taken over, its prompt and its model are not."
    warn(f"{path} was made by another program: {taken}{left}")
    return Repeated(
        source=path,
        settings=dict(kept) | ({"number": 1} if "seed" in kept else {}),
        image=None,
        embeds=None,
        regions=(),
        negative_regions=(),
    )


def _shaping(settings: dict[str, Any], path: Path) -> dict[str, Any]:
    """What a record may say: pictures come from strangers, so nothing of theirs names a file to write.

    Names that no setting has stay, and are refused where settings are read: a later version may have shaped the picture
    with them.
    """
    known = {field.name for field in fields(VariationSettings)} - RECORDED - REFERENCE_RECORDED
    kept = {name: value for name, value in settings.items() if name not in known}
    left = sorted(settings.keys() - kept.keys() - {"seed", "number"})
    if left:
        warn(f"the record of {path} also sets {', '.join(f'`{name}`' for name in left)}, which is not repeated.")
    return kept


def settings_beneath(repeated: Repeated, given: Set[str], *, off: Set[str] = frozenset()) -> dict[str, Any]:
    """The recorded settings, less those that what is given now leaves no sense to.

    Args:
        repeated: The run.
        given: Names of the settings that are given beside it.
        off: Those of them that are switched off.

    Raises:
        ConfigError: A region would be switched off that the record holds as a mask.
    """
    if "alpha_from_image" in off and len(given & REGIONS) == 1:
        raise ConfigError(
            "`no_alpha_from_image`: a record holds its regions as masks, whatever showed them. Show those to look at "
            "anew, with `mask`, `index_mask`, `box` or `point`."
        )
    senseless = {"number"} if "seed" in given else set()
    if "embeds_in" in given:
        senseless.update(SHAPING)
    return {name: value for name, value in repeated.settings.items() if name not in senseless}


def starting_point(settings: Settings, repeated: Repeated) -> tuple[Settings, Repeated]:
    """A run that started from embeddings starts from them again, unless the settings say from what else.

    One picture is repeated by one, so that another seed for it is one picture too, unless more are asked for.

    Raises:
        InputError: The file of embeddings is not there any more, or it has changed.
    """
    if settings.number is None and "number" in repeated.settings and is_single(settings.seed):
        settings = replace(settings, number=1)
    if repeated.embeds is None:
        return settings, repeated
    given = settings.embeds_in
    if settings.images or (given is not None and not repeated.started_from(given)):
        return settings, replace(repeated, embeds=None)
    return replace(settings, embeds_in=given or str(repeated.find_embeds())), repeated


def warn_of_dropped(settings: VariationSettings, repeated: Repeated | None) -> None:
    """Say that one of two settings gave way that a model of references takes together, and others do not.

    Args:
        settings: As they are now.
        repeated: The run that is repeated; None is none.
    """
    recorded = {} if repeated is None else repeated.settings
    for given, dropped, none in (("schedule", "strength", 1.0), ("strength", "schedule", None)):
        was = recorded.get(dropped, none)
        if was != none and getattr(settings, dropped) == none and getattr(settings, given) != recorded.get(given):
            warn(
                f"`{given}` is given anew, so the recorded `{dropped}` {was} is not taken over: give both to keep both."
            )


def _is_input(value: Any, kinds: Mapping[str, type]) -> bool:
    if value is None:
        return True
    return isinstance(value, dict) and all(type(value.get(name)) is kind for name, kind in kinds.items())
