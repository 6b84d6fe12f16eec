"""GLIP: a detector whose classes are the words of a caption (Li et al., arXiv 2112.03857).

Built from stock parts: transformers' Swin and BERT, torchvision's deformable convolution. It agrees with what the
authors' code answers (https://github.com/microsoft/GLIP, commit 9dda955) to 1e-6 in float64. For inference: what the
authors add in training alone (dropped blocks and attention, the losses) is not here.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, cast

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.nn import functional
from transformers import BertConfig, BertModel
from transformers.models.bert.modeling_bert import BertLayer

from gencontrol.proposals.glip.config import STRIDES, GlipConfig
from gencontrol.proposals.glip.dynamic import DynamicConvolution
from gencontrol.proposals.glip.fusion import BOUND, Fusion
from gencontrol.proposals.glip.pyramid import Pyramid, swin_tower

_RARE = 0.01
"""How likely a token fits a place before training, which sets the bias of the logits."""


@dataclass(frozen=True, kw_only=True)
class GlipOutput:
    """What the head says of each place of each level, the finest level first; places in rows."""

    logits: tuple[Float[Tensor, "b _ n"], ...]
    """How well each token of the caption fits; before the sigmoid."""
    deltas: tuple[Float[Tensor, "b _ 4"], ...]
    """Where the box lies beside the place's anchor; see `gencontrol.proposals.glip.boxes`."""
    centerness: tuple[Float[Tensor, "b _"], ...]
    """How central the place is in its box; before the sigmoid."""
    sizes: tuple[tuple[int, int], ...]
    """(height, width) of each level, in places."""


class HeadBlock(nn.Module):
    """One block: text and picture look at each other, the text at itself, the levels at their neighbours."""

    def __init__(self, config: GlipConfig, text: BertConfig):
        super().__init__()
        self.fusion = Fusion(config) if config.early_fusion else None
        self.text = BertLayer(text) if config.early_fusion else None
        self.dynamic = DynamicConvolution(config)

    def forward(self, levels: Sequence[Tensor], tokens: Float[Tensor, "b n d"], mask: Int[Tensor, "b n"]):
        """Levels and tokens, looked at."""
        if self.fusion is not None and self.text is not None:
            shapes = [level.shape for level in levels]
            places, tokens = self.fusion(torch.cat([_rows(level) for level in levels], dim=1), tokens, mask)
            split = places.mT.split([shape[2] * shape[3] for shape in shapes], dim=2)
            levels = [part.unflatten(2, shape[2:]) for part, shape in zip(split, shapes, strict=True)]
            tokens = self.text(tokens, _additive(mask, tokens.dtype))
        return self.dynamic(levels), tokens


class GlipHead(nn.Module):
    """From levels and tokens to logits and boxes."""

    def __init__(self, config: GlipConfig, text: BertConfig):
        super().__init__()
        c, d = config.channels, config.text_width
        self.blocks = nn.ModuleList(HeadBlock(config, text) for _ in range(config.blocks))
        self.bbox_pred = nn.Conv2d(c, 4, 1)
        self.centerness = nn.Conv2d(c, 1, 1)
        self.dot_product_projection_text = nn.Linear(d, c)
        self.log_scale = nn.Parameter(torch.zeros(1))
        self.bias_lang = nn.Parameter(torch.zeros(d))
        self.bias0 = nn.Parameter(torch.full((1,), _RARE / (1 - _RARE)).log())
        self.scales = nn.Parameter(torch.ones(len(STRIDES)))

    def forward(self, levels: Sequence[Tensor], tokens: Float[Tensor, "b n d"], mask: Int[Tensor, "b n"]) -> GlipOutput:
        """See `GlipOutput`."""
        for block in self.blocks:
            levels, tokens = block(levels, tokens, mask)
        words = functional.normalize(tokens, dim=-1)
        project = self.dot_product_projection_text(words / 2) / self.log_scale.exp()
        bias = words @ self.bias_lang + self.bias0
        logits = [(_rows(level) @ project.mT + bias[:, None]).clamp(-BOUND, BOUND) for level in levels]
        deltas = [_rows(s * self.bbox_pred(level)) for s, level in zip(self.scales, levels, strict=True)]
        return GlipOutput(
            logits=tuple(logits),
            deltas=tuple(deltas),
            centerness=tuple(_rows(self.centerness(level))[..., 0] for level in levels),
            sizes=tuple((level.shape[2], level.shape[3]) for level in levels),
        )


class Glip(nn.Module):
    """Both towers, the pyramid and the head, with random weights; `gencontrol.proposals.glip.opening` loads some."""

    def __init__(self, config: GlipConfig):
        super().__init__()
        self.config = config
        self.swin = swin_tower(config)
        self.pyramid = Pyramid(config)
        self.text = BertModel(bert_config(config), add_pooling_layer=False)
        self.head = GlipHead(config, self.text.config)

    def forward(
        self, pixels: Float[Tensor, "b 3 h w"], ids: Int[Tensor, "b n"], mask: Int[Tensor, "b n"]
    ) -> GlipOutput:
        """Judge every place of a picture against every token of its caption.

        Args:
            pixels: Normalised, see `gencontrol.proposals.glip.pixels`; sides are multiples of 32.
            ids: The caption's tokens, with BERT's first and last one, padded.
            mask: 1 for a token, 0 for padding.
        """
        return self.judge(self.levels(pixels), ids, mask)

    def levels(self, pixels: Float[Tensor, "b 3 h w"]) -> list[Float[Tensor, "b c _ _"]]:
        """The pyramid of a picture, which its captions have in common."""
        return self.pyramid(self.swin(pixels).feature_maps)

    def judge(self, levels: Sequence[Tensor], ids: Int[Tensor, "b n"], mask: Int[Tensor, "b n"]) -> GlipOutput:
        """Every place of a pyramid against every token of its caption."""
        tokens = cast(Any, self.text)(input_ids=ids, attention_mask=mask).last_hidden_state
        if not self.config.early_fusion:
            tokens = tokens * mask[..., None]
        return self.head(levels, tokens, mask)


def bert_config(config: GlipConfig) -> BertConfig:
    """The text tower's, in transformers' words."""
    return BertConfig(
        vocab_size=config.words,
        hidden_size=config.text_width,
        num_hidden_layers=config.text_layers,
        num_attention_heads=config.text_heads,
        intermediate_size=config.text_mlp,
        max_position_embeddings=config.text_positions,
    )


def _rows(level: Float[Tensor, "b c h w"]) -> Float[Tensor, "b p c"]:
    """Places one after another, row by row."""
    return level.flatten(2).mT


def _additive(mask: Int[Tensor, "b n"], dtype: torch.dtype) -> Float[Tensor, "b 1 1 n"]:
    return (1 - mask[:, None, None].to(dtype)) * torch.finfo(dtype).min
