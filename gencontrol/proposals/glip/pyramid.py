"""The picture tower: a Swin transformer and a feature pyramid on it."""

from collections.abc import Sequence
from typing import Any

from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional
from transformers import SwinBackbone, SwinConfig

from gencontrol.proposals.glip.config import GlipConfig

_STAGES = (2, 3, 4)
"""Of the Swin tower; the first stage's features are not used."""


def swin_tower(config: GlipConfig) -> SwinBackbone:
    """The stock tower, with random weights; it gives the features of its last three stages."""
    settings: dict[str, Any] = {
        "embed_dim": config.swin_width,
        "depths": list(config.swin_depths),
        "num_heads": list(config.swin_heads),
        "window_size": config.swin_window,
        "out_features": [f"stage{n}" for n in _STAGES],
    }
    tower = SwinBackbone(SwinConfig(**settings))
    # It has no part in the features, and no counterpart in the published files.
    tower.swin.layernorm = nn.Identity()  # pyright: ignore[reportAttributeAccessIssue]
    return tower


class Pyramid(nn.Module):
    """Five levels of the same width from three stages (Lin et al., arXiv 1612.03144)."""

    def __init__(self, config: GlipConfig):
        super().__init__()
        c = config.channels
        self.inner = nn.ModuleList(nn.Conv2d(config.swin_width * 2 ** (n - 1), c, 1) for n in _STAGES)
        self.layer = nn.ModuleList(nn.Conv2d(c, c, 3, padding=1) for _ in _STAGES)
        self.p6 = nn.Conv2d(c, c, 3, stride=2, padding=1)
        self.p7 = nn.Conv2d(c, c, 3, stride=2, padding=1)

    def forward(self, stages: Sequence[Float[Tensor, "b _ _ _"]]) -> list[Float[Tensor, "b c _ _"]]:
        """P3 to P7, the finest first."""
        top = self.inner[-1](stages[-1])
        levels = [self.layer[-1](top)]
        for stage, inner, layer in list(zip(stages, self.inner, self.layer, strict=True))[-2::-1]:
            side = inner(stage)
            top = side + functional.interpolate(top, size=side.shape[-2:], mode="nearest")
            levels.insert(0, layer(top))
        levels.append(self.p6(levels[-1]))
        return [*levels, self.p7(functional.relu(levels[-1]))]
