"""Whether parts fit together, asked before they are used."""

from collections.abc import Mapping
from typing import Any

from torch import Tensor
from transformers import (
    CLIPTextModelWithProjection,
    CLIPVisionConfig,
    CLIPVisionModelWithProjection,
    PreTrainedTokenizerBase,
    SiglipTextModel,
    SiglipVisionModel,
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
    _check_input(config, processor, widened_by="AlphaCLIP.from_clip")
    if one_pass is not None:
        _check_one_pass(one_pass, config)
    if text is None:
        if logit_scale is not None or tokenizer is not None:
            raise PairingError("A logit scale or a tokenizer without a text tower.")
        return
    if logit_scale is None:
        raise PairingError("A text tower without a logit scale.")
    _check_widths(text.config.projection_dim, config.projection_dim)
    if tokenizer is not None:
        check_end_token(tokenizer, text.config)


def check_siglip_parts(
    vision: SiglipVisionModel,
    processor: AlphaCLIPProcessor,
    *,
    text: SiglipTextModel | None,
    numbers: Mapping[str, Tensor | None],
    tokenizer: PreTrainedTokenizerBase | None,
) -> None:
    """The same of a SigLIP, whose text tower has two numbers beside it.

    Args:
        vision: See `AlphaSigLIP`.
        processor: See there.
        text: See there.
        numbers: `logit_scale` and `logit_bias`.
        tokenizer: See there.

    Raises:
        PairingError: Naming the two values that differ.
    """
    _check_input(vision.config, processor, widened_by="AlphaSigLIP.from_siglip")
    if text is None:
        if tokenizer is not None or any(number is not None for number in numbers.values()):
            raise PairingError("A logit scale, a logit bias or a tokenizer without a text tower.")
        return
    if any(number is None for number in numbers.values()):
        raise PairingError("A text tower without a logit scale and a logit bias.")
    if not vision.use_head:
        raise PairingError("A text tower beside a vision tower without pooling head, which gives no embedding.")
    _check_widths(text.config.projection_size, vision.config.hidden_size)


def _check_input(tower: Any, processor: AlphaCLIPProcessor, *, widened_by: str) -> None:
    if tower.num_channels != 4:
        raise PairingError(f"The vision tower has {tower.num_channels} channels; expected 4: {widened_by} widens it.")
    if processor.geometry.size != tower.image_size:
        raise PairingError(
            f"The processor makes {processor.geometry.size} px inputs, the vision tower takes {tower.image_size} px."
        )


def _check_widths(text: int | None, vision: int | None) -> None:
    if text != vision:
        raise PairingError(f"The text tower's embeddings are {text} wide, the vision tower's {vision}.")


def _check_one_pass(one_pass: OnePass, tower: CLIPVisionConfig) -> None:
    found = tuple(one_pass.visual_projection.up.shape[:1] + one_pass.start.shape), len(one_pass.layers)
    expected = (tower.projection_dim, tower.hidden_size), tower.num_hidden_layers
    if found != expected:
        raise PairingError(
            f"What one pass is made with is of a tower of {found[1]} blocks, embeddings {found[0][0]} and tokens "
            f"{found[0][1]} wide; the vision tower has {expected[1]}, {expected[0][0]} and {expected[0][1]}."
        )
