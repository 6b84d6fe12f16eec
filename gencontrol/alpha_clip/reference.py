"""The published forward pass written out plainly, as the oracle that the tower is tested and timed against.

It shares nothing with the tower: other names, two convolutions instead of one, one matrix for queries, keys and values,
attention as two matrix products. Restated from https://github.com/SunzeY/AlphaCLIP, commit 0ef04bd,
`alpha_clip/model.py` (Apache 2.0).
"""

from collections.abc import Iterator, Mapping

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional

State = Mapping[str, Tensor]


def published_forward(
    state: State, rgb: Float[Tensor, "n 3 s s"], alpha: Float[Tensor, "n 1 s s"], *, heads: int
) -> Float[Tensor, "n d"]:
    """Embed normalised images with normalised alpha maps.

    Args:
        state: A published vision tower's weights, by their published names.
        rgb: Normalised colour.
        alpha: Normalised alpha: (a - 0.5) / 0.26.
        heads: Attention heads; the width divided by 64 in the published towers.

    Returns:
        Projected embeddings, not normalised.
    """
    tokens = embed_tokens(state, rgb, alpha)
    for block in _blocks(state):
        tokens = tokens + attend(block, _norm(block, "ln_1", tokens), heads=heads)
        hidden = _linear(block, "mlp.c_fc", _norm(block, "ln_2", tokens))
        tokens = tokens + _linear(block, "mlp.c_proj", quick_gelu(hidden))
    return _norm(state, "ln_post", tokens[:, 0]) @ state["proj"]


def embed_tokens(
    state: State, rgb: Float[Tensor, "n 3 s s"], alpha: Float[Tensor, "n 1 s s"]
) -> Float[Tensor, "n p w"]:
    """The class token and the patches, with their positions, after the first norm."""
    patch = state["conv1.weight"].shape[-1]
    colour = functional.conv2d(rgb, state["conv1.weight"], stride=patch)
    marked = functional.conv2d(alpha, state["conv1_alpha.weight"], stride=patch)
    patches = (colour + marked).flatten(2).mT
    first = state["class_embedding"].expand(len(patches), 1, -1)
    return _norm(state, "ln_pre", torch.cat([first, patches], dim=1) + state["positional_embedding"])


def attend(block: State, tokens: Float[Tensor, "n p w"], *, heads: int) -> Float[Tensor, "n p w"]:
    """Multi-head self-attention of one block."""
    mixed = _linear(block, "attn.in_proj", tokens).unflatten(-1, (3, heads, -1))
    queries, keys, values = mixed.permute(2, 0, 3, 1, 4)
    weights = torch.softmax((queries * queries.shape[-1] ** -0.5) @ keys.mT, dim=-1)
    return _linear(block, "attn.out_proj", (weights @ values).transpose(1, 2).flatten(2))


def quick_gelu(values: Float[Tensor, "..."]) -> Float[Tensor, "..."]:
    """OpenAI's approximation of GELU: x sigmoid(1.702 x)."""
    return values * torch.sigmoid(1.702 * values)


def _blocks(state: State) -> Iterator[State]:
    count = len({k.split(".")[2] for k in state if k.startswith("transformer.resblocks.")})
    for prefix in (f"transformer.resblocks.{i}." for i in range(count)):
        yield {k.removeprefix(prefix): v for k, v in state.items() if k.startswith(prefix)}


def _norm(state: State, name: str, values: Tensor) -> Tensor:
    weight = state[f"{name}.weight"]
    return functional.layer_norm(values, weight.shape, weight, state[f"{name}.bias"])


def _linear(state: State, name: str, values: Tensor) -> Tensor:
    return functional.linear(values, state[f"{name}.weight"], state[f"{name}.bias"])
