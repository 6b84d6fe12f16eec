"""Stage 2 from a SigLIP: the same pairs and recipe, SigLIP's own loss, no class token and no projection."""

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional

from gencontrol.alpha_clip.alpha_slice import VisionTower
from gencontrol.alpha_clip.siglip import AlphaSigLIP
from gencontrol.training.stages.alpha_clip import AlphaClipTask
from gencontrol.training.stages.contrastive import sigmoid_losses


class AlphaSiglipTask(AlphaClipTask):
    """Stage 2 as the loop sees it, for an `AlphaSigLIP`; label smoothing, which is the softmax's, does nothing here."""

    encoder: AlphaSigLIP

    def _earlier(self, start: str) -> VisionTower:
        return AlphaSigLIP.from_pretrained(start).vision

    def _embeds(self, output: Any) -> Float[Tensor, "b d"]:
        return output.pooler_output

    def _contrast(self, image: Tensor, text: Tensor, truth: Tensor, scale: Tensor) -> tuple[Tensor, Tensor]:
        bias = self.encoder.logit_bias
        assert bias is not None
        return sigmoid_losses(image, text, truth, scale=scale, bias=bias.to(image.device))

    @torch.no_grad()
    def _embed(self, texts: list[str]) -> Float[Tensor, "t d"]:
        return functional.normalize(self.encoder.encode_text(texts).float(), dim=-1)

    def _tokens(self, texts: Sequence[str]) -> Mapping[str, Tensor]:
        return {"input_ids": self.encoder.tokens(texts)}
