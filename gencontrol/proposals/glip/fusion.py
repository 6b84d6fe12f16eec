"""Early fusion: picture and text look at each other (Li et al., arXiv 2112.03857, section 3.2)."""

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from gencontrol.proposals.glip.config import GlipConfig

BOUND = 50_000.0
"""Logits beyond are cut, here and in the head: half precision ends at 65504."""


class Fusion(nn.Module):
    """Attention both ways over one table of similarities. What it adds is added to the *normalised* values."""

    def __init__(self, config: GlipConfig):
        super().__init__()
        picture, text, width = config.channels, config.text_width, config.fusion_width
        self.heads = config.fusion_heads
        self.layer_norm_v = nn.LayerNorm(picture)
        self.layer_norm_l = nn.LayerNorm(text)
        self.v_proj = nn.Linear(picture, width)
        self.l_proj = nn.Linear(text, width)
        self.values_v_proj = nn.Linear(picture, width)
        self.values_l_proj = nn.Linear(text, width)
        self.out_v_proj = nn.Linear(width, picture)
        self.out_l_proj = nn.Linear(width, text)
        self.gamma_v = nn.Parameter(torch.full((picture,), 1 / config.blocks))
        self.gamma_l = nn.Parameter(torch.full((text,), 1 / config.blocks))

    def forward(
        self, places: Float[Tensor, "b p c"], tokens: Float[Tensor, "b n d"], mask: Int[Tensor, "b n"]
    ) -> tuple[Float[Tensor, "b p c"], Float[Tensor, "b n d"]]:
        """Places and tokens, each with what it took from the other.

        Args:
            places: Of all levels, one after another; padding of the picture takes part.
            tokens: Of the caption.
            mask: 1 for a token, 0 for padding.
        """
        v, t = self.layer_norm_v(places), self.layer_norm_l(tokens)
        queries, keys = self._split(self.v_proj(v)), self._split(self.l_proj(t))
        similar = (queries * queries.shape[-1] ** -0.5 @ keys.mT).clamp(-BOUND, BOUND)
        to_places = similar.masked_fill(mask[:, None, None] == 0, -torch.inf).softmax(dim=-1)
        from_text = self._join(to_places @ self._split(self.values_l_proj(t)))
        to_tokens = (similar.mT - similar.mT.amax(dim=-1, keepdim=True)).clamp(min=-BOUND).softmax(dim=-1)
        from_picture = self._join(to_tokens @ self._split(self.values_v_proj(v)))
        return v + self.gamma_v * self.out_v_proj(from_text), t + self.gamma_l * self.out_l_proj(from_picture)

    def _split(self, values: Float[Tensor, "b n e"]) -> Float[Tensor, "b k n _"]:
        return values.unflatten(-1, (self.heads, -1)).transpose(1, 2)

    def _join(self, values: Float[Tensor, "b k n _"]) -> Float[Tensor, "b n e"]:
        return values.transpose(1, 2).flatten(2)
