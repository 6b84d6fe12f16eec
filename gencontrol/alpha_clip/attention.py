"""What a layer attends to, computed beside the tower: stock attention kernels do not return their weights."""

import torch
from jaxtyping import Float
from torch import Tensor, nn


def attention_weights(
    layer: nn.Module, hidden: Float[Tensor, "n p d"], bias: Tensor | None = None
) -> Float[Tensor, "n heads p p"]:
    """The attention weights of one stock `CLIPEncoderLayer`.

    Args:
        layer: The layer.
        hidden: What goes into it.
        bias: Added to the logits; broadcastable to the result.

    Returns:
        Weights that sum to one over the last axis, in float32.
    """
    attention = layer.get_submodule("self_attn")
    normed = layer.get_submodule("layer_norm1")(hidden)
    queries, keys = (heads(attention, name, normed) for name in ("q_proj", "k_proj"))
    logits = (queries @ keys.transpose(-1, -2)).float() * queries.shape[-1] ** -0.5
    return torch.softmax(logits if bias is None else logits + bias.float(), dim=-1)


def heads(attention: nn.Module, name: str, hidden: Float[Tensor, "n p d"]) -> Float[Tensor, "n heads p c"]:
    """Queries, keys or values of each head.

    Args:
        attention: A stock `CLIPAttention`.
        name: Of the projection, such as `v_proj`.
        hidden: Normalised tokens.
    """
    count = attention.num_heads
    assert isinstance(count, int)
    return attention.get_submodule(name)(hidden).unflatten(-1, (count, -1)).transpose(1, 2)
