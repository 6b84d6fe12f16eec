"""A small OWLv2 that begins as a CLIP: its tower's first blocks, its text tower whole, and their common space."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, cast

import torch
from jaxtyping import Float
from tokenizers import Tokenizer
from torch import Tensor, nn
from torch.nn import functional
from transformers import (
    Owlv2Config,
    Owlv2ForObjectDetection,
    Owlv2ImageProcessor,
    PreTrainedTokenizerBase,
    PreTrainedTokenizerFast,
)

from gencontrol.alpha_clip.model import AlphaCLIP
from gencontrol.errors import ConfigError
from gencontrol.text_files import json_value

SHIFT, SCALE = -0.5, 9.0
"""What the class head's logits begin with: less than a cosine of 0.5 is a no, ten times as steep as cosines are."""
_TOWER = ("hidden_size", "intermediate_size", "num_attention_heads", "image_size", "patch_size", "hidden_act")
_TEXT = ("hidden_size", "intermediate_size", "num_hidden_layers", "num_attention_heads", "hidden_act", "vocab_size")


def owl_config(encoder: AlphaCLIP, *, blocks: int) -> Owlv2Config:
    """An OWLv2 of a plain CLIP's shape.

    Args:
        encoder: With a text tower.
        blocks: Of the tower that are kept, from the first on.

    Raises:
        ConfigError: No text tower, or more blocks than there are.
    """
    if encoder.text is None or encoder.tokenizer is None:
        raise ConfigError("clip: a grounder reads phrases, and this encoder has no text tower.")
    tower, text = encoder.vision.config, encoder.text.config
    if not 1 <= blocks <= tower.num_hidden_layers:
        raise ConfigError(f"blocks: expected 1 to {tower.num_hidden_layers}, which the encoder has, got {blocks}.")
    shape = {name: getattr(tower, name) for name in _TOWER} | {"num_hidden_layers": blocks}
    words = {name: getattr(text, name) for name in _TEXT}
    # transformers pools at the largest id, which the end token gets in `owl_tokenizer`.
    ends = {"bos_token_id": text.bos_token_id, "eos_token_id": text.vocab_size - 1, "pad_token_id": text.pad_token_id}
    values: dict[str, Any] = {
        "vision_config": shape,
        "text_config": words | ends | {"max_position_embeddings": text.max_position_embeddings},
        # The class head is as wide as the text tower within.
        "projection_dim": text.hidden_size,
        # Without, the heads begin with a deviation of 1 and never learn.
        "initializer_range": 0.02,
    }
    return Owlv2Config(**values)


def owl_from(encoder: AlphaCLIP, *, blocks: int) -> Owlv2ForObjectDetection:
    """An OWLv2 whose towers are a CLIP's, and whose heads are new.

    Text embeddings lie in a space that is as wide as the text tower within, with the cosines that they have in the
    CLIP's; the class head begins as the CLIP's own projection into it.

    Args:
        encoder: A plain CLIP.
        blocks: See `owl_config`.
    """
    model = Owlv2ForObjectDetection(owl_config(encoder, blocks=blocks))
    tower, text = cast(Any, encoder.vision), cast(Any, encoder.text)
    inner: Any = model.owlv2
    own = inner.vision_model.state_dict()
    seen = _renamed(_below(tower.state_dict(), "vision_model."), {"pre_layrnorm": "pre_layernorm"})
    seen["embeddings.patch_embedding.weight"] = seen["embeddings.patch_embedding.weight"][:, :3]
    inner.vision_model.load_state_dict({name: seen[name] for name in own})
    read = _below(text.state_dict(), "text_model.")
    end = text.config.eos_token_id
    read["embeddings.token_embedding.weight"] = _end_last(read["embeddings.token_embedding.weight"], end)
    inner.text_model.load_state_dict({name: read[name] for name in inner.text_model.state_dict()})
    basis, inside = torch.linalg.qr(text.text_projection.weight.float())
    # Where the CLIP's space is the narrower one, the rest of the head's stays empty.
    room = (0, 0, 0, text.config.hidden_size - len(inside))
    seen_as = basis.mT @ tower.visual_projection.weight.float()
    _begin_heads(model, functional.pad(inside, room), functional.pad(seen_as, room))
    return model


def _below(state: Mapping[str, Tensor], prefix: str) -> dict[str, Tensor]:
    return {name.removeprefix(prefix): values.float() for name, values in state.items()}


def _renamed(state: Mapping[str, Tensor], names: Mapping[str, str]) -> dict[str, Tensor]:
    renamed = {}
    for name, values in state.items():
        first, dot, rest = name.partition(".")
        renamed[f"{names.get(first, first)}{dot}{rest}"] = values
    return renamed


@torch.no_grad()
def _begin_heads(model: Any, into_space: Tensor, from_tower: Tensor) -> None:
    model.owlv2.text_projection.weight.copy_(into_space)
    model.class_head.dense0.weight.copy_(from_tower)
    nn.init.zeros_(model.class_head.dense0.bias)
    for head, value in ((model.class_head.logit_shift, SHIFT), (model.class_head.logit_scale, SCALE)):
        nn.init.zeros_(head.weight)
        nn.init.constant_(head.bias, value)


def _end_last(rows: Float[Tensor, "v d"], end: int) -> Float[Tensor, "v d"]:
    """The token embeddings with the end token's in the place of the last one's, and the last one's in its."""
    order = torch.arange(len(rows))
    order[[end, -1]] = order[[-1, end]]
    return rows[order]


def owl_tokenizer(tokenizer: PreTrainedTokenizerBase, *, length: int) -> PreTrainedTokenizerFast:
    """The same words, with the end token's id the highest: OWLv2 pools a text at its largest id.

    Args:
        tokenizer: A word-level one.
        length: Tokens of a phrase at most.

    Raises:
        ConfigError: One of another kind.
    """
    values = json_value(cast(Any, tokenizer).backend_tokenizer.to_str())
    if values["model"]["type"] != "WordLevel":
        raise ConfigError(f"clip: expected an encoder that reads whole words, got {values['model']['type']}.")
    words: dict[str, int] = values["model"]["vocab"]
    end, last = str(tokenizer.eos_token), max(words, key=lambda word: words[word])
    ids = {end: words[last], last: words[end]}
    values["model"]["vocab"] = dict(sorted((words | ids).items(), key=lambda item: item[1]))
    for token in values["added_tokens"]:
        token["id"] = ids.get(token["content"], token["id"])
    for name, token in values["post_processor"]["special_tokens"].items():
        token["ids"] = [ids.get(name, token["ids"][0])]
    values["padding"] = values["truncation"] = None
    return PreTrainedTokenizerFast(
        tokenizer_object=Tokenizer.from_str(json.dumps(values)),
        pad_token=tokenizer.pad_token,
        unk_token=tokenizer.unk_token,
        bos_token=tokenizer.bos_token,
        eos_token=end,
        model_max_length=length,
    )


def owl_processor(encoder: AlphaCLIP) -> Owlv2ImageProcessor:
    """How pictures are prepared: padded to a square, of the tower's size and colours."""
    side = encoder.processor.geometry.size
    mean, std = list(encoder.processor.image_mean[:3]), list(encoder.processor.image_std[:3])
    return Owlv2ImageProcessor(size={"height": side, "width": side}, image_mean=mean, image_std=std)


def save_owl(model: nn.Module, encoder: AlphaCLIP, folder: Path) -> None:
    """Write a folder that `open_grounder` opens, in half precision."""
    saved = cast(Any, model)
    saved.half().save_pretrained(folder)
    saved.float()
    owl_processor(encoder).save_pretrained(folder)
    assert encoder.tokenizer is not None
    owl_tokenizer(encoder.tokenizer, length=saved.config.text_config.max_position_embeddings).save_pretrained(folder)
