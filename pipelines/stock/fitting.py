"""Whether a host's parts fit, judged by their files of settings: before any weight is loaded."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from importlib import import_module
from pathlib import Path
from typing import Any

from gencontrol.alpha_clip.architectures import name_of, square
from gencontrol.errors import CheckpointError, MissingDependencyError, PairingError
from gencontrol.models.location import Location
from gencontrol.models.registry import resolve_encoder
from gencontrol.pipelines.components import check_components
from gencontrol.pipelines.hosts.host import SavedPipeline, read_saved
from gencontrol.pipelines.hosts.reference_host import ReferenceHost, StockCall
from gencontrol.pipelines.shapes import vision_config
from gencontrol.pipelines.stock.layouts import check_adapter
from gencontrol.pipelines.stock.priors import REDUX, check_text_prior
from gencontrol.pipelines.stock.sources import Sources

# Pixels for each value of the latents of the published models; a record's `grid` is in these.
_PUBLISHED_SCALE = 8
# Stock class -> the component and the setting that say the width of the embedding it takes.
_WIDTHS = {
    "KandinskyPipeline": ("unet", "cross_attention_dim"),
    "KandinskyV22Pipeline": ("unet", "encoder_hid_dim"),
    "UnCLIPImageVariationPipeline": ("text_proj", "clip_embeddings_dim"),
}


@dataclass(frozen=True, kw_only=True)
class FittedHost:
    """A host whose parts fit, and what their settings say."""

    host: ReferenceHost
    """The record, with the width, the grid and the encoder's size that these parts have."""
    sources: Sources
    """Where the parts are."""
    saved: SavedPipeline
    """The base."""
    settings: Mapping[str, Mapping[str, Any]]
    """What diffusers' components were saved with."""
    alpha_clip: str | None = None
    """Folder, hub id or published checkpoint of an Alpha-CLIP that takes the vision tower's place."""

    @property
    def size(self) -> tuple[int, int] | None:
        """(height, width) of the output in pixels, unless said; None where the host's own settings leave no choice."""
        if not self.host.call.sized:
            return None
        if self.host.call.side is not None:
            return self.host.call.side, self.host.call.side
        side = denoiser_of(self.settings)[1].get("sample_size")
        height, width = side if isinstance(side, list | tuple) else (side, side)
        if not isinstance(height, int) or not isinstance(width, int):
            return None
        scale = _latent_scale(self.settings)
        return height * scale, width * scale

    @property
    def reads_text(self) -> bool:
        """Whether the base was saved with any text tower."""
        return any(
            name.startswith("text_encoder") and entry != [None, None] for name, entry in self.saved.index.items()
        )

    @property
    def sampler(self) -> Mapping[str, Any] | None:
        """The settings of its sampler; None where it has several, or none that can be changed."""
        found = self.settings.get("scheduler")
        return None if found is None or "FlowMatch" in str(found.get("_class_name")) else found


def fit_host(host: ReferenceHost, sources: Sources, *, alpha_clip: str | None = None) -> FittedHost:
    """Read the parts' settings and compare them; the adapter's header too, if its file is on this machine.

    Args:
        host: The record.
        sources: Settled.
        alpha_clip: See `FittedHost`.

    Raises:
        CheckpointError: A part that is not there, or an adapter of another layout.
        MissingDependencyError: A package that the stock class needs.
        PairingError: A pipeline of another class, or a vision tower of another kind or width.
    """
    saved = read_saved(sources.base.location)
    if saved.class_name not in (*host.pipelines, *host.saved_as):
        known = " or ".join((*host.pipelines, *host.saved_as))
        raise PairingError(f"{saved.location.name} is a {saved.class_name or 'pipeline of no class'}, not a {known}.")
    _check_installed(host)
    settings = check_components(saved)
    _check_channels(host, saved, settings)
    if alpha_clip is not None:
        # A preset's; of one on the hub without an Alpha-CLIP the name stays, and is refused as no encoder.
        place, inside = resolve_encoder(alpha_clip, has_alpha=True)
        alpha_clip = alpha_clip if inside else place
    fitted = replace(
        host, grid=host.grid * _latent_scale(settings) // _PUBLISHED_SCALE, call=_fitted_call(host.call, settings)
    )
    made = FittedHost(host=fitted, sources=sources, saved=saved, settings=settings, alpha_clip=alpha_clip)
    adapter, own = sources.adapter, _own_width(made)
    if own is not None:
        made = replace(made, host=replace(made.host, width=own))
    if adapter is not None and adapter.file is not None and adapter.is_here:
        made = with_adapter(made, find_file(adapter.location, adapter.file))
    if sources.prior is not None:
        check_text_prior(made.host, sources.prior.location)
    return _with_tower(made)


def with_adapter(fitted: FittedHost, path: Path) -> FittedHost:
    """The same, once the adapter's file is here: it says what width is taken.

    Raises:
        CheckpointError: See `check_adapter`.
    """
    width = check_adapter(path, fitted.host, denoiser_of(fitted.settings)[1])
    return replace(fitted, host=replace(fitted.host, width=width))


def find_file(location: Location, file: str) -> Path:
    """A file of weights, fetched if it has to be.

    Raises:
        CheckpointError: It is not there.
    """
    folder, _, name = file.rpartition("/")
    found = replace(location, subfolder=folder).find(name)
    if found is None:
        raise CheckpointError(
            f"{location.name} has no {file}, or it cannot be fetched: its terms may have to be agreed to."
        )
    return found


def denoiser_of(settings: Mapping[str, Mapping[str, Any]]) -> tuple[str, Mapping[str, Any]]:
    """The denoiser among a pipeline's components, and its settings."""
    name = next((name for name in ("unet", "transformer", "decoder") if name in settings), None)
    return ("", {}) if name is None else (name, settings[name])


def _own_width(fitted: FittedHost) -> int | None:
    """The width that a host takes, where no adapter's file says it."""
    sources, kind = fitted.sources, fitted.host.pipelines[0]
    if fitted.host.takes == "redux" and sources.adapter is not None:
        prior = read_saved(sources.adapter.location)
        if prior.class_name != REDUX:
            raise PairingError(
                f"{prior.location.name} is a {prior.class_name or 'pipeline of no class'}, not a {REDUX}."
            )
        embedder = sources.adapter.location.read("image_embedder/config.json") or {}
        made, read = embedder.get("txt_in_features"), denoiser_of(fitted.settings)[1].get("joint_attention_dim")
        if made != read:
            raise PairingError(
                f"{prior.location.name} makes tokens of width {made}, and {fitted.saved.location.name} reads a text of "
                f"width {read}."
            )
        return embedder.get("redux_dim")
    if kind not in _WIDTHS:
        return None
    component, name = _WIDTHS[kind]
    return (fitted.saved.location.read(f"{component}/config.json") or {}).get(name)


def _latent_scale(settings: Mapping[str, Mapping[str, Any]]) -> int:
    """Pixels along a side for each value of the latents."""
    levels = settings.get("vae", {}).get("block_out_channels")
    return 2 ** (len(levels) - 1) if levels else _PUBLISHED_SCALE


def _fitted_call(call: StockCall, settings: Mapping[str, Mapping[str, Any]]) -> StockCall:
    """The sides of outputs that these parts have, and whether their guidance is distilled."""
    scale, denoiser = _latent_scale(settings), denoiser_of(settings)[1]
    levels = settings.get("movq", {}).get("block_out_channels")
    # Kandinsky's latents are whole after as many halvings as its decoder doubles.
    multiple = 4 ** (len(levels) - 1) if levels else max(1, call.multiple * scale // _PUBLISHED_SCALE)
    most, patch = denoiser.get("pos_embed_max_size"), denoiser.get("patch_size")
    side = most * patch * scale if isinstance(most, int) and isinstance(patch, int) else None
    if denoiser.get("time_cond_proj_dim") is not None:
        # A consistency model's UNet reads the scale as a number: stock calls have no negative half then, whatever the
        # scale, and would take one that is given for a second reference.
        call = replace(call, distilled=True, negative_prompt=False)
    return replace(call, multiple=multiple, most_side=side)


def _check_channels(host: ReferenceHost, saved: SavedPipeline, settings: Mapping[str, Mapping[str, Any]]) -> None:
    """Refuse a denoiser that also reads a hole where the stock call gives it none, and the reverse.

    Stock code finds out in the middle of a run, or as it decodes.
    """
    latents, found = (
        settings.get("vae", {}).get("latent_channels"),
        denoiser_of(settings)[1].get("in_channels"),
    )
    expected = _channels(host.pipelines[0], latents, _latent_scale(settings)) if isinstance(latents, int) else ()
    if expected and isinstance(found, int) and found not in expected:
        numbers = " or ".join(str(number) for number in expected)
        raise PairingError(
            f"{saved.location.name}: its denoiser reads {found} channels, and {host.pipelines[0]} gives it {numbers}: "
            "models that paint into a hole read it too, others do not."
        )


def _channels(kind: str, latents: int, scale: int) -> tuple[int, ...]:
    """How many channels a stock class gives to its denoiser; () where that is not known here."""
    if kind.startswith(("StableDiffusionPipeline", "StableDiffusionXLPipeline", "Kolors")):
        return (latents,)
    if kind.startswith(("StableDiffusionInpaint", "StableDiffusionXLInpaint")):
        # Those that read no hole get the photograph back outside of it after each step.
        return latents, 2 * latents + 1
    if kind == "FluxFillPipeline":
        # Two by two latents are a token, here of noise, photograph and hole.
        return (4 * (2 * latents + scale**2),)
    return (4 * latents,) if kind.startswith("Flux") and not kind.startswith("Flux2") else ()


def _check_installed(host: ReferenceHost) -> None:
    stock = getattr(import_module("diffusers"), host.pipelines[0])
    # In the place of a class whose packages are missing, diffusers has one that says which those are.
    packages = getattr(stock, "_backends", None)
    if packages:
        missing = [name for name in packages if name not in ("torch", "transformers")]
        raise MissingDependencyError(f"{host.name} needs {' and '.join(missing)}: pip install {' '.join(missing)}.")


def _with_tower(fitted: FittedHost) -> FittedHost:
    """Compare the vision tower's settings with the adapter, and take its size over."""
    host, place = fitted.host, _tower_of(fitted)
    if place is None:
        return fitted
    width, size, name = _tower_shape(place, host)
    if host.width != width:
        what = "an embedding" if host.takes == "embedding" else "tokens"
        raise PairingError(
            f"{host.name} takes {what} of width {host.width}; {place.name} is a {name}, of width {width}."
        )
    return replace(fitted, host=replace(host, geometry=replace(host.geometry, size=size)))


def _tower_of(fitted: FittedHost) -> Location | None:
    sources = fitted.sources
    if fitted.alpha_clip is not None:
        # A published checkpoint says nothing of its shape outside: it is looked at when it is opened.
        return None if Path(fitted.alpha_clip).is_file() else Location(name=fitted.alpha_clip).settled()
    if sources.tower is not None:
        return sources.tower.location
    if sources.adapter is not None and fitted.host.takes == "redux":
        return replace(sources.adapter.location, subfolder="image_encoder")
    return None


def _tower_shape(place: Location, host: ReferenceHost) -> tuple[int, int, str]:
    """Width of what it gives to a host, side of what it sees, and its name."""
    values = place.read("config.json") or {}
    kind = str(values.get("model_type", ""))
    if kind.startswith("siglip") != host.siglip and kind:
        kinds = ("a CLIP", "a SigLIP")
        raise PairingError(
            f"{host.name} takes references from {kinds[host.siglip]}, {host.encoder}; {place.name} is "
            f"{kinds[kind.startswith('siglip')]}."
        )
    if not host.siglip:
        config = vision_config(place, "config.json")
        width = config.projection_dim if host.takes == "embedding" else config.hidden_size
        return width, square(config)[0], name_of(config)
    inner = values.get("vision_config", values)
    if not {"hidden_size", "image_size"} <= inner.keys():
        raise CheckpointError(f"{place.name} has no config.json of a SigLIP: expected a saved vision tower there.")
    return inner["hidden_size"], inner["image_size"], "SigLIP"
