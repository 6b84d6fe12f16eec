from types import ModuleType

import pytest

from gencontrol.alpha_clip.model import AlphaCLIP
from gencontrol.alpha_clip.pairing import check_parts
from gencontrol.errors import PairingError


def test_parts_must_fit(tiny: ModuleType, encoder: AlphaCLIP) -> None:
    other = AlphaCLIP.from_config(tiny.clip_config().vision_config)
    other.vision.config.projection_dim = 12
    with pytest.raises(PairingError, match="text tower's embeddings are 24 wide, the vision tower's 12"):
        AlphaCLIP(
            other.vision, processor=other.processor, text=encoder.text, logit_scale=encoder.logit_scale, tokenizer=None
        )
    with pytest.raises(PairingError, match="has 3 channels; expected 4"):
        AlphaCLIP(tiny.vision_tower(), processor=encoder.processor)
    five = AlphaCLIP.from_config(tiny.clip_config().vision_config)
    five.vision.config.num_channels = 5
    with pytest.raises(PairingError, match="has 5 channels; expected 4"):
        AlphaCLIP(five.vision, processor=encoder.processor)
    with pytest.raises(PairingError, match="processor makes 64 px inputs, the vision tower takes 32 px"):
        small = AlphaCLIP.from_config(tiny.clip_config().vision_config)
        small.vision.config.image_size = 32
        AlphaCLIP(small.vision, processor=encoder.processor)
    with pytest.raises(PairingError, match="without a text tower"):
        AlphaCLIP(encoder.vision, processor=encoder.processor, tokenizer=tiny.tokenizer())
    with pytest.raises(PairingError, match="without a logit scale"):
        AlphaCLIP(encoder.vision, processor=encoder.processor, text=encoder.text)


def test_parts_that_fit_pass(encoder: AlphaCLIP) -> None:
    check_parts(
        encoder.vision,
        encoder.processor,
        text=encoder.text,
        logit_scale=encoder.logit_scale,
        tokenizer=encoder.tokenizer,
    )
