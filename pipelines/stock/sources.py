"""Where a host of references has its parts: base, adapter, vision tower, prior; and which of them are not here yet."""

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

from gencontrol.errors import CheckpointError, PairingError
from gencontrol.models.location import Location, read_json
from gencontrol.pipelines.hosts.reference_host import PublishedWeights, ReferenceHost
from gencontrol.pipelines.stock.adapter_files import WEIGHTS, adapter_file, is_on_hub

Role = Literal["base", "adapter", "vision tower", "prior"]

# Components of a saved pipeline that have no weights, by the ends of their classes' names.
_LIGHT = ("Scheduler", "Tokenizer", "TokenizerFast", "Processor", "ProcessorFast", "FeatureExtractor", "Backend")


@dataclass(frozen=True, kw_only=True)
class Part:
    """One of the things that a host is put together from."""

    role: Role
    """What it is to the host."""
    location: Location
    """Folder or hub id; the folder inside it."""
    file: str | None = None
    """The file of weights in it; None is all that a saved pipeline, or model, has."""
    published: PublishedWeights | None = None
    """The record that it comes from; None where the caller named something else."""

    @property
    def is_here(self) -> bool:
        """Whether it is on this machine, whole: nothing is asked of a hub."""
        if Path(self.location.name).exists():
            return True
        if self.file is not None:
            return _cached(self.location, self.file) is not None
        if self.role == "vision tower":
            inside = f"{self.location.subfolder}/config.json".lstrip("/")
            config = _cached(self.location, inside)
            return config is not None and any(config.parent.glob(f"*{WEIGHTS}"))
        index = _cached(self.location, "model_index.json")
        needed = [] if index is None else list(_heavy(read_json(index), looks=self.role != "prior"))
        return index is not None and all(_has_weights(index.parent / name) for name in needed)


@dataclass(frozen=True, kw_only=True)
class Sources:
    """All of them."""

    base: Part
    """The pipeline."""
    adapter: Part | None
    """None where the host takes references by itself."""
    tower: Part | None
    """None where the host takes pictures, or the adapter is a pipeline that holds it."""
    prior: Part | None = None
    """What makes embeddings of texts; None where none is asked for."""

    @property
    def parts(self) -> list[Part]:
        """Those that there are."""
        return [part for part in (self.base, self.adapter, self.tower, self.prior) if part is not None]

    @property
    def missing(self) -> list[Part]:
        """Those that would have to be fetched."""
        return [part for part in self.parts if not part.is_here]

    def settled(self) -> "Sources":
        """The same, each kept to this machine's cache if the hub cannot be reached; only what is missing is asked for.

        The hub is asked once at most.
        """
        first = next((part for part in self.missing if not part.location.local_files_only), None)
        if first is None or not first.location.settled().out_of_reach:
            return self
        return _each(self, _out_of_reach)


def find_sources(
    host: ReferenceHost,
    *,
    base: str | Path | None = None,
    adapter: str | Path | None = None,
    image_encoder: str | Path | None = None,
    alpha_clip: str | Path | None = None,
    prior: str | Path | None = None,
    with_prior: bool = False,
    revision: str | None = None,
    local_files_only: bool = False,
) -> Sources:
    """Where the parts of a host are; no hub is asked.

    Args:
        host: Says what is published.
        base: Folder or hub id of a saved pipeline, in the place of the published one.
        adapter: A `.safetensors` file, a folder with one, a hub id, or `OWNER/NAME/PATH.safetensors` on the hub; for
            Redux the folder or hub id of its prior. A folder's own vision tower is taken, where it lies as in the
            published repository.
        image_encoder: Folder of a CLIP or SigLIP, hub id, or `OWNER/NAME/FOLDER` on the hub.
        alpha_clip: An Alpha-CLIP that takes the vision tower's place, which then is not looked for.
        prior: Folder or hub id of a saved prior that makes embeddings of texts, in the place of the published one; its
            own vision tower is taken too, unless there is another.
        with_prior: Whether a prior is needed: that one, or the published one.
        revision: Branch, tag or commit of `base`, or of the published one in the place of the record's.
        local_files_only: Look in the cache only.

    Raises:
        CheckpointError: A folder without weights, or with pickles only; or a path at which nothing is.
        PairingError: A part that the host has no place for.
    """
    _check_paths({"base": base, "image_encoder": image_encoder, "prior": prior})
    pipeline = _base(host, None if base is None else str(base), revision)
    held = None if adapter is None else str(adapter)
    _check_encoders(host, {"image_encoder": image_encoder, "alpha_clip": alpha_clip})
    named = None if image_encoder is None else str(image_encoder)
    text = _prior(host, None if prior is None else str(prior), needed=with_prior)
    near = held if prior is None else str(prior)
    tower = None if alpha_clip is not None else _tower(host, named, near=near, base=pipeline)
    found = Sources(base=pipeline, adapter=_adapter(host, held), tower=tower, prior=text)
    return _each(found, lambda location: replace(location, local_files_only=True)) if local_files_only else found


def _check_paths(given: Mapping[str, str | Path | None]) -> None:
    """What is plainly a path, and not there, is no hub id: no hub is asked for it, nor is it said to be fetched."""
    for name, place in given.items():
        if str(place).startswith(("/", "./", "../", "~")) and not Path(str(place)).exists():
            raise CheckpointError(f"`{name}`: nothing is at {place}: expected a folder there, or a hub id.")


def _base(host: ReferenceHost, given: str | None, revision: str | None) -> Part:
    if given is not None:
        return Part(role="base", location=Location(name=given, revision=revision))
    known = host.base
    location = Location(name=known.repository, revision=revision) if revision else _published(known)
    return Part(role="base", location=location, published=host.base)


def _adapter(host: ReferenceHost, given: str | None) -> Part | None:
    known = host.adapter
    if known is None:
        if given is not None:
            raise PairingError(f"`adapter`: {host.name} takes references by itself, without an adapter.")
        return None
    if given is None:
        location = _published(known)
        return Part(role="adapter", location=location, file=known.file, published=known)
    if known.file is None:
        _check_paths({"adapter": given})
        return Part(role="adapter", location=Location(name=given))
    folder, file = adapter_file(given, like=known.file)
    return Part(role="adapter", location=Location(name=folder), file=file)


def _prior(host: ReferenceHost, given: str | None, *, needed: bool) -> Part | None:
    known = host.prior
    if given is None and not needed:
        return None
    if known is None:
        raise PairingError(f"`prior`: the condition of {host.name} is mixed with no text.")
    if given is not None:
        return Part(role="prior", location=Location(name=given))
    return Part(role="prior", location=_published(known), published=known)


def _check_encoders(host: ReferenceHost, given: Mapping[str, Any]) -> None:
    named = [name for name, value in given.items() if value is not None]
    if len(named) > 1:
        raise PairingError("Give either `image_encoder` or `alpha_clip`: both name what encodes references.")
    if host.takes == "redux" and named == ["alpha_clip"]:
        return  # It takes the place of the SigLIP that the adapter holds.
    if named and host.tower is None:
        why = "by its own autoencoder" if host.takes == "picture" else "by the SigLIP that its adapter holds"
        raise PairingError(f"`{named[0]}`: {host.name} encodes references {why}.")


def _tower(host: ReferenceHost, given: str | None, *, near: str | None, base: Part) -> Part | None:
    known = host.tower
    if known is None:
        return None
    if given is not None:
        return Part(role="vision tower", location=_named(given))
    inside = known.encoder_folder or ""
    if near is not None and inside and (Path(near) / inside / "config.json").is_file():
        return Part(role="vision tower", location=Location(name=near, subfolder=inside))
    if known.repository == host.base.repository:
        return replace(base, role="vision tower", location=replace(base.location, subfolder=inside))
    location = replace(_published(known), subfolder=inside)
    return Part(role="vision tower", location=location, published=known)


def _published(known: PublishedWeights) -> Location:
    """The published place at the record's revision; a folder of that name on this machine has none."""
    is_here = Path(known.repository).exists()
    return Location(name=known.repository, revision=None if is_here else known.revision)


def _named(given: str) -> Location:
    """A folder or hub id, or a folder in what a hub id names."""
    if is_on_hub(given) and given.count("/") > 1:
        owner, name, folder = given.split("/", 2)
        return Location(name=f"{owner}/{name}", subfolder=folder)
    return Location(name=given)


def check_reachable(sources: Sources, *, name: str) -> None:
    """Refuse what is neither here nor can be fetched, all in one line.

    Args:
        sources: Settled.
        name: How the message calls the host.

    Raises:
        CheckpointError: Names the parts, and says why they cannot be fetched.
    """
    missing = [part for part in sources.missing if part.location.local_files_only]
    if missing:
        what = " and ".join(dict.fromkeys(f"{part.location.name} ({part.role})" for part in missing))
        out = any(part.location.out_of_reach for part in missing)
        why = "the hub cannot be reached" if out else "the hub is not asked (`local_files_only`)"
        raise CheckpointError(f"{name} needs {what}: not in this machine's cache, and {why}.")


def weigh(parts: Sequence[Part]) -> float | None:
    """About how many megabytes parts are; None if that is not known of each."""
    sizes = [None if part.published is None else part.published.size_mb for part in parts]
    known = [size for size in sizes if size is not None]
    return math.fsum(known) if len(known) == len(sizes) else None


def _each(sources: Sources, change: Callable[[Location], Location]) -> Sources:
    """The parts in other places; those that are on this machine stay where they are."""

    def changed(part: Part) -> Part:
        return part if Path(part.location.name).exists() else replace(part, location=change(part.location))

    return Sources(
        base=changed(sources.base),
        adapter=None if sources.adapter is None else changed(sources.adapter),
        tower=None if sources.tower is None else changed(sources.tower),
        prior=None if sources.prior is None else changed(sources.prior),
    )


def _out_of_reach(location: Location) -> Location:
    return replace(location, local_files_only=True, out_of_reach=True)


def _cached(location: Location, file: str) -> Path | None:
    from huggingface_hub import constants, try_to_load_from_cache
    from huggingface_hub.errors import HFValidationError

    try:
        # The place of the cache as it is now: the function's own default is that of its import.
        found = try_to_load_from_cache(
            location.name, file, cache_dir=constants.HF_HUB_CACHE, revision=location.revision or "main"
        )
    except HFValidationError:
        return None
    return Path(found) if isinstance(found, str) else None


def _heavy(index: Mapping[str, Any], *, looks: bool) -> Iterator[str]:
    """Components of a saved pipeline that have weights; its vision tower only if it `looks`."""
    for name, entry in index.items():
        if name == "image_encoder" and not looks:
            continue
        if isinstance(entry, list) and len(entry) == 2 and isinstance(entry[1], str) and not entry[1].endswith(_LIGHT):
            yield name


def _has_weights(folder: Path) -> bool:
    return any(folder.glob(f"*{WEIGHTS}"))
