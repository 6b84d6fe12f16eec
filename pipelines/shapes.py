"""The shapes of hosts and encoders, by their configuration files alone: before any weight is loaded."""

from pathlib import Path

from transformers import CLIPVisionConfig

from gencontrol.alpha_clip.architectures import name_of
from gencontrol.alpha_clip.model import AlphaCLIP
from gencontrol.alpha_clip.weights.pretrained import what_it_is
from gencontrol.alpha_clip.weights.unpickling import printable
from gencontrol.errors import CheckpointError, PairingError
from gencontrol.models.location import Location, absence
from gencontrol.pipelines.hosts.host import Host, HostFamily, SavedPipeline

# What two towers must share for an embedding of one to mean the same to a host trained with the other.
_SAME = ("projection_dim", "hidden_size", "num_hidden_layers", "patch_size", "image_size", "hidden_act")


def compare(family: HostFamily, saved: SavedPipeline, alpha_clip: Location | AlphaCLIP | None = None) -> Host:
    """Compare a saved pipeline with its own encoder, and with the one that is to take its place.

    Args:
        family: The kind of host that it is.
        saved: The pipeline.
        alpha_clip: The encoder to put into it; None is the pipeline's own.

    Returns:
        The record of the host.

    Raises:
        CheckpointError: No encoder there, or not a CLIP.
        PairingError: An encoder other than the one its denoiser was trained with.
    """
    model = saved.location
    own = own_encoder(family, model)
    check_denoiser(family.embedding_width(model.read(f"{family.denoiser}/config.json") or {}), own, name=model.name)
    if alpha_clip is not None:
        check_encoders(own, encoder_config(alpha_clip), host=model.name)
    return family.host_of(own)


def own_encoder(family: HostFamily, model: Location) -> CLIPVisionConfig:
    """The configuration of the vision tower that a host was saved with.

    Raises:
        CheckpointError: See `vision_config`.
    """
    return vision_config(model, f"{family.encoder}/config.json")


def check_encoders(own: CLIPVisionConfig, other: CLIPVisionConfig, *, host: str) -> None:
    """Compare a host's own vision tower with another that is to take its place; the number of channels may differ.

    Raises:
        PairingError: Lists what differs.
    """
    pairs = {key: (getattr(own, key), getattr(other, key)) for key in _SAME}
    differing = [f"{key} is {b}, not {a}" for key, (a, b) in pairs.items() if a != b]
    if differing:
        raise PairingError(
            f"The encoder is a {name_of(other)}, but {host} was trained with a {name_of(own)} "
            f"({'; '.join(differing)}): its embeddings would mean nothing there. Choose an encoder of that shape."
        )


def check_denoiser(takes: int | None, vision: CLIPVisionConfig, *, name: str) -> None:
    """Compare the width of a tower's embedding with what the denoiser takes.

    Args:
        takes: The denoiser's width; None is not compared.
        vision: The tower's configuration.
        name: How the error calls the pipeline.

    Raises:
        PairingError: Says both widths.
    """
    if takes not in (None, vision.projection_dim):
        raise PairingError(
            f"{name}: the denoiser takes embeddings of width {takes}, but its encoder, a {name_of(vision)}, "
            f"gives {vision.projection_dim}. Choose an encoder of that width."
        )


def vision_config(location: Location, path: str) -> CLIPVisionConfig:
    """The vision tower's configuration from the configuration file of the tower or of both towers.

    Raises:
        CheckpointError: No such file, or another kind of model.
    """
    values = location.read(path)
    if values is None:
        folder = Path(location.name)
        what = f" It is {what_it_is(folder)}." if folder.is_dir() else ""
        raise CheckpointError(f"{location.name} has no {path}{absence(location)}: expected a saved CLIP there.{what}")
    kind = values.get("model_type")
    if kind == "clip":
        # Of the two, transformers builds the projection by the outer value.
        values = values.get("vision_config", {}) | {"projection_dim": values.get("projection_dim", 512)}
    elif kind != "clip_vision_model":
        what = "names no model_type" if kind is None else f"describes a {kind!r}"
        raise CheckpointError(f"{location.name}: {path} {what}; expected a CLIP with a vision tower.")
    try:
        return CLIPVisionConfig(**{k: v for k, v in values.items() if k != "model_type"})
    except Exception as error:  # transformers' checks raise errors of several libraries.
        reason = printable(" ".join(str(error).split()), 200)
        raise CheckpointError(
            f"{location.name}: {path} describes no vision tower that can be made: {reason}"
        ) from error


def encoder_config(alpha_clip: Location | AlphaCLIP) -> CLIPVisionConfig:
    """The configuration of the vision tower of an encoder, opened or not.

    Raises:
        CheckpointError: See `vision_config`.
    """
    if isinstance(alpha_clip, AlphaCLIP):
        return alpha_clip.vision.config
    return vision_config(alpha_clip, "config.json")
