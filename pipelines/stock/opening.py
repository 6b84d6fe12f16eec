"""Opening a host of references: its stock pipeline with the adapter in it, and beside it what encodes references."""

from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any, Literal

import torch
from transformers import SiglipVisionModel

from gencontrol.alpha_clip.model import AlphaCLIP
from gencontrol.alpha_clip.siglip import AlphaSigLIP
from gencontrol.alpha_clip.weights.pretrained import check_no_folders
from gencontrol.errors import CheckpointError
from gencontrol.kinds import check_word, checked
from gencontrol.models.location import Location
from gencontrol.pipelines.components import is_moved, open_components, open_rest, refused, trusting, without_advice
from gencontrol.pipelines.hosts.host import read_saved
from gencontrol.pipelines.hosts.reference_host import ReferenceHost
from gencontrol.pipelines.hosts.reference_registry import find_reference_host
from gencontrol.pipelines.references.encoding import encoder_for
from gencontrol.pipelines.stock.fitting import FittedHost, find_file, fit_host, with_adapter
from gencontrol.pipelines.stock.layouts import read_adapter
from gencontrol.pipelines.stock.priors import REDUX, open_prior, open_text_prior
from gencontrol.pipelines.stock.scales import scaled_layers
from gencontrol.pipelines.stock.sources import check_reachable, find_sources

# Against which diffusers advises, and which is not so here: no picture is handed to the pipeline, no dtype changes.
_ADVICE = ("image_encoder is not loaded", "should be kept in float32: []")

Offload = Literal["none", "model", "sequential"]
"""What is kept in main memory: nothing, each model, or each layer until it is used."""


@dataclass(frozen=True, kw_only=True)
class OpenedHost:
    """A host that can be drawn with."""

    fitted: FittedHost
    """Its record and its parts."""
    pipeline: Any
    """The stock pipeline, with the adapter in it."""
    encoder: Any
    """What encodes references: an AlphaCLIP, an AlphaSigLIP, a SigLIP, Redux's prior, or None for hosts of pictures."""
    prior: Any = None
    """What makes embeddings of texts where the host's condition is mixed with them (Kandinsky); None without."""

    @property
    def host(self) -> ReferenceHost:
        """The record, as these parts are."""
        return self.fitted.host

    @property
    def dtype(self) -> torch.dtype:
        """Of the denoiser's weights."""
        return self.denoiser.dtype

    @property
    def device(self) -> torch.device:
        """Where the pipeline computes."""
        return self.pipeline._execution_device

    @property
    def takes_adapter(self) -> bool:
        """Whether references reach it through an adapter in its denoiser."""
        part = self.fitted.sources.adapter
        return part is not None and part.file is not None

    @property
    def holds_adapter(self) -> bool:
        """Whether that adapter is in it: `unload_adapter` takes it out."""
        return self.takes_adapter and bool(scaled_layers(self.denoiser))

    @property
    def denoiser(self) -> Any:
        """The network that draws."""
        found = (getattr(self.pipeline, name, None) for name in ("unet", "transformer", "decoder"))
        return next(network for network in found if network is not None)


@checked
def open_reference_host(
    name: str | ReferenceHost,
    *,
    base: str | Path | None = None,
    adapter: str | Path | None = None,
    image_encoder: str | Path | None = None,
    alpha_clip: str | Path | None = None,
    prior: str | Path | None = None,
    with_prior: bool = False,
    revision: str | None = None,
    dtype: torch.dtype = torch.float32,
    device: torch.device | str = "cpu",
    offload: Offload = "none",
    local_files_only: bool = False,
) -> OpenedHost:
    """Open a stock pipeline that takes parts of reference pictures, with its adapter and its encoder.

    Args:
        name: A name of `REFERENCE_HOSTS`, or a record.
        base: See `find_sources`.
        adapter: See `find_sources`.
        image_encoder: See `find_sources`.
        alpha_clip: Folder, hub id or published checkpoint of an Alpha-CLIP in the place of the vision tower; of an
            `AlphaSigLIP` for hosts that take a SigLIP.
        prior: See `find_sources`.
        with_prior: Whether a `Drawing` will have a prompt that is mixed with the references (Kandinsky); `prior` says
            so too.
        revision: See `find_sources`.
        dtype: Of the weights.
        device: Where to compute.
        offload: What stays in main memory until it is used; needs a GPU.
        local_files_only: Look in the cache only.

    Raises:
        ConfigError: An unknown host.
        CheckpointError: A part that is not there, is broken, or has another layout.
        InputError: An unknown word for `offload`.
        MissingDependencyError: A package that the stock class needs.
        PairingError: Parts that do not fit together.
    """
    host = find_reference_host(name) if isinstance(name, str) else name
    check_word(offload, Offload, name="offload")
    sources = find_sources(
        host,
        base=base,
        adapter=adapter,
        image_encoder=image_encoder,
        alpha_clip=alpha_clip,
        prior=prior,
        with_prior=with_prior,
        revision=revision,
        local_files_only=local_files_only,
    ).settled()
    check_reachable(sources, name=host.name)
    fitted = fit_host(host, sources, alpha_clip=None if alpha_clip is None else str(alpha_clip))
    return open_fitted(fitted, dtype=dtype, device=device, offload=offload)


def open_fitted(
    fitted: FittedHost, *, dtype: torch.dtype, device: torch.device | str, offload: Offload = "none"
) -> OpenedHost:
    """Load a host whose parts were compared: the adapter's file and the encoder before the large base.

    Raises:
        CheckpointError: See `open_reference_host`.
        PairingError: See `open_reference_host`.
    """
    place, weights, part = torch.device(device), None, fitted.sources.adapter
    if part is not None and part.file is not None:
        path = find_file(part.location, part.file)
        fitted = with_adapter(fitted, path)
        weights = read_adapter(path)
    encoder = _open_encoder(fitted, dtype)
    encoder_for(fitted.host, encoder)
    text = fitted.sources.prior
    prior = None if text is None else open_text_prior(fitted.host, text.location, dtype)
    pipeline = _open_base(fitted, dtype)
    if weights is not None:
        load_adapter(pipeline, weights)
    put_pipeline(pipeline, offload, place)
    for beside in (encoder, prior):
        if beside is not None and offload == "none":
            beside.to(place)
    return OpenedHost(fitted=fitted, pipeline=pipeline, encoder=encoder, prior=prior)


def load_adapter(pipeline: Any, weights: dict[str, dict[str, torch.Tensor]]) -> None:
    """Put an adapter into a stock pipeline, without an encoder: references are encoded beside it."""
    encoder = "image_encoder_pretrained_model_name_or_path" if "Flux" in type(pipeline).__name__ else None
    with without_advice(["loaders.ip_adapter", "models.modeling_utils"], _ADVICE):
        pipeline.load_ip_adapter(weights, subfolder="", weight_name="", **{encoder or "image_encoder_folder": None})


@checked
def unload_adapter(opened: OpenedHost) -> None:
    """Take the adapter out again: the pipeline is the stock one, to the bit, and can be saved.

    Where it is out already, nothing happens.
    """
    if not opened.holds_adapter:
        return
    pipeline, denoiser = opened.pipeline, opened.denoiser
    # diffusers takes out what it would have prepared pictures for the adapter with, which may be a safety checker's.
    kept = {name: getattr(pipeline, name, None) for name in ("feature_extractor", "image_encoder")}
    pipeline.unload_ip_adapter()
    pipeline.register_modules(**{name: part for name, part in kept.items() if part is not None})
    if hasattr(denoiser, "text_encoder_hid_proj"):
        # Kolors' projection of texts, which is back in its place by now: as long as the other place is known, diffusers
        # leaves it where it is when an adapter is loaded the next time, and the text is not projected any more.
        del denoiser.text_encoder_hid_proj


def put_pipeline(pipeline: Any, offload: Offload, device: torch.device) -> None:
    """Bring a pipeline to where it is to run."""
    if offload == "model":
        pipeline.enable_model_cpu_offload(device=device)
    elif offload == "sequential":
        pipeline.enable_sequential_cpu_offload(device=device)
    else:
        # diffusers warns once for every module that float16 cannot run on a CPU; it can, if slowly.
        pipeline.to(device, silence_dtype_warnings=True)


def _open_base(fitted: FittedHost, dtype: torch.dtype) -> Any:
    saved, base = fitted.saved, fitted.sources.base
    how: dict[str, Any] = {"local_files_only": saved.location.local_files_only, "use_safetensors": True}
    if saved.location.revision is not None:
        how["revision"] = saved.location.revision
    if base.published is not None and base.published.variant is not None:
        how["variant"] = base.published.variant
    stock = getattr(import_module("diffusers"), fitted.host.pipelines[0])
    # Components that it was saved without, such as text towers, stay out.
    given: dict[str, Any] = {name: None for name, entry in saved.index.items() if entry == [None, None]}
    if "image_encoder" in stock._optional_components:
        # References are encoded beside the pipeline: an encoder in it would be loaded for nothing.
        given["image_encoder"] = None
    components = given | open_components(saved, {**how, **given}, dtypes=dtype)
    if is_moved(saved):
        return stock(**components, **open_rest(saved, components, how))
    with refused(saved.location.name), trusting():
        return stock.from_pretrained(saved.location.name, dtype=dtype, **how, **components)


def _open_encoder(fitted: FittedHost, dtype: torch.dtype) -> Any:
    host, sources = fitted.host, fitted.sources
    if host.takes == "picture":
        return None
    alpha = None
    if fitted.alpha_clip is not None:
        alpha = _open_alpha(fitted.alpha_clip, sources.base.location, dtype, siglip=host.siglip)
    if host.takes == "redux":
        assert sources.adapter is not None
        prior = open_prior(read_saved(sources.adapter.location), REDUX, dtype)
        if isinstance(alpha, AlphaSigLIP):
            # Beside the embedder, which is all that the prior is asked for: by itself it would give three channels.
            prior.register_modules(image_encoder=alpha.vision)
        return prior
    if alpha is not None:
        return alpha
    assert sources.tower is not None
    place = sources.tower.location
    if host.siglip:
        return _open_siglip(place, dtype)
    hub: dict[str, Any] = {"revision": place.revision, "local_files_only": place.local_files_only}
    return AlphaCLIP.from_clip(place.name, subfolder=place.subfolder, dtype=dtype, **hub)


def _open_alpha(name: str, base: Location, dtype: torch.dtype, *, siglip: bool) -> AlphaCLIP | AlphaSigLIP:
    hub: dict[str, Any] = {"dtype": dtype, "local_files_only": base.local_files_only}
    if siglip:
        return AlphaSigLIP.from_pretrained(name, **hub)
    return AlphaCLIP.from_published(name, **hub) if Path(name).is_file() else AlphaCLIP.from_pretrained(name, **hub)


def _open_siglip(place: Location, dtype: torch.dtype) -> Any:
    tower: Any = SiglipVisionModel
    check_no_folders(Path(place.name, place.subfolder))
    with refused(place.name):
        model, report = tower.from_pretrained(
            place.name, dtype=dtype, output_loading_info=True, use_safetensors=True, **place.lookup()
        )
    missing = sorted(report["missing_keys"])
    if missing:
        raise CheckpointError(f"{place.name} lacks weights of a SigLIP's vision tower: {', '.join(missing[:4])}.")
    return model.eval()
