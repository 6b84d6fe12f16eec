"""Opening what a run works with: a host with its encoder, or an encoder alone, where it is to run."""

import dataclasses
from pathlib import Path
from typing import Any

import torch

from gencontrol.alpha_clip.model import AlphaCLIP
from gencontrol.errors import ConfigError, InputError
from gencontrol.models.location import Location
from gencontrol.models.registry import resolve, resolve_encoder
from gencontrol.pipelines.encoders import locate
from gencontrol.pipelines.hosts.reference_registry import check_no_reference_host
from gencontrol.pipelines.opening import open_pipeline
from gencontrol.pipelines.stock.opening import put_pipeline
from gencontrol.runs.idle import warn_of_revision
from gencontrol.runs.machine.devices import choose_device, choose_dtype
from gencontrol.runs.notices import is_watched, quiet_loading
from gencontrol.runs.samplers import make_sampler
from gencontrol.runs.settings import EncoderSettings, Offload


def open_host(
    model: Location,
    encoder: Location | None,
    *,
    dtype: str = "auto",
    device: str = "auto",
    offload: Offload = "none",
    sampler: str | None = None,
) -> Any:
    """Load a pipeline and put it where it is to run.

    Args:
        model: The host.
        encoder: What takes the place of its encoder; None keeps its own.
        dtype: See `choose_dtype`.
        device: See `choose_device`.
        offload: What stays in main memory until it is used.
        sampler: A key of `SAMPLERS`; None is the model's own.

    Raises:
        ConfigError: No device is called so.
        InputError: No such device, or offloading without a GPU.
        CheckpointError: Weights that are not there, or are broken.
        PairingError: An encoder that does not fit the host.
    """
    place = choose_device(device)
    check_offload(offload, place)
    quiet_loading()
    pipeline: Any = open_pipeline(
        model.name,
        alpha_clip=None if encoder is None else encoder.name,
        dtype=choose_dtype(dtype, place),
        revision=model.revision,
        local_files_only=model.local_files_only,
    )
    if sampler is not None:
        pipeline.scheduler = make_sampler(sampler, pipeline.scheduler.config)
    pipeline.set_progress_bar_config(disable=not is_watched())
    put_pipeline(pipeline, offload, place)
    return pipeline


def check_offload(offload: Offload, device: torch.device) -> None:
    """Refuse to move weights where there is one memory.

    Raises:
        InputError: Says so.
    """
    if offload != "none" and device.type == "cpu":
        raise InputError(f"`offload` {offload} moves weights between main memory and a GPU; there is none.")


def open_own_encoder(model: Location, pipeline: Any) -> AlphaCLIP:
    """A host's own encoder, as it was before any Alpha-CLIP took its place; beside the pipeline that was opened."""
    encoder = AlphaCLIP.from_clip(
        model.name,
        subfolder="image_encoder",
        revision=model.revision,
        local_files_only=model.local_files_only,
        dtype=pipeline.unet.dtype,
    )
    return encoder.to(pipeline._execution_device)


def open_encoder(settings: EncoderSettings) -> AlphaCLIP:
    """Load an encoder for a run that needs no host, and put it where it is to run.

    The setting `alpha_clip` wins; then the model itself, if it is an encoder; then the encoder that a pipeline comes
    with; then the pipeline's own. Warns with a `RunWarning` of a revision of a model that is on this machine.

    Raises:
        ConfigError: No device is called so.
        InputError: No such device.
        CheckpointError: Nothing there, or broken weights.
    """
    device = choose_device(settings.device)
    quiet_loading()
    if settings.alpha_clip is None:
        warn_of_revision(settings.model, settings.revision)
    encoder = _load(settings, dtype=choose_dtype(settings.dtype, device)).to(device)
    if settings.fit is None:
        return encoder
    return encoder.with_geometry(dataclasses.replace(encoder.processor.geometry, fit=settings.fit))


def encoder_location(settings: EncoderSettings) -> Location:
    """Where the encoder is that `open_encoder` loads.

    Raises:
        CheckpointError: Nothing there.
        ConfigError: A revision of a model that is not opened.
    """
    local = settings.offline
    if settings.alpha_clip is not None:
        if settings.revision is not None:
            raise ConfigError(
                f"`revision` {settings.revision} is of `model`, and the encoder comes from `alpha_clip` "
                f"({settings.alpha_clip}) alone here: leave one of them out."
            )
        place, inside = resolve_encoder(settings.alpha_clip, has_alpha=True)
        return Location(name=place, subfolder=inside, local_files_only=local)
    check_no_reference_host(settings.model)
    name = str(resolve(settings.model))
    own = Location(name=name, revision=settings.revision, local_files_only=local).settled()
    if own.read("config.json") is not None:
        return own
    _, companion = locate(settings.model, "auto", {"local_files_only": local})
    return companion if isinstance(companion, Location) else dataclasses.replace(own, subfolder="image_encoder")


def _load(settings: EncoderSettings, *, dtype: torch.dtype) -> AlphaCLIP:
    how: dict[str, Any] = {"dtype": dtype, "local_files_only": settings.offline}
    place = encoder_location(settings)
    if settings.alpha_clip is not None and Path(place.name).is_file():
        return AlphaCLIP.from_published(place.name, **how)
    how |= {"revision": place.revision, "subfolder": place.subfolder}
    # A plain CLIP that is named as a model will do; what is named as an Alpha-CLIP has to be one.
    is_own = settings.alpha_clip is None and place.name == str(resolve(settings.model))
    return AlphaCLIP.from_clip(place.name, **how) if is_own else AlphaCLIP.from_pretrained(place.name, **how)
