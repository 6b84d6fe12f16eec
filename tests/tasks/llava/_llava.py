"""A small, random LLaVA: the classes are those of LLaVA-1.5, only narrow."""

from pathlib import Path
from types import ModuleType

import torch
from tokenizers import Tokenizer, models, pre_tokenizers, processors
from transformers import (
    CLIPImageProcessor,
    LlamaConfig,
    LlavaConfig,
    LlavaForConditionalGeneration,
    LlavaProcessor,
    PreTrainedTokenizerFast,
)

SPECIALS = ["<pad>", "<s>", "</s>", "<image>", "<unk>"]
WORDS = (
    "USER : ASSISTANT Provide a one - sentence caption for the provided image . what is it made of ? red green blue "
    "cat dog apple moon left right wood glass there nothing"
).split()
TOKENS = 16
"""Patches of the tower."""


def tokenizer() -> PreTrainedTokenizerFast:
    """A word-level tokenizer with Llama's frame: `<s>` before the words, nothing behind them."""
    vocabulary = {word: index for index, word in enumerate([*SPECIALS, *WORDS])}
    inner = Tokenizer(models.WordLevel(vocabulary, unk_token="<unk>"))
    inner.pre_tokenizer = pre_tokenizers.Whitespace()
    inner.post_processor = processors.TemplateProcessing(single="<s> $A", special_tokens=[("<s>", 1)])
    return PreTrainedTokenizerFast(
        tokenizer_object=inner,
        bos_token="<s>",
        eos_token="</s>",
        unk_token="<unk>",
        pad_token="<pad>",
        additional_special_tokens=["<image>"],
    )


def config(tiny: ModuleType, *, channels: int = 3) -> LlavaConfig:
    """A Llama of two layers behind the tower of tests/_tiny.py."""
    text = LlamaConfig(
        vocab_size=len(SPECIALS) + len(WORDS),
        hidden_size=32,
        intermediate_size=64,
        num_hidden_layers=2,
        num_attention_heads=2,
        num_key_value_heads=2,
        max_position_embeddings=96,
        pad_token_id=0,
        bos_token_id=1,
        eos_token_id=2,
    )
    vision = tiny.clip_config(channels=channels).vision_config
    return LlavaConfig(vision_config=vision, text_config=text, image_token_index=3, image_seq_length=TOKENS)


def llava(tiny: ModuleType, *, channels: int = 3, seed: int = 0) -> LlavaForConditionalGeneration:
    """With weights so large that answers depend on what is seen."""
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        model = LlavaForConditionalGeneration(config(tiny, channels=channels)).eval()
        tiny.spread(model)
    return model


def save_folder(folder: Path, tiny: ModuleType) -> Path:
    """A LLaVA of three channels in llava-hf's layout."""
    llava(tiny).save_pretrained(folder)
    size = {"height": 64, "width": 64}
    stock = CLIPImageProcessor(size={"shortest_edge": 64}, crop_size=size)
    LlavaProcessor(
        image_processor=stock,
        tokenizer=tokenizer(),
        patch_size=16,
        vision_feature_select_strategy="default",
        num_additional_image_tokens=1,
    ).save_pretrained(folder)
    return folder
