"""Small, random grounders of the real classes, with processors and tokenizers, as folders that `from_pretrained` opens.

Sizes are those at which the classes were tried; random weights, made so that signals keep their size.
"""

from pathlib import Path
from typing import Any

import torch
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors
from torch import nn
from transformers import (
    BertConfig,
    GroundingDinoConfig,
    GroundingDinoForObjectDetection,
    GroundingDinoImageProcessor,
    MMGroundingDinoConfig,
    MMGroundingDinoForObjectDetection,
    Owlv2Config,
    Owlv2ForObjectDetection,
    Owlv2ImageProcessor,
    PreTrainedTokenizerFast,
    SwinConfig,
)

from gencontrol.proposals.glip.config import GlipConfig
from gencontrol.proposals.glip.model import Glip
from gencontrol.proposals.glip.opening import save_glip

WORDS = ["red", "blue", "green", "cat", "dog", "hat", "##ter", "cup", "table", "a", "the", "musical", "note", "of"]


def bert_tokenizer() -> PreTrainedTokenizerFast:
    """Word pieces with BERT's frame; the first, the last, the full stop and the question mark have BERT's numbers."""
    vocabulary = {"[PAD]": 0, "[UNK]": 100, "[CLS]": 101, "[SEP]": 102, "[MASK]": 103, ".": 1012, "?": 1029}
    vocabulary |= {word: 200 + number for number, word in enumerate(WORDS)}
    inner = Tokenizer(models.WordPiece(vocabulary, unk_token="[UNK]"))
    inner.normalizer = normalizers.BertNormalizer(lowercase=True)
    inner.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    inner.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", special_tokens=[("[CLS]", 101), ("[SEP]", 102)]
    )
    return PreTrainedTokenizerFast(tokenizer_object=inner, unk_token="[UNK]", pad_token="[PAD]", cls_token="[CLS]")


def clip_tokenizer() -> PreTrainedTokenizerFast:
    """Words in CLIP's frame; the end has the highest number, at which OWLv2 pools."""
    words = ["<pad>", "<start>", "<unknown>", *WORDS, "<end>"]
    inner = Tokenizer(models.WordLevel({word: number for number, word in enumerate(words)}, unk_token="<unknown>"))
    inner.normalizer = normalizers.Lowercase()
    inner.pre_tokenizer = pre_tokenizers.Whitespace()
    end = len(words) - 1
    inner.post_processor = processors.TemplateProcessing(
        single="<start> $A <end>", special_tokens=[("<start>", 1), ("<end>", end)]
    )
    return PreTrainedTokenizerFast(tokenizer_object=inner, unk_token="<unknown>", pad_token="<pad>", eos_token="<end>")


def spread(module: nn.Module) -> None:
    """Scale random matrices so that signals keep their size from layer to layer."""
    for parameter in module.parameters():
        if parameter.dim() > 1:
            nn.init.normal_(parameter, std=parameter[0].numel() ** -0.5)


def dino_config(config_class: Any, **changes: Any) -> Any:
    """Of Grounding DINO or MM-Grounding-DINO."""
    swin: dict[str, Any] = {
        "image_size": 64,
        "embed_dim": 24,
        "depths": [2, 2, 2, 2],
        "num_heads": [1, 2, 4, 8],
        "window_size": 4,
        "out_features": ["stage2", "stage3", "stage4"],
    }
    settings = {
        "backbone_config": SwinConfig(**swin),
        "text_config": BertConfig(
            vocab_size=1030,
            hidden_size=64,
            num_hidden_layers=2,
            num_attention_heads=4,
            intermediate_size=128,
            max_position_embeddings=64,
        ),
        "d_model": 64,
        "encoder_layers": 2,
        "decoder_layers": 2,
        "encoder_ffn_dim": 128,
        "decoder_ffn_dim": 128,
        "encoder_attention_heads": 4,
        "decoder_attention_heads": 4,
        "num_queries": 16,
        "num_feature_levels": 3,
        "max_text_len": 32,
    }
    return config_class(**(settings | changes))


def save_dino(folder: Path, *, mm: bool) -> Path:
    """Grounding DINO, or MM-Grounding-DINO."""
    torch.manual_seed(0)
    config_class, model_class = (
        (MMGroundingDinoConfig, MMGroundingDinoForObjectDetection)
        if mm
        else (GroundingDinoConfig, GroundingDinoForObjectDetection)
    )
    model_class(dino_config(config_class)).save_pretrained(folder)
    size = {"shortest_edge": 64, "longest_edge": 96}
    GroundingDinoImageProcessor(size=size).save_pretrained(folder)
    bert_tokenizer().save_pretrained(folder)
    return folder


def save_owl(folder: Path) -> Path:
    """OWLv2."""
    torch.manual_seed(0)
    text = {
        "vocab_size": 4 + len(WORDS),
        "hidden_size": 64,
        "intermediate_size": 128,
        "num_hidden_layers": 2,
        "num_attention_heads": 4,
        "max_position_embeddings": 16,
        "pad_token_id": 0,
        "bos_token_id": 1,
        "eos_token_id": 3 + len(WORDS),
    }
    vision = {
        "image_size": 64,
        "patch_size": 8,
        "hidden_size": 96,
        "intermediate_size": 192,
        "num_hidden_layers": 2,
        "num_attention_heads": 4,
    }
    settings: dict[str, Any] = {"text_config": text, "vision_config": vision, "projection_dim": 64}
    # Else the heads start a hundred times too large.
    settings["initializer_range"] = 0.02
    model = Owlv2ForObjectDetection(Owlv2Config(**settings))
    model.save_pretrained(folder)
    Owlv2ImageProcessor(size={"height": 64, "width": 64}).save_pretrained(folder)
    clip_tokenizer().save_pretrained(folder)
    return folder


def glip_config(**changes: Any) -> GlipConfig:
    """A narrow GLIP of two blocks."""
    settings = {
        "swin_width": 12,
        "swin_depths": (2, 2, 2, 2),
        "swin_heads": (1, 2, 3, 6),
        "words": 1030,
        "text_width": 48,
        "text_layers": 1,
        "text_heads": 4,
        "text_mlp": 96,
        "text_positions": 64,
        "most_tokens": 24,
        "channels": 32,
        "blocks": 2,
        "fusion_width": 64,
        "shorter_side": 96,
        "longer_side": 160,
    }
    return GlipConfig(**(settings | changes))


def glip(**changes: Any) -> Glip:
    """With random weights, likely enough that boxes come out."""
    torch.manual_seed(0)
    model = Glip(glip_config(**changes)).eval()
    spread(model)
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if name.endswith(("bias_lang", "steering.bias")):
                parameter.normal_(std=0.3)
        model.head.bias0.fill_(-1.0)
    return model


def save_small_glip(folder: Path) -> Path:
    """A GLIP's folder."""
    save_glip(folder, glip(), bert_tokenizer())
    return folder
