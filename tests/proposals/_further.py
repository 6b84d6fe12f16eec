"""Small, random Florence-2, SAM 3, BLIP and BLIP-2 of the real classes, as folders that `from_pretrained` opens."""

from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save_file
from tokenizers import Tokenizer, models, pre_tokenizers, processors
from transformers import (
    BartConfig,
    Blip2Config,
    Blip2ForConditionalGeneration,
    Blip2Processor,
    BlipConfig,
    BlipForConditionalGeneration,
    BlipImageProcessor,
    BlipProcessor,
    CLIPImageProcessor,
    Florence2Config,
    Florence2ForConditionalGeneration,
    Florence2Processor,
    OPTConfig,
    PreTrainedTokenizerFast,
    Sam3Config,
    Sam3ImageProcessor,
    Sam3Model,
    Sam3Processor,
    Sam3TrackerConfig,
    Sam3TrackerModel,
    Sam3TrackerProcessor,
    Sam3TrackerVideoConfig,
    Sam3VideoConfig,
    Sam3VideoModel,
)

WORDS = "a red cup dog on the table photo of with".split()


def tokenizer(extra: list[str], *, frame: str = "<s> $A </s>", **more: Any) -> PreTrainedTokenizerFast:
    """Words and further tokens, in a frame."""
    words = ["<s>", "<pad>", "</s>", "<unk>", *WORDS, *extra]
    ids = {word: number for number, word in enumerate(words)}
    inner = Tokenizer(models.WordLevel(ids, unk_token="<unk>"))
    inner.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    inner.post_processor = processors.TemplateProcessing(single=frame, special_tokens=[("<s>", 0), ("</s>", 2)])
    return PreTrainedTokenizerFast(
        tokenizer_object=inner, unk_token="<unk>", pad_token="<pad>", bos_token="<s>", eos_token="</s>", **more
    )


def save_florence(folder: Path, *, places: int = 1000) -> Path:
    """Florence-2, which can write nothing but places, two boxes of them."""
    torch.manual_seed(0)
    extra = [f"<loc_{place}>" for place in range(places)]
    words: Any = tokenizer([*extra, "<image>"], extra_special_tokens={"image_token": "<image>"})
    text: dict[str, Any] = {
        "vocab_size": len(words) + 8,
        "d_model": 64,
        "encoder_layers": 1,
        "decoder_layers": 1,
        "encoder_ffn_dim": 64,
        "decoder_ffn_dim": 64,
        "encoder_attention_heads": 4,
        "decoder_attention_heads": 4,
        "max_position_embeddings": 300,
        "pad_token_id": 1,
        "bos_token_id": 0,
        "eos_token_id": 2,
        "decoder_start_token_id": 2,
        "forced_eos_token_id": 2,
        "init_std": 1.0,
    }
    vision: dict[str, Any] = {
        "depths": [1, 1, 1],
        "patch_size": [7, 3, 3],
        "patch_stride": [4, 2, 2],
        "patch_padding": [3, 1, 1],
        "patch_prenorm": [False, True, True],
        "embed_dim": [24, 48, 96],
        "num_heads": [1, 2, 4],
        "num_groups": [1, 2, 4],
        "window_size": 4,
        "projection_dim": 64,
        "max_position_embeddings": 16,
        "drop_path_rate": 0.0,
    }
    model = Florence2ForConditionalGeneration(
        Florence2Config(
            text_config=BartConfig(**text).to_dict(), vision_config=vision, image_token_id=words.image_token_id
        )
    )
    first = words.convert_tokens_to_ids("<loc_0>")
    others = [number for number in range(text["vocab_size"]) if not first <= number < first + places]
    generation: Any = model.generation_config
    generation.suppress_tokens, generation.forced_eos_token_id = others, None
    model.save_pretrained(folder)
    pixels: Any = CLIPImageProcessor(size={"height": 64, "width": 64}, crop_size={"height": 64, "width": 64})
    pixels.image_seq_length = 17
    Florence2Processor(pixels, words).save_pretrained(folder)
    return folder


_VISION3: dict[str, Any] = {
    "backbone_config": {
        "model_type": "sam3_vit_model",
        "hidden_size": 64,
        "intermediate_size": 128,
        "num_hidden_layers": 2,
        "num_attention_heads": 4,
        "image_size": 56,
        "patch_size": 14,
        "window_size": 2,
        "global_attn_indexes": [1],
        "pretrain_image_size": 56,
    },
    "fpn_hidden_size": 32,
    "backbone_feature_sizes": [[16, 16], [8, 8], [4, 4]],
}
_SMALL: dict[str, Any] = {"hidden_size": 32, "num_attention_heads": 4, "intermediate_size": 64}
_PROMPTS3: dict[str, Any] = {"hidden_size": 32, "image_size": 56, "patch_size": 14, "mask_input_channels": 8}
_DECODER3: dict[str, Any] = {"hidden_size": 32, "mlp_dim": 64, "num_attention_heads": 4, "iou_head_hidden_dim": 32}


def _sam3_settings() -> dict[str, Any]:
    text = {"vocab_size": 4 + len(WORDS), "projection_dim": 32, "num_hidden_layers": 1, "max_position_embeddings": 8}
    text |= {"model_type": "clip_text_model", "hidden_act": "gelu", "bos_token_id": 0, "eos_token_id": 2}
    return {
        "vision_config": _VISION3,
        "text_config": {**_SMALL, **text, "pad_token_id": 1},
        "geometry_encoder_config": {**_SMALL, "num_layers": 1},
        "detr_encoder_config": {**_SMALL, "num_layers": 1},
        "detr_decoder_config": {**_SMALL, "num_layers": 1, "num_queries": 6},
        "mask_decoder_config": {"hidden_size": 32, "num_attention_heads": 4},
    }


def save_sam3(folder: Path, kind: str) -> Path:
    """A sam3, a sam3_tracker or a sam3_video, which holds both."""
    torch.manual_seed(0)
    tracker: dict[str, Any] = {"prompt_encoder_config": _PROMPTS3, "mask_decoder_config": _DECODER3}
    memory: dict[str, Any] = {
        "image_size": 56,
        "memory_attention_hidden_size": 32,
        "memory_attention_feed_forward_hidden_size": 64,
        "memory_attention_rope_feat_sizes": [4, 4],
        "memory_attention_downsample_rate": 1,
        "memory_encoder_hidden_size": 32,
        "memory_encoder_output_channels": 16,
        "mask_downsampler_embed_dim": 32,
        "memory_fuser_embed_dim": 32,
        "memory_fuser_intermediate_dim": 64,
    }
    if kind == "sam3":
        model: Any = Sam3Model(Sam3Config(**_sam3_settings()))
    elif kind == "sam3_tracker":
        model = Sam3TrackerModel(Sam3TrackerConfig(vision_config=_VISION3, **tracker))
    else:
        following = Sam3TrackerVideoConfig(vision_config=_VISION3, **tracker, **memory)
        detector = Sam3Config(**_sam3_settings())
        model = Sam3VideoModel(Sam3VideoConfig(detector_config=detector.to_dict(), tracker_config=following.to_dict()))
    for name, parameter in model.named_parameters():
        if parameter.dim() > 1 and "positional" not in name:
            torch.nn.init.normal_(parameter, std=parameter[0].numel() ** -0.5)
    model.save_pretrained(folder)
    if kind == "sam3_video":
        # transformers 5.24 writes the tracker's names with the prefix twice; on the hub they have it once.
        saved = load_file(folder / "model.safetensors")
        named = {key.replace("tracker_model.tracker_model.", "tracker_model."): value for key, value in saved.items()}
        save_file(named, folder / "model.safetensors", metadata={"format": "pt"})
    pixels = Sam3ImageProcessor(size={"height": 56, "width": 56}, mask_size={"height": 16, "width": 16})
    processor: Any = Sam3TrackerProcessor(pixels) if kind == "sam3_tracker" else Sam3Processor(pixels, tokenizer([]))
    processor.save_pretrained(folder)
    return folder


_VIT: dict[str, Any] = {
    "hidden_size": 32,
    "intermediate_size": 64,
    "num_hidden_layers": 1,
    "num_attention_heads": 4,
    "image_size": 32,
    "patch_size": 8,
}


def save_blip(folder: Path) -> Path:
    """BLIP."""
    torch.manual_seed(0)
    words = tokenizer([])
    text = {
        "vocab_size": len(words),
        "hidden_size": 32,
        "encoder_hidden_size": 32,
        "intermediate_size": 64,
        "projection_dim": 32,
        "num_hidden_layers": 1,
        "num_attention_heads": 4,
        "max_position_embeddings": 64,
        "pad_token_id": 1,
        "bos_token_id": 0,
        "sep_token_id": 2,
        "eos_token_id": 2,
    }
    BlipForConditionalGeneration(BlipConfig(text_config=text, vision_config=_VIT)).save_pretrained(folder)
    BlipProcessor(BlipImageProcessor(size={"height": 32, "width": 32}), words).save_pretrained(folder)
    return folder


def save_blip2(folder: Path) -> Path:
    """BLIP-2 before an OPT."""
    torch.manual_seed(0)
    words: Any = tokenizer(["<image>"], extra_special_tokens={"image_token": "<image>"})
    text = OPTConfig(
        vocab_size=len(words),
        hidden_size=32,
        ffn_dim=64,
        word_embed_proj_dim=32,
        num_hidden_layers=1,
        num_attention_heads=4,
        max_position_embeddings=64,
        pad_token_id=1,
        bos_token_id=0,
        eos_token_id=2,
    )
    qformer = {
        "vocab_size": len(words),
        "hidden_size": 32,
        "intermediate_size": 64,
        "num_hidden_layers": 2,
        "num_attention_heads": 4,
        "encoder_hidden_size": 32,
    }
    config = Blip2Config(
        vision_config=_VIT,
        qformer_config=qformer,
        text_config=text.to_dict(),
        num_query_tokens=4,
        image_token_index=words.convert_tokens_to_ids("<image>"),
    )
    model = Blip2ForConditionalGeneration(config)
    generation: Any = model.language_model.generation_config
    generation.suppress_tokens = [1, 2]
    model.save_pretrained(folder)
    pixels = BlipImageProcessor(size={"height": 32, "width": 32})
    Blip2Processor(pixels, words, num_query_tokens=4).save_pretrained(folder)
    return folder
