"""What distinguishes the published GLIP models, as data (https://github.com/microsoft/GLIP, commit 9dda955, MIT)."""

from dataclasses import dataclass

from gencontrol.errors import ConfigError

STRIDES = (8, 16, 32, 64, 128)
"""Pixels between places of the five levels, P3 to P7."""


@dataclass(frozen=True, kw_only=True)
class GlipConfig:
    """Sizes of a GLIP; unless said otherwise, of the published GLIP-T."""

    swin_width: int = 96
    """Channels of the picture tower's first stage; each later one has twice as many."""
    swin_depths: tuple[int, ...] = (2, 2, 6, 2)
    """Blocks of its four stages."""
    swin_heads: tuple[int, ...] = (3, 6, 12, 24)
    """Attention heads of its four stages."""
    swin_window: int = 7
    """Side of an attention window, in places."""
    words: int = 30522
    """Entries of the vocabulary."""
    text_width: int = 768
    """Channels of the text tower."""
    text_layers: int = 12
    """Layers of the text tower."""
    text_heads: int = 12
    """Attention heads of the text tower, and of the text layers between the fusions."""
    text_mlp: int = 3072
    """Channels inside a text layer."""
    text_positions: int = 512
    """Tokens for which there are positions."""
    most_tokens: int = 256
    """Tokens of a caption, the first and the last included, with which it was trained."""
    channels: int = 256
    """Channels of the pyramid and the head."""
    blocks: int = 6
    """Blocks of the head."""
    early_fusion: bool = True
    """Whether text and picture look at each other in each block."""
    fusion_width: int = 2048
    """Channels of that attention."""
    fusion_heads: int = 8
    """Heads of that attention."""
    shorter_side: int = 800
    """Pixels to which a picture's shorter side is scaled."""
    longer_side: int = 1333
    """Pixels that its longer side may have then; a longer picture is scaled down to it."""

    def __post_init__(self) -> None:
        if len(self.swin_depths) != 4 or len(self.swin_heads) != 4:
            raise ConfigError(
                "swin_depths and swin_heads: expected four stages each, "
                f"got {len(self.swin_depths)} and {len(self.swin_heads)}."
            )
        if self.channels % 16:
            raise ConfigError(f"channels: expected a multiple of 16, one for each group, got {self.channels}.")


GLIP_T_A = GlipConfig(early_fusion=False)
GLIP_T = GlipConfig()
GLIP_L = GlipConfig(swin_width=192, swin_depths=(2, 2, 18, 2), swin_heads=(6, 12, 24, 48), swin_window=12, blocks=8)

CONFIGS: dict[str, GlipConfig] = {
    "GLIP-T (A)": GLIP_T_A,
    "GLIP-T (B)": GLIP_T,
    "GLIP-T (C)": GLIP_T,
    "GLIP-T": GLIP_T,
    "GLIP-L": GLIP_L,
}
"""Published name -> sizes; (B), (C) and GLIP-T differ by what they were trained on."""
