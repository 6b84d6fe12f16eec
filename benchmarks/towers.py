"""Towers that nothing was trained beside: what is left of a module whose cosines say something else, or nothing."""

import torch
from transformers import CLIPConfig, CLIPModel

from gencontrol.alpha_clip.model import AlphaCLIP

WIDTH, HIDDEN, SEED = 128, 96, 1
"""Of the random tower: its embeddings, its layers, and its weights."""


def random_tower(encoder: AlphaCLIP) -> AlphaCLIP:
    """A CLIP of random weights, of another width than an encoder's, that reads its words and sees its size.

    Its cosines tell next to nothing of what is seen.

    Args:
        encoder: With a text tower, whose tokenizer and picture's size it has.
    """
    assert encoder.text is not None, "a tower without text has no cosines of names"
    small = {"hidden_size": HIDDEN, "num_attention_heads": 4, "intermediate_size": 2 * HIDDEN, "num_hidden_layers": 2}
    small |= {"projection_dim": WIDTH}
    config = CLIPConfig(
        text_config=encoder.text.config.to_dict() | small,
        vision_config=encoder.vision.config.to_dict() | small | {"num_channels": 4},
        projection_dim=WIDTH,
    )
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(SEED)
        model = CLIPModel(config)
    return AlphaCLIP.from_clip(model, tokenizer=encoder.tokenizer, processor=encoder.processor).requires_grad_(False)
