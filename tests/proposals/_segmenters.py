"""Small, random SAMs of the real classes, with their processors, as folders that `from_pretrained` opens."""

from pathlib import Path
from typing import Any

import torch
from torch import nn
from transformers import (
    Sam2Config,
    Sam2ImageProcessor,
    Sam2Model,
    Sam2Processor,
    Sam2VideoConfig,
    Sam2VideoModel,
    SamConfig,
    SamHQConfig,
    SamHQModel,
    SamHQProcessor,
    SamImageProcessor,
    SamModel,
    SamProcessor,
)

_VISION: dict[str, Any] = {
    "hidden_size": 96,
    "output_channels": 64,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "image_size": 64,
    "patch_size": 8,
    "window_size": 4,
    "global_attn_indexes": [1],
    "num_pos_feats": 32,
    "mlp_dim": 192,
    # As configured, the positional code is noise and the tower's weights are practically zero.
    "scale": 1.0,
    "initializer_range": 0.02,
}
_DECODER: dict[str, Any] = {"hidden_size": 64, "mlp_dim": 128, "num_attention_heads": 4, "iou_head_hidden_dim": 64}
_HIERA: dict[str, Any] = {
    "model_type": "sam2_hiera_det_model",
    "hidden_size": 24,
    "num_attention_heads": 1,
    "image_size": [64, 64],
    "patch_kernel_size": [7, 7],
    "patch_stride": [4, 4],
    "patch_padding": [3, 3],
    "query_stride": [2, 2],
    "window_positional_embedding_background_size": [4, 4],
    "num_query_pool_stages": 3,
    "blocks_per_stage": [1, 1, 2, 1],
    "embed_dim_per_stage": [24, 48, 96, 192],
    "num_attention_heads_per_stage": [1, 2, 4, 8],
    "window_size_per_stage": [4, 2, 4, 2],
    "global_attention_blocks": [3],
}


_MEMORY: dict[str, Any] = {
    "image_size": 64,
    "memory_attention_hidden_size": 64,
    "memory_attention_feed_forward_hidden_size": 128,
    "memory_attention_rope_feat_sizes": [4, 4],
    "memory_attention_downsample_rate": 1,
    "memory_encoder_hidden_size": 64,
    "memory_encoder_output_channels": 16,
    "mask_downsampler_embed_dim": 64,
    "memory_fuser_embed_dim": 64,
    "memory_fuser_intermediate_dim": 128,
}
"""What SAM 2 for films has besides."""


def _prompts(patch: int) -> dict[str, Any]:
    return {"hidden_size": 64, "image_size": 64, "patch_size": patch, "mask_input_channels": 8}


def _spread(model: nn.Module) -> None:
    """So that masks depend on boxes and pictures."""
    for name, parameter in model.named_parameters():
        if parameter.dim() > 1 and "positional" not in name:
            nn.init.normal_(parameter, std=parameter[0].numel() ** -0.5)


def save(folder: Path, kind: str) -> Path:
    """The folder of a sam, sam_hq, sam2 or sam2_video."""
    torch.manual_seed(0)
    if kind.startswith("sam2"):
        vision: dict[str, Any] = {
            "backbone_config": _HIERA,
            "backbone_channel_list": [192, 96, 48, 24],
            "backbone_feature_sizes": [[16, 16], [8, 8], [4, 4]],
            "fpn_hidden_size": 64,
            "fpn_top_down_levels": [2, 3],
            "num_feature_levels": 3,
        }
        settings: dict[str, Any] = {"vision_config": vision, "prompt_encoder_config": _prompts(16)}
        settings["mask_decoder_config"] = _DECODER
        model: Any = (
            Sam2Model(Sam2Config(**settings))
            if kind == "sam2"
            else Sam2VideoModel(Sam2VideoConfig(**settings, **_MEMORY))
        )
        processor: Any = Sam2Processor(
            Sam2ImageProcessor(size={"height": 64, "width": 64}, mask_size={"height": 16, "width": 16})
        )
    else:
        settings = {"vision_config": _VISION, "prompt_encoder_config": _prompts(8)}
        inner = SamImageProcessor(
            size={"longest_edge": 64},
            pad_size={"height": 64, "width": 64},
            mask_size={"longest_edge": 16},
            mask_pad_size={"height": 16, "width": 16},
        )
        if kind == "sam":
            model, processor = SamModel(SamConfig(**settings, mask_decoder_config=_DECODER)), SamProcessor(inner)
        else:
            decoder = {**_DECODER, "vit_dim": 96}
            model, processor = SamHQModel(SamHQConfig(**settings, mask_decoder_config=decoder)), SamHQProcessor(inner)
    _spread(model)
    model.save_pretrained(folder)
    processor.save_pretrained(folder)
    return folder
