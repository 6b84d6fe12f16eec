"""A language head: the half of a LLaVA behind a tower that lies elsewhere, and its folder."""

import copy
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from jaxtyping import Bool, Float, Int
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor, nn
from transformers import (
    CLIPVisionConfig,
    LlamaConfig,
    LlavaConfig,
    LlavaForConditionalGeneration,
    PreTrainedTokenizerBase,
)

from gencontrol.alpha_clip.model import AlphaCLIP
from gencontrol.alpha_clip.preprocess import AlphaCLIPProcessor
from gencontrol.errors import CheckpointError, reason_of
from gencontrol.finite import check_filled_weights, check_finite_weights
from gencontrol.tasks.llava.tower import image_tokens, swap_tower

WEIGHTS = "language.safetensors"
"""The weights without the tower: no name that stock transformers would take for a whole model."""
TOWER = "region_tower"
"""Where a configuration names the Alpha-CLIP whose tower the head reads: a preset, a folder or a hub id."""

_UNSEEN = -1e9
"""What is added to the score of a place that is not seen."""


@dataclass(frozen=True, kw_only=True)
class HeadConfig:
    """Shape of a language head."""

    width: int = 192
    """Of the language model."""
    layers: int = 4
    """Its blocks."""
    heads: int = 6
    """Its attention heads."""
    inner: int = 512
    """Width inside its blocks."""
    context: int = 256
    """Tokens that it reads, the picture's among them."""


def llava_config(
    config: HeadConfig, vision: CLIPVisionConfig, tokenizer: PreTrainedTokenizerBase, **further: Any
) -> LlavaConfig:
    """The configuration of a LLaVA of that shape.

    Args:
        config: Of its language half.
        vision: Of its tower.
        tokenizer: With `<image>`, and tokens to begin, end and pad with.
        further: Plain values that are kept beside it, such as `region_prompt`.
    """
    known: Any = tokenizer
    text = LlamaConfig(
        vocab_size=len(tokenizer),
        hidden_size=config.width,
        intermediate_size=config.inner,
        num_hidden_layers=config.layers,
        num_attention_heads=config.heads,
        num_key_value_heads=config.heads,
        max_position_embeddings=config.context,
        pad_token_id=known.pad_token_id,
        bos_token_id=known.bos_token_id,
        eos_token_id=known.eos_token_id,
    )
    looks = copy.deepcopy(vision)
    image = known.convert_tokens_to_ids("<image>")
    found = LlavaConfig(vision_config=looks, text_config=text, image_token_index=image, **further)
    found.image_seq_length = image_tokens(found)
    return found


class LanguageHead(nn.Module):
    """The stock projector and language model, without the tower."""

    def __init__(self, model: LlavaForConditionalGeneration):
        """The parts of a stock model, whose weights are shared; its tower is left to it."""
        super().__init__()
        self.projector: nn.Module = model.model.multi_modal_projector
        self.language_model: nn.Module = model.model.language_model
        self.lm_head: nn.Module = model.lm_head

    def forward(
        self,
        patches: Float[Tensor, "b n c"],
        ids: Int[Tensor, "b t"],
        *,
        mask: Bool[Tensor, "b 1 m m"],
        places: Int[Tensor, "b m"],
        chosen: Bool[Tensor, "b t"],
    ) -> Float[Tensor, "o v"]:
        """Logits of the next tokens at chosen places.

        Args:
            patches: Of the tower; they stand between the first token and the others.
            ids: Tokens.
            mask: Which of all places each of them sees; m is n + t.
            places: Their positions.
            chosen: Behind which tokens the next one is asked for.
        """
        embedded: Any = self.language_model.get_submodule("embed_tokens")(ids)
        inputs = torch.cat([embedded[:, :1], self.projector(patches).to(embedded.dtype), embedded[:, 1:]], dim=1)
        # As numbers, which every implementation of attention takes; the eager one would add a mask of booleans.
        added = torch.zeros_like(mask, dtype=inputs.dtype).masked_fill(~mask, _UNSEEN)
        found = self.language_model(inputs_embeds=inputs, attention_mask=added, position_ids=places, use_cache=False)
        hidden = torch.cat([found.last_hidden_state[:, :1], found.last_hidden_state[:, 1 + patches.shape[1] :]], dim=1)
        return self.lm_head(hidden[chosen])


def with_tower(head: LanguageHead, config: LlavaConfig, encoder: AlphaCLIP) -> LlavaForConditionalGeneration:
    """The whole stock model: a head's weights and an encoder's tower, both copied.

    Raises:
        PairingError: A tower of another shape than the head was trained on.
    """
    with torch.random.fork_rng(devices=[]):
        model = LlavaForConditionalGeneration(copy.deepcopy(config))
    model.model.multi_modal_projector.load_state_dict(head.projector.state_dict())
    model.model.language_model.load_state_dict(head.language_model.state_dict())
    model.lm_head.load_state_dict(head.lm_head.state_dict())
    swap_tower(model, encoder.vision)
    return model.eval()


def save_head(
    head: LanguageHead,
    config: LlavaConfig,
    folder: Path,
    *,
    tokenizer: PreTrainedTokenizerBase,
    processor: AlphaCLIPProcessor,
) -> None:
    """Write a head into an existing folder: half-precision weights, configuration, tokenizer and geometry.

    Args:
        head: What is saved.
        config: Of the whole model; it names the tower.
        folder: Where to.
        tokenizer: Its own.
        processor: Of the encoder whose tower it reads.
    """
    state = {name: values.detach().cpu().half().contiguous() for name, values in head.state_dict().items()}
    save_file(state, folder / WEIGHTS, metadata={"format": "pt"})
    values = config.to_dict() | {"architectures": ["LlavaForConditionalGeneration"]}
    (folder / "config.json").write_text(json.dumps(values, indent=2, sort_keys=True) + "\n", encoding="utf-8")
    tokenizer.save_pretrained(folder)
    processor.save_pretrained(folder)


def open_head(folder: Path, config: LlavaConfig) -> LanguageHead:
    """A head's weights, in float32.

    Raises:
        CheckpointError: No weights, damaged ones, or others than the configuration says.
    """
    path = folder / WEIGHTS
    try:
        state = load_file(path)
    except FileNotFoundError:
        raise CheckpointError(f"No language head in {folder}: it has no {WEIGHTS}.") from None
    except (OSError, SafetensorError) as error:
        raise CheckpointError(f"{path} cannot be read: {reason_of(error)}.") from error
    with torch.random.fork_rng(devices=[]):
        head = LanguageHead(LlavaForConditionalGeneration(copy.deepcopy(config)))
    try:
        head.load_state_dict({name: values.float() for name, values in state.items()})
    except RuntimeError as error:
        raise CheckpointError(f"{path} has other weights than its config.json says: {error}.") from error
    check_finite_weights(head, source=str(folder))
    check_filled_weights(head, source=str(folder))
    return head.requires_grad_(False).eval()
