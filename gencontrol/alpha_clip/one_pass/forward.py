"""The pass itself. One sequence holds a token for each region, the class token, and the patches.

All regions' maps together are the tower's fourth channel. A region's token attends to itself and to patches, each times
the share of it that is the region's (as `focus.attention` has it for one region); a patch attends to a patch of another
region hardly at all, as if that were outside of its own map. No token reads a region's, so a region's answer depends on
others only through the patches. Of weights that change nothing, this is an approximation that needs no training.
"""

from dataclasses import dataclass
from typing import cast

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional
from transformers import CLIPVisionModelWithProjection

from gencontrol.alpha_clip.architectures import square
from gencontrol.alpha_clip.one_pass.change import BlockChange, LinearChange, NormChange, OnePass
from gencontrol.alpha_clip.patch_product import patch_product_in


@dataclass(frozen=True, kw_only=True)
class Reading:
    """What the regions' maps say of the patches."""

    features: Float[Tensor, "b k p f"]
    """What is read of each region's map in each patch."""
    own: Float[Tensor, "b k p"]
    """Logarithm of the share of each patch that is the region's."""
    apart: Float[Tensor, "b p p"]
    """Logarithm of how far two patches belong together: 0 unless they are different regions'."""


def united(alphas: Float[Tensor, "b k h w"]) -> Float[Tensor, "b h w"]:
    """All regions' maps as one: where edges of neighbours meet, their shares add up."""
    return alphas.sum(1).clamp(max=1)


def read_maps(one_pass: OnePass, alphas: Float[Tensor, "b k s s"], patch: int) -> Reading:
    """Look at maps patch by patch.

    Args:
        one_pass: The weights.
        alphas: As the tower sees them, [0, 1]; a map that is 0 everywhere is none.
        patch: Side of a patch in pixels.
    """
    count = alphas.shape[1]
    read = one_pass.reader(alphas.flatten(0, 1)[:, None]).flatten(2).transpose(1, 2).unflatten(0, (-1, count))
    shares = functional.avg_pool2d(alphas, patch).flatten(2)
    floor = one_pass.config.floor
    return Reading(features=read, own=shares.clamp(min=floor).log(), apart=togetherness(shares).clamp(floor, 1).log())


def togetherness(shares: Float[Tensor, "b k p"]) -> Float[Tensor, "b p p"]:
    """How far two patches lie in one region, or one of them in none; [0, 1], symmetric, 1 for a patch and itself.

    Args:
        shares: Of each patch that is a region's, [0, 1].
    """
    together = torch.einsum("bkp,bkq->bpq", shares, shares).clamp(max=1)
    inside = shares.amax(1)
    found = 1 - (1 - together) * inside[:, :, None] * inside[:, None]
    return found.masked_fill(torch.eye(found.shape[1], dtype=torch.bool, device=found.device), 1.0)


def encode_together(
    vision: CLIPVisionModelWithProjection,
    one_pass: OnePass,
    pixels: Float[Tensor, "b 4 s s"],
    alphas: Float[Tensor, "b k s s"],
) -> Float[Tensor, "b k d"]:
    """Embed several regions of each picture in one pass.

    Args:
        vision: The tower; it is not changed.
        one_pass: The weights beside it.
        pixels: Normalised, with the union of the maps as fourth channel (see `united`).
        alphas: The maps as they lie over the tower's view, not normalised; those that are 0 everywhere fill rows up.

    Returns:
        Projected embeddings, not normalised.
    """
    model, dtype = vision.vision_model, vision.dtype
    maps = read_maps(one_pass, alphas.to(one_pass.reader.weight.dtype), square(vision.config)[1])
    with patch_product_in(model.embeddings.patch_embedding):
        seen = model.embeddings(pixels.to(dtype))
    count = alphas.shape[1]
    start = (seen[:, :1] + one_pass.start.to(dtype)).expand(-1, count, -1)
    tokens = _norm(model.pre_layrnorm, one_pass.pre_layrnorm, torch.cat([start, seen], dim=1))
    inside = maps.own.exp()
    mean = (inside / inside.sum(-1, keepdim=True)).to(dtype) @ tokens[:, count + 1 :]
    tokens = torch.cat([tokens[:, :count] + _told(one_pass.pooled, mean), tokens[:, count:]], dim=1)
    for block, change in zip(model.encoder.layers, one_pass.layers, strict=True):
        tokens = _block(block, cast(BlockChange, change), tokens, maps)
    regions = _norm(model.post_layernorm, one_pass.post_layernorm, tokens[:, :count])
    return _linear(vision.visual_projection, one_pass.visual_projection, regions)


def _block(block: nn.Module, change: BlockChange, tokens: Tensor, maps: Reading) -> Tensor:
    attention, mlp = block.get_submodule("self_attn"), block.get_submodule("mlp")
    normed = _norm(block.get_submodule("layer_norm1"), change.layer_norm1, tokens)
    tokens = tokens + _attended(attention, change, normed, maps)
    normed = _norm(block.get_submodule("layer_norm2"), change.layer_norm2, tokens)
    inner = mlp.get_submodule("activation_fn")(_shifted(mlp.get_submodule("fc1"), change.fc1, normed))
    return tokens + _shifted(mlp.get_submodule("fc2"), change.fc2, inner)


def _attended(attention: nn.Module, change: BlockChange, normed: Tensor, maps: Reading) -> Tensor:
    count, heads = maps.own.shape[1], len(change.own)
    queries, keys, values = (
        _linear(attention.get_submodule(name), change.get_submodule(name), normed)
        .unflatten(-1, (heads, -1))
        .transpose(1, 2)
        for name in ("q_proj", "k_proj", "v_proj")
    )
    bias = change.apart[:, None, None] * maps.apart[:, None]
    others = functional.scaled_dot_product_attention(
        queries[:, :, count:],
        keys[:, :, count:],
        values[:, :, count:],
        # The class token comes first: it looks at all, and all at it.
        attn_mask=functional.pad(bias, (1, 0, 1, 0)).to(queries.dtype),
    )
    regions = _regions_attended(change, (queries[:, :, :count], keys, values), maps)
    found = torch.cat([regions, others], dim=2).transpose(1, 2).flatten(2)
    return _linear(attention.get_submodule("out_proj"), change.out_proj, found)


def _regions_attended(change: BlockChange, projected: tuple[Tensor, Tensor, Tensor], maps: Reading) -> Tensor:
    """What each region's token reads, (b, heads, k, c): of itself, and of the patches."""
    queries, keys, values = projected
    heads, count = queries.shape[1:3]
    queries = queries * queries.shape[-1] ** -0.5
    features = maps.features.to(queries.dtype)
    told_keys, told_values = (
        t.to(queries.dtype).unflatten(-1, (heads, -1)).transpose(0, 1) for t in (change.keys, change.values)
    )
    told = torch.einsum("bkpf,bhkf->bhkp", features, queries @ told_keys.transpose(-1, -2))
    near = change.own[:, None, None] * maps.own[:, None]
    patches = (queries @ keys[:, :, count + 1 :].transpose(-1, -2)).float() + told.float() + near.float()
    itself = (queries * keys[:, :, :count]).sum(-1, keepdim=True).float()
    weights = torch.cat([itself, patches], dim=-1).softmax(dim=-1).to(values.dtype)
    of_maps = torch.einsum("bhkp,bkpf->bhkf", weights[..., 1:], features) @ told_values
    return weights[..., :1] * values[:, :, :count] + weights[..., 1:] @ values[:, :, count + 1 :] + of_maps


def _linear(layer: nn.Module, change: nn.Module, inputs: Tensor) -> Tensor:
    assert isinstance(layer, nn.Linear) and isinstance(change, LinearChange)
    bias = layer.bias if change.bias is None else layer.bias + change.bias.to(layer.bias.dtype)
    found = functional.linear(inputs, layer.weight, bias).flatten(0, 1)
    low = functional.linear(inputs, change.down.to(inputs.dtype)).flatten(0, 1)
    # One pass over the large result less than a sum.
    return torch.addmm(found, low, change.up.to(low.dtype).T).unflatten(0, inputs.shape[:2])


def _shifted(layer: nn.Module, shift: Tensor, inputs: Tensor) -> Tensor:
    assert isinstance(layer, nn.Linear)
    return functional.linear(inputs, layer.weight, layer.bias + shift.to(layer.bias.dtype))


def _told(change: LinearChange, inputs: Tensor) -> Tensor:
    assert change.bias is not None
    low = functional.linear(inputs, change.down.to(inputs.dtype))
    return functional.linear(low, change.up.to(inputs.dtype), change.bias.to(inputs.dtype))


def _norm(layer: nn.Module, change: NormChange, inputs: Tensor) -> Tensor:
    assert isinstance(layer, nn.LayerNorm)
    weight, bias = layer.weight + change.weight, layer.bias + change.bias
    return functional.layer_norm(
        inputs, layer.normalized_shape, weight.to(inputs.dtype), bias.to(inputs.dtype), layer.eps
    )
