"""The published sizes."""

import pytest

from gencontrol.errors import ConfigError
from gencontrol.proposals.glip.config import CONFIGS, STRIDES, GlipConfig


def test_published_sizes() -> None:
    assert list(CONFIGS) == ["GLIP-T (A)", "GLIP-T (B)", "GLIP-T (C)", "GLIP-T", "GLIP-L"]
    assert [config.early_fusion for config in CONFIGS.values()] == [False, True, True, True, True]
    assert [config.blocks for config in CONFIGS.values()] == [6, 6, 6, 6, 8]
    tiny, large = CONFIGS["GLIP-T"], CONFIGS["GLIP-L"]
    assert (tiny.swin_width, tiny.swin_depths, tiny.swin_heads) == (96, (2, 2, 6, 2), (3, 6, 12, 24))
    assert (large.swin_width, large.swin_depths, large.swin_heads) == (192, (2, 2, 18, 2), (6, 12, 24, 48))
    assert (tiny.swin_window, large.swin_window) == (7, 12)
    for config in CONFIGS.values():
        assert (config.channels, config.fusion_width, config.fusion_heads) == (256, 2048, 8)
        assert (config.words, config.text_width, config.text_layers, config.text_heads) == (30522, 768, 12, 12)
        assert (config.text_mlp, config.text_positions, config.most_tokens) == (3072, 512, 256)
        assert (config.shorter_side, config.longer_side) == (800, 1333)
    assert STRIDES == (8, 16, 32, 64, 128)


def test_impossible_sizes() -> None:
    with pytest.raises(ConfigError, match="expected four stages each, got 3 and 4"):
        GlipConfig(swin_depths=(2, 2, 2))
    with pytest.raises(ConfigError, match="a multiple of 16, one for each group, got 40"):
        GlipConfig(channels=40)
