"""The encoder of a host: which one, whether it fits, and only then its weights."""

import copy
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal, TypeGuard

import torch
from transformers import CLIPImageProcessor, CLIPVisionConfig, CLIPVisionModelWithProjection

from gencontrol.alpha_clip.architectures import square
from gencontrol.alpha_clip.model import AlphaCLIP
from gencontrol.alpha_clip.preprocess import AlphaCLIPProcessor
from gencontrol.alpha_clip.towers import fill_vision, widen
from gencontrol.alpha_clip.weights.convert import published_to_clip
from gencontrol.alpha_clip.weights.describe import check_weights
from gencontrol.alpha_clip.weights.published import check_published, read_published
from gencontrol.errors import InputError, PairingError
from gencontrol.finite import check_finite_weights
from gencontrol.models.location import Location
from gencontrol.models.registry import find_preset, resolve, resolve_encoder
from gencontrol.pipelines.components import check_components
from gencontrol.pipelines.hosts.host import HostFamily, SavedPipeline, read_saved
from gencontrol.pipelines.hosts.reference_registry import check_no_reference_host
from gencontrol.pipelines.shapes import check_denoiser, compare, own_encoder

AlphaClipSource = AlphaCLIP | str | Path | Literal["auto"] | None
"""An encoder, where to find one, `auto`, or None; see `RegionPipeline.from_pretrained`."""


@dataclass(frozen=True, kw_only=True)
class Opened:
    """What diffusers' `from_pretrained` is to be called with."""

    saved: SavedPipeline
    """The pipeline."""
    components: Mapping[str, Any]
    """Components that take the place of the saved ones."""


def open_encoder(
    family: HostFamily,
    name: str | Path,
    alpha_clip: AlphaClipSource = "auto",
    options: Mapping[str, Any] | None = None,
) -> Opened:
    """Compare host and encoder by their configuration files, then open the encoder.

    Args:
        family: The kind of host that is asked for.
        name: Preset, folder or hub id of the host.
        alpha_clip: See `RegionPipeline.from_pretrained`.
        options: The caller's other arguments of `from_pretrained`; those that say where and how to load are used.

    Raises:
        CheckpointError: Nothing there, or broken weights.
        PairingError: A pipeline of another kind, or an encoder that does not fit it.
    """
    options = options or {}
    model, source = locate(name, alpha_clip, options)
    saved = read_saved(model)
    if not family.recognises(saved):
        raise PairingError(
            f"{model.name} is a {saved.class_name}, not a {family.pipeline}: gencontrol.pipelines.open_pipeline looks "
            "up the class of a saved host."
        )
    host = compare(family, saved, None if is_file(source) else source)
    check_components(saved, given=options.keys())
    dtype = dtype_of(options, family.encoder)
    if source is None:
        own = {} if family.encoder in options else {family.encoder: _open_own(family, model, dtype)}
        return Opened(saved=saved, components=own)
    if family.encoder in options or "feature_extractor" in options:
        raise InputError(f"Give either alpha_clip or {family.encoder} and feature_extractor: both name the encoder.")
    encoder = _open(source, own_encoder(family, model), dtype=dtype)
    processor = encoder.processor.with_geometry(replace(host.geometry, size=encoder.processor.geometry.size))
    components = {family.encoder: encoder.vision, "feature_extractor": processor.to_stock()}
    return Opened(saved=saved, components=components)


def locate(
    name: str | Path, alpha_clip: AlphaClipSource, options: Mapping[str, Any]
) -> tuple[Location, Location | AlphaCLIP | None]:
    """Where a host and its encoder are; presets and `auto` are looked up.

    Raises:
        CheckpointError: The preset `tiny` in a build without its weights.
        PairingError: The name of a host of references, which is put together from parts.
    """
    check_no_reference_host(str(name))
    local = bool(options.get("local_files_only", False))
    model = Location(name=str(resolve(str(name))), revision=options.get("revision"), local_files_only=local).settled()
    if alpha_clip is None or isinstance(alpha_clip, AlphaCLIP):
        return model, alpha_clip
    chosen = str(alpha_clip)
    if chosen == "auto":
        if "image_encoder" in options:
            return model, None
        found = _companion(str(name), model)
        if found is None:
            return model, None
        chosen = found
    place, subfolder = resolve_encoder(chosen, has_alpha=True)
    return model, Location(name=place, subfolder=subfolder, local_files_only=local).settled()


def is_file(source: Location | AlphaCLIP | None) -> TypeGuard[Location]:
    """Whether an encoder is one published file, which says nothing of its shape outside."""
    return isinstance(source, Location) and Path(source.name).is_file()


def widened(family: HostFamily, components: Mapping[str, Any]) -> dict[str, Any]:
    """Components with an encoder of four channels; one of three is replaced by a copy that ignores alpha.

    Args:
        family: The kind of host that they are registered with.
        components: What is to be registered; encoder and processor may be missing or None.

    Raises:
        PairingError: An encoder whose embeddings do not fit the denoiser.
    """
    tower, stock = components.get(family.encoder), components.get("feature_extractor")
    if tower is None:
        return dict(components)
    denoiser = components.get(family.denoiser)
    if denoiser is not None:
        check_denoiser(family.embedding_width(denoiser.config), tower.config, name=family.pipeline)
    changed: dict[str, Any] = {family.encoder: widen(tower)}
    if stock is not None:
        changed["feature_extractor"] = processor_of(family, stock, tower).to_stock()
    return {**components, **changed}


def processor_of(
    family: HostFamily, stock: CLIPImageProcessor, tower: CLIPVisionModelWithProjection
) -> AlphaCLIPProcessor:
    """A stock processor as the core knows it; one that no geometry was saved with gets the host's."""
    settings = stock.to_dict()
    processor = AlphaCLIPProcessor.from_stock(settings, size=square(tower.config)[0])
    if "gencontrol" in settings:
        return processor
    return processor.with_geometry(family.host_of(tower.config).geometry)


def _companion(name: str, model: Location) -> str | None:
    preset = find_preset(name)
    if preset is not None and preset.alpha_clip is not None:
        return preset.alpha_clip
    folder = Path(model.name) / "alpha_clip"
    return str(folder) if (folder / "config.json").is_file() else None


def _open(source: Location | AlphaCLIP, own: CLIPVisionConfig, *, dtype: torch.dtype) -> AlphaCLIP:
    if isinstance(source, AlphaCLIP):
        return source
    if is_file(source):
        return _open_published(Path(source.name), own, dtype=dtype)
    hub: dict[str, Any] = {"subfolder": source.subfolder, "local_files_only": source.local_files_only}
    return AlphaCLIP.from_pretrained(source.name, dtype=dtype, **hub)


def _open_own(family: HostFamily, model: Location, dtype: torch.dtype) -> CLIPVisionModelWithProjection:
    """A pipeline's own vision tower, no weight of which is left to chance."""
    hub: dict[str, Any] = {"revision": model.revision, "local_files_only": model.local_files_only}
    return AlphaCLIP.from_clip(model.name, subfolder=family.encoder, dtype=dtype, **hub).vision


def _open_published(path: Path, own: CLIPVisionConfig, *, dtype: torch.dtype) -> AlphaCLIP:
    """A published checkpoint is a whole vision tower of its base's shape, which is the host's own encoder's."""
    state = read_published(path)
    check_published(state, own, source=str(path))
    check_weights(state, source=str(path))
    config = copy.deepcopy(own)
    config.num_channels = 4
    tower = fill_vision(config, {k: v.to(dtype) for k, v in published_to_clip(state).items()})
    check_finite_weights(tower, source=str(path))
    return AlphaCLIP(tower, processor=AlphaCLIPProcessor.from_stock({}, size=square(config)[0]))


def dtype_of(options: Mapping[str, Any], component: str) -> torch.dtype:
    """The number format that diffusers' `from_pretrained` is asked for, of one component."""
    dtype = options.get("dtype", options.get("torch_dtype"))
    if isinstance(dtype, Mapping):
        dtype = dtype.get(component, dtype.get("default"))
    return dtype if isinstance(dtype, torch.dtype) else torch.float32
