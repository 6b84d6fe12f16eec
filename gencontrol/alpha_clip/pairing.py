"""Whether parts fit together, asked before they are used."""

from torch import Tensor
from transformers import (
    CLIPTextModelWithProjection,
    CLIPVisionConfig,
    CLIPVisionModelWithProjection,
    PreTrainedTokenizerBase,
)

from gencontrol.alpha_clip.one_pass.change import OnePass
from gencontrol.alpha_clip.preprocess import AlphaCLIPProcessor
from gencontrol.alpha_clip.text import check_end_token
from gencontrol.errors import PairingError


def check_parts(
    vision: CLIPVisionModelWithProjection,
    processor: AlphaCLIPProcessor,
    *,
    text: CLIPTextModelWithProjection | None = None,
    logit_scale: Tensor | None = None,
    tokenizer: PreTrainedTokenizerBase | None = None,
    one_pass: OnePass | None = None,
) -> None:
    """Compare channels, sizes, embedding widths, end tokens, and what is trained beside the tower.

    Raises:
        PairingError: Naming the two values that differ.
    """
    config = vision.config
    if config.num_channels != 4:
        raise PairingError(
            f"The vision tower has {config.num_channels} channels; expected 4: AlphaCLIP.from_clip widens it."
        )
    if processor.geometry.size != config.image_size:
        raise PairingError(
            f"The processor makes {processor.geometry.size} px inputs, the vision tower takes {config.image_size} px."
        )
    if one_pass is not None:
        _check_one_pass(one_pass, config)
    if text is None:
        if logit_scale is not None or tokenizer is not None:
            raise PairingError("A logit scale or a tokenizer without a text tower.")
        return
    if logit_scale is None:
        raise PairingError("A text tower without a logit scale.")
    if text.config.projection_dim != config.projection_dim:
        raise PairingError(
            f"The text tower's embeddings are {text.config.projection_dim} wide, "
            f"the vision tower's {config.projection_dim}."
        )
    if tokenizer is not None:
        check_end_token(tokenizer, text.config)


def _check_one_pass(one_pass: OnePass, tower: CLIPVisionConfig) -> None:
    found = tuple(one_pass.visual_projection.up.shape[:1] + one_pass.start.shape), len(one_pass.layers)
    expected = (tower.projection_dim, tower.hidden_size), tower.num_hidden_layers
    if found != expected:
        raise PairingError(
            f"What one pass is made with is of a tower of {found[1]} blocks, embeddings {found[0][0]} and tokens "
            f"{found[0][1]} wide; the vision tower has {expected[1]}, {expected[0][0]} and {expected[0][1]}."
        )
