"""Cores: how regions exchange what they know. All take the same and are of about the same size.

In: a vector for every region, and one for every ordered pair in every frame. Out: a state for every region. No core
knows regions by their place in the list, so that another order of the regions is another order of the states.
"""

from typing import Literal, Protocol

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn
from torch.nn import functional

CoreName = Literal["rim", "transformer", "gru", "mlp"]
STEPS = 3
"""So often a core that goes step by step looks at a single frame."""


class Core(Protocol):
    """From regions and pairs to states."""

    def __call__(
        self, nodes: Float[Tensor, "b k d"], pairs: Float[Tensor, "b t k k d"], both: Bool[Tensor, "b t k k"]
    ) -> Float[Tensor, "b k d"]:
        """States of the regions.

        Args:
            nodes: What is known of every region by itself.
            pairs: What is known of subject and object in every frame.
            both: Where both are regions that are there, and not the same.
        """
        ...


def _mean(values: Tensor, kept: Tensor, dim: int | tuple[int, ...]) -> Tensor:
    """Mean over what is kept, 0 where nothing is; `kept` has one axis less, the last."""
    weight = kept[..., None].to(values)
    return (values * weight).sum(dim) / weight.sum(dim).clamp(min=1)


def _frames(pairs: Tensor, both: Tensor) -> list[tuple[Tensor, Tensor]]:
    """Frame by frame; a single one several times."""
    found = list(zip(pairs.unbind(1), both.unbind(1), strict=True))
    return found * STEPS if len(found) == 1 else found


class MLPCore(nn.Module):
    """Every region by itself, and the mean of its pairs: nothing is exchanged twice."""

    def __init__(self, width: int, hidden: int):
        """Build the layers."""
        super().__init__()
        self.layers = nn.Sequential(
            nn.Linear(3 * width, hidden), nn.GELU(), nn.Linear(hidden, hidden), nn.GELU(), nn.Linear(hidden, width)
        )

    def forward(self, nodes: Tensor, pairs: Tensor, both: Tensor) -> Tensor:
        """See `Core`."""
        told, heard = _mean(pairs, both, (1, 3)), _mean(pairs.transpose(2, 3), both.transpose(2, 3), (1, 3))
        return self.layers(torch.cat([nodes, told, heard], dim=-1))


class GRUCore(nn.Module):
    """A gated recurrent unit for every region, fed the mean of its pairs frame by frame."""

    def __init__(self, width: int, hidden: int):
        """Build the cell."""
        super().__init__()
        self.message = nn.Sequential(nn.Linear(2 * width, hidden), nn.GELU())
        self.cell = nn.GRUCell(width + hidden, hidden)
        self.start, self.out = nn.Linear(width, hidden), nn.Linear(hidden, width)

    def forward(self, nodes: Tensor, pairs: Tensor, both: Tensor) -> Tensor:
        """See `Core`."""
        state = self.start(nodes)
        for frame, kept in _frames(pairs, both):
            turned = torch.cat([frame, frame.transpose(1, 2)], dim=-1)
            message = _mean(self.message(turned), kept, 2)
            taken = torch.cat([nodes, message], dim=-1).flatten(0, 1)
            state = self.cell(taken, state.flatten(0, 1)).view_as(state)
        return self.out(state)


class TransformerCore(nn.Module):
    """Regions attend to each other, frame by frame, with pairs as keys and values; and each to its own frames."""

    def __init__(self, width: int, hidden: int, layers: int = 2, heads: int = 4):
        """Build the layers."""
        super().__init__()
        self.heads, self.hidden = heads, hidden
        self.start, self.out = nn.Linear(width, hidden), nn.Linear(hidden, width)
        self.blocks = nn.ModuleList(_Block(width, hidden, heads) for _ in range(layers))

    def forward(self, nodes: Tensor, pairs: Tensor, both: Tensor) -> Tensor:
        """See `Core`."""
        frames = pairs.shape[1]
        time = _positions(frames, self.hidden).to(nodes)
        state = self.start(nodes)[:, None] + time[None, :, None]
        for block in self.blocks:
            state = block(state, pairs, both)
        return self.out(state.mean(dim=1))


class _Block(nn.Module):
    def __init__(self, width: int, hidden: int, heads: int):
        super().__init__()
        self.heads = heads
        self.query, self.near = nn.Linear(hidden, hidden), nn.Linear(hidden, hidden)
        self.key_value = nn.Linear(hidden + 2 * width, 2 * hidden)
        self.time = nn.Linear(hidden, 3 * hidden)
        self.norms = nn.ModuleList(nn.LayerNorm(hidden) for _ in range(3))
        self.wide = nn.Sequential(nn.Linear(hidden, 2 * hidden), nn.GELU(), nn.Linear(2 * hidden, hidden))

    def forward(self, state: Tensor, pairs: Tensor, both: Tensor) -> Tensor:
        """(b, t, k, hidden)."""
        b, t, k, d = state.shape
        normed = self.norms[0](state)
        others = torch.cat([normed[:, :, None].expand(b, t, k, k, d), pairs, pairs.transpose(2, 3)], dim=-1)
        key, value = self.key_value(others).view(b, t, k, k, 2, self.heads, -1).unbind(4)
        query = self.query(normed).view(b, t, k, self.heads, -1)
        scores = torch.einsum("btihd,btijhd->bthij", query, key) / key.shape[-1] ** 0.5
        shares = _softmax(scores, both[:, :, None])
        state = state + self.near(torch.einsum("bthij,btijhd->btihd", shares, value).flatten(3))
        own = self.time(self.norms[1](state)).view(b, t, k, 3, self.heads, -1).permute(3, 0, 2, 4, 1, 5)
        state = state + functional.scaled_dot_product_attention(*own).permute(0, 3, 1, 2, 4).flatten(3)
        return state + self.wide(self.norms[2](state))


def _softmax(scores: Tensor, kept: Tensor) -> Tensor:
    """Shares of what is kept, all 0 where nothing is."""
    shares = scores.masked_fill(~kept, torch.finfo(scores.dtype).min).softmax(dim=-1)
    return shares * kept


def _positions(frames: int, width: int) -> Tensor:
    """Where a frame lies in its clip, whatever the number of frames: cosines of the share of it that is over."""
    share = torch.linspace(0, 1, frames)[:, None]
    return torch.cos(torch.pi * share * torch.arange(width)[None]) * (frames > 1)
