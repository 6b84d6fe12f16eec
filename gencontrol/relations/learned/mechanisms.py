"""Recurrent independent mechanisms over regions (Goyal et al., arXiv 1909.10893).

Every region has a set of mechanisms, whose weights all regions share, so that the order of regions and their number are
free. A step: each mechanism's state asks, by attention, among nothing (a null input of zeros) and the region's pairs;
those that look most at nothing rest; the others each go on by a recurrent cell of their own; then they read from all
mechanisms of the region and from their like in other regions, the `READ` best of each only, and active ones alone are
written. No gradient flows into a mechanism that rests.
"""

import torch
from jaxtyping import Float
from torch import Tensor, nn

from gencontrol.relations.learned.cores import STEPS

MECHANISMS, ACTIVE = 4, 2
"""Mechanisms of a region, and how many of them go on in a step."""
READ = 3
"""Other states that a mechanism reads in a step."""
_KEY = 16


class GroupLinear(nn.Module):
    """A linear map for each of several mechanisms."""

    def __init__(self, groups: int, inputs: int, outputs: int):
        """Draw weights as `nn.Linear` does."""
        super().__init__()
        bound = inputs**-0.5
        self.weight = nn.Parameter(torch.empty(groups, inputs, outputs).uniform_(-bound, bound))
        self.bias = nn.Parameter(torch.empty(groups, outputs).uniform_(-bound, bound))

    def forward(self, values: Float[Tensor, "*b m i"]) -> Float[Tensor, "*b m o"]:
        """Each mechanism's own map of its own values."""
        return torch.einsum("...mi,mio->...mo", values, self.weight) + self.bias


class GroupGRUCell(nn.Module):
    """A gated recurrent unit (Cho et al., arXiv 1406.1078) for each of several mechanisms, as `nn.GRUCell` has it."""

    def __init__(self, groups: int, inputs: int, hidden: int):
        """Build both maps."""
        super().__init__()
        self.taken, self.kept = GroupLinear(groups, inputs, 3 * hidden), GroupLinear(groups, hidden, 3 * hidden)

    def forward(self, taken: Float[Tensor, "*b m i"], state: Float[Tensor, "*b m h"]) -> Float[Tensor, "*b m h"]:
        """The next state."""
        reset, update, new = self.taken(taken).chunk(3, dim=-1)
        old_reset, old_update, old_new = self.kept(state).chunk(3, dim=-1)
        gate = torch.sigmoid(update + old_update)
        fresh = torch.tanh(new + torch.sigmoid(reset + old_reset) * old_new)
        return (1 - gate) * fresh + gate * state


class RIMCore(nn.Module):
    """See the module."""

    def __init__(self, width: int, hidden: int):
        """Build the mechanisms, each of `hidden` over `MECHANISMS` units."""
        super().__init__()
        block = hidden // MECHANISMS
        self.block = block
        self.start, self.out = nn.Linear(width, hidden), nn.Linear(hidden, width)
        self.ask, self.key = GroupLinear(MECHANISMS, block, _KEY), nn.Linear(2 * width, _KEY)
        self.value = nn.Linear(2 * width, block)
        self.cell = GroupGRUCell(MECHANISMS, block + width, block)
        self.read = GroupLinear(MECHANISMS, block, _KEY)
        self.shown, self.told = GroupLinear(MECHANISMS, block, _KEY), GroupLinear(MECHANISMS, block, block)
        self.gate = GroupLinear(MECHANISMS, 2 * block, block)

    def forward(self, nodes: Tensor, pairs: Tensor, both: Tensor) -> Tensor:
        """See `cores.Core`."""
        state = self.start(nodes).unflatten(-1, (MECHANISMS, self.block))
        used = both.any(dim=(1, 3))
        frames = list(zip(pairs.unbind(1), both.unbind(1), strict=True))
        for frame, kept in frames * STEPS if len(frames) == 1 else frames:
            state = self.step(state, nodes, torch.cat([frame, frame.transpose(1, 2)], dim=-1), kept, used)
        return self.out(state.flatten(2))

    def step(self, state: Tensor, nodes: Tensor, pairs: Tensor, kept: Tensor, used: Tensor) -> Tensor:
        """One step of all mechanisms.

        Args:
            state: (b, k, m, block).
            nodes: (b, k, d).
            pairs: (b, k, k, 2 d), both ways.
            kept: (b, k, k), which pairs there are.
            used: (b, k), which regions there are.
        """
        taken, null = self.look(state, pairs, kept)
        active = active_mechanisms(null)[..., None].to(state)
        own = nodes[:, :, None].expand(-1, -1, MECHANISMS, -1)
        fresh = self.cell(torch.cat([taken, own], dim=-1), state)
        # Without a gradient into those that rest.
        fresh = active * fresh + (1 - active) * fresh.detach()
        heard = self.hear(fresh, used)
        fresh = fresh + torch.sigmoid(self.gate(torch.cat([fresh, heard], dim=-1))) * heard
        return active * fresh + (1 - active) * state

    def look(self, state: Tensor, pairs: Tensor, kept: Tensor) -> tuple[Tensor, Tensor]:
        """What every mechanism takes of its region's pairs, and the share that it gives to nothing."""
        scores = torch.einsum("bimc,bijc->bimj", self.ask(state), self.key(pairs)) / _KEY**0.5
        scores = scores.masked_fill(~kept[:, :, None], torch.finfo(scores.dtype).min)
        # The null input is zeros: its score is 0, and so is what it gives.
        shares = torch.cat([torch.zeros_like(scores[..., :1]), scores], dim=-1).softmax(dim=-1)
        return torch.einsum("bimj,bijc->bimc", shares[..., 1:], self.value(pairs)), shares[..., 0]

    def hear(self, state: Tensor, used: Tensor) -> Tensor:
        """What every mechanism reads of the others of its region, and of its like in the other regions."""
        query, key, value = self.read(state), self.shown(state), self.told(state)
        within = torch.einsum("bimc,binc->bimn", query, key) / _KEY**0.5
        across = torch.einsum("bimc,bjmc->bimj", query, key) / _KEY**0.5
        k = state.shape[1]
        apart = used[:, None, None] & ~torch.eye(k, dtype=torch.bool, device=state.device)[None, :, None]
        across = across.masked_fill(~apart, torch.finfo(across.dtype).min)
        shares = best_of(torch.cat([within, across], dim=-1), READ)
        own, others = shares.split([MECHANISMS, k], dim=-1)
        return torch.einsum("bimn,binc->bimc", own, value) + torch.einsum("bimj,bjmc->bimc", others, value)


def active_mechanisms(null: Float[Tensor, "*b m"]) -> Tensor:
    """Which mechanisms go on: the `ACTIVE` that look least at nothing."""
    chosen = null.topk(ACTIVE, dim=-1, largest=False).indices
    return torch.zeros_like(null, dtype=torch.bool).scatter(-1, chosen, True)


def best_of(scores: Float[Tensor, "*b n"], count: int) -> Float[Tensor, "*b n"]:
    """A softmax over the largest few, 0 for the rest."""
    if scores.shape[-1] <= count:
        return scores.softmax(dim=-1)
    bound = scores.topk(count, dim=-1).values[..., -1:]
    return scores.masked_fill(scores < bound, -torch.inf).softmax(dim=-1)
