"""State dicts from other CLIPs' names to transformers' names: pure functions, nothing is loaded here.

The published Alpha-CLIP (https://github.com/SunzeY/AlphaCLIP, commit 0ef04bd, Apache 2.0), OpenAI's CLIP and OpenCLIP
call a vision tower's weights alike; the first has a second patch convolution, over alpha, whose output is added. A sum
of two convolutions is one convolution over the concatenated channels, which is how the two become one weight here.
"""

from collections.abc import Mapping

import torch
from jaxtyping import Float
from torch import Tensor
from transformers import CLIPTextConfig, CLIPVisionConfig

from gencontrol.alpha_clip.architectures import square

State = Mapping[str, Tensor]

_BLOCK = {
    "ln_1": "layer_norm1",
    "ln_2": "layer_norm2",
    "mlp.c_fc": "mlp.fc1",
    "mlp.c_proj": "mlp.fc2",
    "attn.out_proj": "self_attn.out_proj",
}
_VISION = {
    "class_embedding": "vision_model.embeddings.class_embedding",
    "positional_embedding": "vision_model.embeddings.position_embedding.weight",
    "ln_pre.weight": "vision_model.pre_layrnorm.weight",
    "ln_pre.bias": "vision_model.pre_layrnorm.bias",
    "ln_post.weight": "vision_model.post_layernorm.weight",
    "ln_post.bias": "vision_model.post_layernorm.bias",
}
_TEXT = {
    "token_embedding.weight": "text_model.embeddings.token_embedding.weight",
    "positional_embedding": "text_model.embeddings.position_embedding.weight",
    "ln_final.weight": "text_model.final_layer_norm.weight",
    "ln_final.bias": "text_model.final_layer_norm.bias",
}


def widen_patch_weight(weight: Float[Tensor, "d 3 p p"]) -> Float[Tensor, "d 4 p p"]:
    """A patch convolution over colour as one over colour and alpha that ignores alpha."""
    return torch.cat([weight, torch.zeros_like(weight[:, :1])], dim=1)


def widen_patch_embedding(state: State) -> dict[str, Tensor]:
    """A plain CLIP's state dict (transformers' names) as a four-channel one that computes the same for any alpha."""
    key = "vision_model.embeddings.patch_embedding.weight"
    return {k: widen_patch_weight(v) if k == key else v for k, v in state.items()}


def join_attention_names(state: State) -> dict[str, Tensor]:
    """OpenAI's `attn.in_proj_weight` as the published Alpha-CLIP's `attn.in_proj.weight`; other keys unchanged."""
    return {k.replace("attn.in_proj_", "attn.in_proj."): v for k, v in state.items()}


def published_to_clip(state: State) -> dict[str, Tensor]:
    """A published Alpha-CLIP vision tower under the names of `CLIPVisionModelWithProjection`, four channels.

    Args:
        state: Exactly the keys of `published_shapes`.
    """
    rest = dict(state)
    patch = torch.cat([rest.pop("conv1.weight"), rest.pop("conv1_alpha.weight")], dim=1)
    converted = {
        "vision_model.embeddings.patch_embedding.weight": patch,
        # Published as a matrix to multiply from the right; a Linear keeps the transpose.
        "visual_projection.weight": rest.pop("proj").T.contiguous(),
    }
    for key, value in rest.items():
        converted |= {_VISION[key]: value} if key in _VISION else _block(key, value, "vision_model")
    return converted


def clip_to_published(state: State) -> dict[str, Tensor]:
    """A four-channel `CLIPVisionModelWithProjection` under the published names: `published_to_clip` the other way.

    Args:
        state: All that the tower saves.
    """
    rest = dict(state)
    patch = rest.pop("vision_model.embeddings.patch_embedding.weight")
    return {
        "conv1.weight": patch[:, :3].contiguous(),
        "conv1_alpha.weight": patch[:, 3:].contiguous(),
        "proj": rest.pop("visual_projection.weight").T.contiguous(),
        **_renamed_back(rest, _VISION, "vision_model"),
    }


def clip_to_open_clip(state: State) -> dict[str, Tensor]:
    """The same tower under OpenCLIP's names, its patch convolution in one piece of four channels."""
    patch = state["vision_model.embeddings.patch_embedding.weight"]
    published = clip_to_published(state)
    del published["conv1_alpha.weight"]
    return part_attention_names(published | {"conv1.weight": patch})


def clip_text_to_open_clip(state: State) -> dict[str, Tensor]:
    """A `CLIPTextModelWithProjection` under OpenCLIP's names: `open_clip_text_to_clip` the other way.

    Args:
        state: All that the tower saves.
    """
    rest = dict(state)
    projection = rest.pop("text_projection.weight").T.contiguous()
    return part_attention_names({"text_projection": projection, **_renamed_back(rest, _TEXT, "text_model")})


def part_attention_names(state: State) -> dict[str, Tensor]:
    """The published `attn.in_proj.weight` as OpenAI's and OpenCLIP's `attn.in_proj_weight`; other keys unchanged."""
    return {k.replace("attn.in_proj.", "attn.in_proj_"): v for k, v in state.items()}


def plain_to_published(state: State) -> dict[str, Tensor]:
    """OpenAI's or OpenCLIP's vision tower as a published Alpha-CLIP one, whose alpha convolution is zero.

    A patch convolution that has a fourth channel keeps it.
    """
    patch = state["conv1.weight"]
    alpha = patch[:, 3:] if patch.shape[1] == 4 else torch.zeros_like(patch[:, :1])
    parts = {"conv1.weight": patch[:, :3].contiguous(), "conv1_alpha.weight": alpha.contiguous()}
    return {**join_attention_names(state), **parts}


def open_clip_text_to_clip(state: State) -> dict[str, Tensor]:
    """OpenAI's or OpenCLIP's text tower under the names of `CLIPTextModelWithProjection`.

    Args:
        state: Exactly the keys of `text_shapes`.
    """
    rest = join_attention_names(state)
    converted = {"text_projection.weight": rest.pop("text_projection").T.contiguous()}
    for key, value in rest.items():
        converted |= {_TEXT[key]: value} if key in _TEXT else _block(key, value, "text_model")
    return converted


def _block(key: str, value: Tensor, tower: str) -> dict[str, Tensor]:
    _, _, number, *parts = key.split(".")
    module, leaf = ".".join(parts[:-1]), parts[-1]
    layer = f"{tower}.encoder.layers.{number}"
    if module == "attn.in_proj":
        names = [f"{layer}.self_attn.{n}_proj.{leaf}" for n in "qkv"]
        return dict(zip(names, (v.contiguous() for v in value.chunk(3)), strict=True))
    return {f"{layer}.{_BLOCK[module]}.{leaf}": value}


def _renamed_back(state: State, names: Mapping[str, str], tower: str) -> dict[str, Tensor]:
    """A tower's other weights under the names that they came from; queries, keys and values become one again."""
    back = {clip: published for published, clip in names.items()}
    blocks = {clip: published for published, clip in _BLOCK.items()}
    renamed: dict[str, Tensor] = {}
    for key, value in state.items():
        if key in back:
            renamed[back[key]] = value
            continue
        number, module, leaf = _parts(key, tower)
        block = f"transformer.resblocks.{number}"
        if module in blocks:
            renamed[f"{block}.{blocks[module]}.{leaf}"] = value
        elif module == "self_attn.q_proj":
            layer = f"{tower}.encoder.layers.{number}.self_attn"
            renamed[f"{block}.attn.in_proj.{leaf}"] = torch.cat([state[f"{layer}.{n}_proj.{leaf}"] for n in "qkv"])
    return renamed


def _parts(key: str, tower: str) -> tuple[str, str, str]:
    """Number of the layer, module within it, and `weight` or `bias`."""
    number, _, rest = key.removeprefix(f"{tower}.encoder.layers.").partition(".")
    module, _, leaf = rest.rpartition(".")
    return number, module, leaf


def published_shapes(config: CLIPVisionConfig) -> dict[str, tuple[int, ...]]:
    """Every key and shape of the published vision tower of that configuration."""
    d, (size, p) = config.hidden_size, square(config)
    return {
        "conv1.weight": (d, 3, p, p),
        "conv1_alpha.weight": (d, 1, p, p),
        "class_embedding": (d,),
        "positional_embedding": ((size // p) ** 2 + 1, d),
        "proj": (d, config.projection_dim),
        **_norm("ln_pre", d),
        **_norm("ln_post", d),
        **_blocks(d, config.intermediate_size, config.num_hidden_layers),
    }


def text_shapes(config: CLIPTextConfig) -> dict[str, tuple[int, ...]]:
    """Every key and shape of OpenAI's text tower of that configuration, `attn.in_proj` spelled as the published one."""
    d = config.hidden_size
    assert config.projection_dim is not None
    return {
        "token_embedding.weight": (config.vocab_size, d),
        "positional_embedding": (config.max_position_embeddings, d),
        "text_projection": (d, config.projection_dim),
        **_norm("ln_final", d),
        **_blocks(d, config.intermediate_size, config.num_hidden_layers),
    }


def _norm(name: str, width: int) -> dict[str, tuple[int, ...]]:
    return {f"{name}.weight": (width,), f"{name}.bias": (width,)}


def _linear(name: str, inputs: int, outputs: int) -> dict[str, tuple[int, ...]]:
    return {f"{name}.weight": (outputs, inputs), f"{name}.bias": (outputs,)}


def _blocks(width: int, mlp: int, layers: int) -> dict[str, tuple[int, ...]]:
    shapes: dict[str, tuple[int, ...]] = {}
    for block in (f"transformer.resblocks.{i}" for i in range(layers)):
        shapes |= _norm(f"{block}.ln_1", width) | _norm(f"{block}.ln_2", width)
        shapes |= _linear(f"{block}.attn.in_proj", width, 3 * width) | _linear(f"{block}.attn.out_proj", width, width)
        shapes |= _linear(f"{block}.mlp.c_fc", width, mlp) | _linear(f"{block}.mlp.c_proj", mlp, width)
    return shapes
