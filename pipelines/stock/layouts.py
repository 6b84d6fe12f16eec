"""Files of adapters, judged by their headers before any weight is loaded.

Stock loaders drop what they have no name for without a word, and fail at wrong widths in a matrix product much later.
"""

import re
from collections.abc import Iterator, Mapping
from importlib import import_module
from pathlib import Path
from types import MappingProxyType
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor, nn

from gencontrol.alpha_clip.weights.describe import Shapes, check_shapes, check_weights
from gencontrol.errors import CheckpointError, reason_of
from gencontrol.pipelines.hosts.reference_host import ReferenceHost

# What diffusers' loaders have fixed: the depth of a Resampler, the width of its heads and of its feed-forward layers,
# and the number of tokens of an `ImageProjection`, which for Flux is told from the number of rows.
_DEPTH, _HEAD, _FORWARD, _TOKENS = 4, 64, 4, 4
_FLUX_ROWS, _FLUX_TOKENS = 65536, 16

# The parts of a file; the second and the last are XLabs' names, as diffusers' FluxIPAdapterMixin reads them.
_PARTS = {
    "image_proj.": "image_proj.",
    "ip_adapter_proj_model.": "image_proj.",
    "ip_adapter.": "ip_adapter.",
    "double_blocks.": "ip_adapter.",
}
_XLABS = {
    "ip_adapter_double_stream_k_proj": "to_k_ip",
    "ip_adapter_double_stream_v_proj": "to_v_ip",
    "processor.": "",
}
# InstantX's names, as diffusers' SD3Transformer2DLoadersMixin reads them.
_INSTANTX = {
    r"^(layers\.\d+)\.0\.norm1": r"\1.ln0",
    r"^(layers\.\d+)\.0\.norm2": r"\1.ln1",
    r"^(layers\.\d+)\.0\.to_out": r"\1.attn.to_out.0",
    r"^(layers\.\d+)\.0\.to_": r"\1.attn.to_",
    r"^(layers\.\d+)\.1\.0": r"\1.adaln_norm",
    r"^(layers\.\d+)\.1\.1": r"\1.ff.net.0.proj",
    r"^(layers\.\d+)\.1\.3": r"\1.ff.net.2",
    r"^(layers\.\d+)\.2\.1": r"\1.adaln_proj",
}

_KINDS: Mapping[str, str] = MappingProxyType(
    {
        "perceiver_resampler.proj_in.weight": "a FaceID plus adapter",
        "time_embedding.linear_1.weight": "a Resampler of tokens over time (SD 3.5)",
        "latents": "a Resampler of tokens (plus)",
        "proj.3.weight": "a full-face adapter",
        "proj.2.weight": "a FaceID adapter",
        "proj.weight": "a projection of one embedding",
    }
)
"""A weight of the projection -> the first kind, in this order, that has it."""
_RANKS = {"latents": 3, "proj.weight": 2, "proj_in.weight": 2, "time_embedding.linear_1.weight": 2}


def check_adapter(path: Path, host: ReferenceHost, denoiser: Mapping[str, Any]) -> int:
    """Compare a file with what a host's stock loader reads, by the file's header.

    Args:
        path: A `.safetensors` file.
        host: Says what is projected.
        denoiser: The settings that the host's denoiser was saved with.

    Returns:
        The width of the embedding, or of the tokens, that the adapter takes.

    Raises:
        CheckpointError: No safetensors, another kind of adapter, a layer too many or too few, or weights of another
            width than the denoiser's.
    """
    found = _header(path)
    projection, layers = _part(found, "image_proj."), _part(found, "ip_adapter.")
    kind = next((key for key in _KINDS if key in projection), None)
    wanted = _kind_of(host)
    if kind != wanted:
        what = "no adapter for pictures" if kind is None else _KINDS[kind]
        raise CheckpointError(f"{path} is {what}; {host.name} takes {_KINDS[wanted]}.")
    if any(len(projection[name]) != rank for name, rank in _RANKS.items() if name in projection):
        raise CheckpointError(f"{path} is not {_KINDS[wanted]}: its matrices have other dimensions.")
    skeleton = _skeleton(denoiser)
    if wanted == "time_embedding.linear_1.weight":
        projection = _instantx(projection)
        expected = _resampler_over_time(projection, skeleton)
        expected_layers = _joint_layers(layers, skeleton)
    else:
        is_flux = hasattr(skeleton, "inner_dim")
        expected = (_resampler if wanted == "latents" else _one_embedding)(projection, _cross_width(skeleton))
        expected_layers = dict(_double_layers(skeleton) if is_flux else _cross_layers(skeleton))
    stray = {name: shape for name, shape in found.items() if not name.startswith(("image_proj.", "ip_adapter."))}
    check_shapes(
        stray | _named("image_proj.", projection) | _named("ip_adapter.", layers),
        _named("image_proj.", expected) | _named("ip_adapter.", expected_layers),
        source=str(path),
        wanted=f"an adapter of {host.name} for this base",
    )
    return projection["proj.weight" if wanted == "proj.weight" else "proj_in.weight"][1]


def read_adapter(path: Path) -> dict[str, dict[str, Tensor]]:
    """The weights of a file, as stock loaders take them from memory.

    Raises:
        CheckpointError: Weights that are broken.
    """
    with safe_open(path, framework="pt") as opened:
        state = {_plain(name): opened.get_tensor(name) for name in opened.keys()}
    check_weights(state, source=str(path))
    # Flux's loader wants these two, in this order.
    return {part: dict(_part(state, f"{part}.")) for part in ("image_proj", "ip_adapter")}


def _kind_of(host: ReferenceHost) -> str:
    if host.takes == "embedding":
        return "proj.weight"
    return "time_embedding.linear_1.weight" if host.siglip else "latents"


def _header(path: Path) -> dict[str, tuple[int, ...]]:
    try:
        with safe_open(path, framework="pt") as opened:
            return {_plain(name): tuple(opened.get_slice(name).get_shape()) for name in opened.keys()}
    except (OSError, SafetensorError) as error:
        raise CheckpointError(f"{path} cannot be read as safetensors: {reason_of(error)}") from error


def _plain(name: str) -> str:
    prefix = next((prefix for prefix in _PARTS if name.startswith(prefix)), None)
    if prefix is None:
        return name
    rest = name.removeprefix(prefix)
    for old, new in _XLABS.items():
        rest = rest.replace(old, new)
    return _PARTS[prefix] + rest


def _instantx(projection: Shapes) -> dict[str, tuple[int, ...]]:
    renamed = {}
    for name, shape in projection.items():
        for old, new in _INSTANTX.items():
            name = re.sub(old, new, name)
        renamed[name] = shape
    return renamed


def _part(state: Mapping[str, Any], prefix: str) -> dict[str, Any]:
    return {name.removeprefix(prefix): value for name, value in state.items() if name.startswith(prefix)}


def _named(prefix: str, shapes: Shapes) -> dict[str, tuple[int, ...]]:
    return {f"{prefix}{name}": shape for name, shape in shapes.items()}


def _skeleton(settings: Mapping[str, Any]) -> Any:
    """A denoiser without weights: its layers and their shapes."""
    with torch.device("meta"):
        return getattr(import_module("diffusers"), settings["_class_name"]).from_config(dict(settings))


def _shapes(module: nn.Module) -> dict[str, tuple[int, ...]]:
    return {name: tuple(weight.shape) for name, weight in module.state_dict().items()}


def _cross_width(skeleton: Any) -> int:
    config = skeleton.config
    return config.joint_attention_dim if hasattr(skeleton, "inner_dim") else config.cross_attention_dim


def _cross_layers(skeleton: Any) -> Iterator[tuple[str, tuple[int, ...]]]:
    """Of UNets: numbered 1, 3, 5, ... over the cross-attentions."""
    names = [name for name in skeleton.attn_processors if not name.endswith("attn1.processor")]
    for number, name in enumerate(names):
        shape = tuple(skeleton.get_submodule(name.removesuffix(".processor")).to_k.weight.shape)
        yield from ((f"{2 * number + 1}.to_{which}_ip.weight", shape) for which in "kv")


def _double_layers(skeleton: Any) -> Iterator[tuple[str, tuple[int, ...]]]:
    """Of Flux: numbered over the double blocks, with biases."""
    for number in range(skeleton.config.num_layers):
        for which in "kv":
            yield f"{number}.to_{which}_ip.weight", (skeleton.inner_dim, skeleton.config.joint_attention_dim)
            yield f"{number}.to_{which}_ip.bias", (skeleton.inner_dim,)


def _joint_layers(found: Shapes, skeleton: Any) -> dict[str, tuple[int, ...]]:
    """Of Stable Diffusion 3: numbered over all attentions, normed by the time's embedding, whose width is free."""
    from diffusers.models.attention_processor import SD3IPAdapterJointAttnProcessor2_0

    inner, head = skeleton.inner_dim, skeleton.config.attention_head_dim
    time = found.get("0.norm_ip.linear.weight", (0, 0))[-1]
    with torch.device("meta"):
        layer = _shapes(SD3IPAdapterJointAttnProcessor2_0(inner, inner, head, time))
    names = [f"{number}." for number in range(len(skeleton.attn_processors))]
    return {f"{name}{key}": shape for name in names for key, shape in layer.items()}


def _one_embedding(found: Shapes, cross: int) -> dict[str, tuple[int, ...]]:
    rows, width = found["proj.weight"]
    tokens = _FLUX_TOKENS if rows == _FLUX_ROWS else _TOKENS
    return {
        "proj.weight": (tokens * cross, width),
        "proj.bias": (tokens * cross,),
        "norm.weight": (cross,),
        "norm.bias": (cross,),
    }


def _resampler(found: Shapes, cross: int) -> dict[str, tuple[int, ...]]:
    _, queries, hidden = found["latents"]
    width = found.get("proj_in.weight", (0, 0))[-1]
    # Of whole heads: the loader rounds down.
    inner = found.get("layers.0.0.to_q.weight", (0,))[0] // _HEAD * _HEAD
    expected: dict[str, tuple[int, ...]] = {
        "latents": (1, queries, hidden),
        "proj_in.weight": (hidden, width),
        "proj_in.bias": (hidden,),
        "proj_out.weight": (cross, hidden),
        "proj_out.bias": (cross,),
        "norm_out.weight": (cross,),
        "norm_out.bias": (cross,),
    }
    for layer in range(_DEPTH):
        norms = [f"layers.{layer}.{name}" for name in ("0.norm1", "0.norm2", "1.0")]
        expected |= {f"{norm}.{kind}": (hidden,) for norm in norms for kind in ("weight", "bias")}
        expected |= {
            f"layers.{layer}.0.to_q.weight": (inner, hidden),
            f"layers.{layer}.0.to_kv.weight": (2 * inner, hidden),
            f"layers.{layer}.0.to_out.weight": (hidden, inner),
            f"layers.{layer}.1.1.weight": (_FORWARD * hidden, hidden),
            f"layers.{layer}.1.3.weight": (hidden, _FORWARD * hidden),
        }
    return expected


def _resampler_over_time(found: Shapes, skeleton: Any) -> dict[str, tuple[int, ...]]:
    from diffusers.models.embeddings import IPAdapterTimeImageProjection

    queries, hidden = found.get("latents", (1, 1, 1))[-2:]
    with torch.device("meta"):
        made = IPAdapterTimeImageProjection(
            embed_dim=found.get("proj_in.weight", (0, 1))[-1],
            output_dim=skeleton.inner_dim,
            hidden_dim=hidden,
            dim_head=_HEAD,
            heads=max(found.get("layers.0.attn.to_q.weight", (0,))[0] // _HEAD, 1),
            num_queries=queries,
            timestep_in_dim=found["time_embedding.linear_1.weight"][1],
        )
    return _shapes(made)
