"""Whether a host and an encoder fit, judged by their configuration files alone: before any weight is loaded."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from transformers import CLIPVisionConfig

from gencontrol.alpha_clip.architectures import name_of
from gencontrol.alpha_clip.model import AlphaCLIP
from gencontrol.alpha_clip.weights.pretrained import what_it_is
from gencontrol.errors import CheckpointError, PairingError
from gencontrol.models.location import Location, preset_hint
from gencontrol.pipelines.hosts.registry import HOSTS, Host, host_of, is_host

# What two towers must share for an embedding of one to mean the same to a host trained with the other.
_SAME = ("projection_dim", "hidden_size", "num_hidden_layers", "patch_size", "image_size", "hidden_act")


def check_pairing(model: Location, alpha_clip: "Location | AlphaCLIP | None" = None) -> Host:
    """Read the configurations of a host and of an encoder and compare them.

    Args:
        model: A saved pipeline.
        alpha_clip: The encoder to put into it; None is the pipeline's own.

    Returns:
        The record of the host.

    Raises:
        CheckpointError: Nothing there, or not a saved pipeline, or not a CLIP.
        PairingError: A pipeline that is not a host, or an encoder other than the one its denoiser was trained with.
    """
    index = model.read("model_index.json")
    if index is None:
        cached = " in this machine's cache" if model.local_files_only else ""
        where = "" if Path(model.name).is_dir() else f"{cached}{preset_hint(model.name)}"
        raise CheckpointError(f"{model.name} has no model_index.json{where}: expected a pipeline saved by diffusers.")
    pipeline = index.get("_class_name", "")
    if not is_host(pipeline):
        known = ", ".join(sorted({host.pipeline for host in HOSTS.values()}))
        raise PairingError(
            f"{model.name} is a {pipeline}, which takes no image embedding here; expected one of {known}."
        )
    own = vision_config(model, "image_encoder/config.json")
    check_denoiser(model.read("unet/config.json") or {}, own, name=model.name)
    if alpha_clip is not None:
        check_encoders(own, _config_of(alpha_clip), host=model.name)
    return host_of(pipeline, own)


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


def check_denoiser(unet: Mapping[str, Any], vision: CLIPVisionConfig, *, name: str) -> None:
    """Compare the width of a tower's embedding with what the denoiser takes, whichever way it enters.

    Args:
        unet: The denoiser's configuration; keys that it lacks are not compared.
        vision: The tower's configuration.
        name: How the error calls the pipeline.

    Raises:
        PairingError: Says both widths.
    """
    takes = denoiser_width(unet)
    if takes not in (None, vision.projection_dim):
        raise PairingError(
            f"{name}: the denoiser takes embeddings of width {takes}, but its encoder, a {name_of(vision)}, "
            f"gives {vision.projection_dim}. Choose an encoder of that width."
        )


def denoiser_width(unet: Mapping[str, Any]) -> int | None:
    """The width of the embeddings that a denoiser takes, whichever way they enter; None if its settings do not say."""
    labels = unet.get("projection_class_embeddings_input_dim")
    # Half of the labels is the embedding, the other half says how noisy it is.
    takes = labels // 2 if labels else unet.get("cross_attention_dim")
    return takes if isinstance(takes, int) else None


def vision_config(location: Location, path: str) -> CLIPVisionConfig:
    """The vision tower's configuration from the configuration file of the tower or of both towers.

    Raises:
        CheckpointError: No such file, or another kind of model.
    """
    values = location.read(path)
    if values is None:
        folder = Path(location.name)
        what = f" It is {what_it_is(folder)}." if folder.is_dir() else ""
        cached = " in this machine's cache" if location.local_files_only and not folder.is_dir() else ""
        raise CheckpointError(f"{location.name} has no {path}{cached}: expected a saved CLIP there.{what}")
    kind = values.get("model_type")
    if kind == "clip":
        # Of the two, transformers builds the projection by the outer value.
        values = values.get("vision_config", {}) | {"projection_dim": values.get("projection_dim", 512)}
    elif kind != "clip_vision_model":
        raise CheckpointError(f"{location.name}: {path} describes a {kind!r}; expected a CLIP with a vision tower.")
    return CLIPVisionConfig(**{k: v for k, v in values.items() if k != "model_type"})


def _config_of(alpha_clip: "Location | AlphaCLIP") -> CLIPVisionConfig:
    if isinstance(alpha_clip, AlphaCLIP):
        return alpha_clip.vision.config
    return vision_config(alpha_clip, "config.json")
