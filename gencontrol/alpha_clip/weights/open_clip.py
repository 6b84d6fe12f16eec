"""OpenCLIP's plain ViTs, which are CLIP's transformer under other names; all else is refused, saying which field.

The fields and their defaults are those of open_clip 3.3, `open_clip/model.py` and `open_clip/transformer.py` (MIT).
"""

from collections.abc import Mapping
from typing import Any

import open_clip
import torch
from open_clip.transformer import LayerNorm, LayerNormFp32, QuickGELU, ResidualAttentionBlock, VisionTransformer
from torch import Tensor, nn
from transformers import CLIPTextConfig, CLIPTokenizer, CLIPVisionConfig

from gencontrol.alpha_clip.architectures import square
from gencontrol.alpha_clip.preprocess import ALPHA_MEAN, ALPHA_STD, RGB_MEAN, RGB_STD, AlphaCLIPProcessor
from gencontrol.alpha_clip.towers import Parts, fill_text, fill_vision
from gencontrol.alpha_clip.weights.convert import (
    join_attention_names,
    open_clip_text_to_clip,
    plain_to_published,
    published_shapes,
    published_to_clip,
    text_shapes,
)
from gencontrol.alpha_clip.weights.describe import check_shapes
from gencontrol.alpha_clip.weights.open_clip_models import create_model, refuse, shapes_in
from gencontrol.configuration import nearest
from gencontrol.regions.geometry import Geometry

# The size of OpenAI's byte-pair vocabulary, which OpenCLIP ships.
_VOCABULARY = 49408
_START, _END = "<|startoftext|>", "<|endoftext|>"


def load_open_clip(
    model: str | nn.Module, *, pretrained: str | None, local_files_only: bool, dtype: torch.dtype | None
) -> Parts:
    """Make or take an OpenCLIP model and convert both towers; see `AlphaCLIP.from_open_clip`."""
    name = model if isinstance(model, str) else type(model).__name__
    if isinstance(model, str):
        model = create_model(model, pretrained, local_files_only=local_files_only)
        dtype = dtype or torch.float32
    vision_config = vision_config_of(getattr(model, "visual", None), name)
    text_config = text_config_of(model, name)
    vision, text, logit_scale = _split(model, name)
    check_shapes(shapes_in(vision), published_shapes(vision_config), source=name, wanted="a plain ViT of OpenCLIP's")
    check_shapes(shapes_in(text), text_shapes(text_config), source=name, wanted="a plain text tower of OpenCLIP's")
    return Parts(
        vision=fill_vision(vision_config, _cast(published_to_clip(vision), dtype)),
        text=fill_text(text_config, _cast(open_clip_text_to_clip(text), dtype)),
        logit_scale=logit_scale.to(dtype=dtype or logit_scale.dtype, copy=True),
        tokenizer=byte_pair_tokenizer() if text_config.vocab_size == _VOCABULARY else None,
        processor=_processor(model, vision_config),
    )


def is_known(name: str) -> bool:
    """Whether OpenCLIP knows an architecture of that name."""
    return open_clip.get_model_config(name) is not None


def like(name: str) -> str:
    """A hint at OpenCLIP's names that are near to one, such as "; did you mean 'ViT-L-14'?"; "" if none is."""
    hint = nearest(name, open_clip.list_models())
    return hint if "did you mean" in hint else ""


def vision_config_of(visual: Any, name: str) -> CLIPVisionConfig:
    """The four-channel configuration of a finished OpenCLIP vision tower.

    Raises:
        CheckpointError: Not a plain ViT; names the field that does not fit.
    """
    if type(visual) is not VisionTransformer:
        refuse(name, "visual", type(visual).__name__, "VisionTransformer")
    for field, expected in (("pool_type", "tok"), ("attn_pool", None), ("final_ln_after_pool", False)):
        if getattr(visual, field) != expected:
            refuse(name, f"visual.{field}", getattr(visual, field), expected)
    _check_norms(visual, "visual", name)
    (height, width), (patch, other_patch) = visual.image_size, visual.patch_size
    if height != width or patch != other_patch:
        refuse(name, "visual.image_size", visual.image_size, "a square of square patches")
    activation = _check_blocks(visual.transformer, "visual", name)  # Before shapes are read off the blocks.
    block: Any = visual.transformer.resblocks[0]
    return CLIPVisionConfig(
        hidden_size=visual.conv1.out_channels,
        intermediate_size=block.mlp.c_fc.out_features,
        projection_dim=visual.output_dim,
        num_hidden_layers=len(visual.transformer.resblocks),
        num_attention_heads=block.attn.num_heads,
        num_channels=4,
        image_size=height,
        patch_size=patch,
        hidden_act=activation,
    )


def text_config_of(model: nn.Module, name: str) -> CLIPTextConfig:
    """The configuration of a finished OpenCLIP model's text tower.

    Raises:
        CheckpointError: Not a plain one; names the field that does not fit.
    """
    text: Any = getattr(model, "text", model)
    if not hasattr(text, "token_embedding"):
        refuse(name, "text", type(text).__name__, "TextTransformer")
    pool = getattr(text, "text_pool_type", None) or getattr(text, "pool_type", None)
    if pool != "argmax":
        refuse(name, "text.pool_type", pool, "argmax")
    if getattr(text, "attn_mask", None) is None:
        refuse(name, "text.no_causal_mask", True, False)
    if getattr(text, "cls_emb", None) is not None:
        refuse(name, "text.embed_cls", True, False)
    if not isinstance(text.text_projection, nn.Parameter):
        refuse(name, "text.text_projection", type(text.text_projection).__name__, "a matrix without bias")
    _check_norms(text, "text", name)
    activation = _check_blocks(text.transformer, "text", name)
    block = text.transformer.resblocks[0]
    vocabulary, width = text.token_embedding.weight.shape
    return CLIPTextConfig(
        vocab_size=vocabulary,
        hidden_size=width,
        intermediate_size=block.mlp.c_fc.out_features,
        projection_dim=text.text_projection.shape[1],
        num_hidden_layers=len(text.transformer.resblocks),
        num_attention_heads=block.attn.num_heads,
        max_position_embeddings=text.positional_embedding.shape[0],
        hidden_act=activation,
        # OpenCLIP pools at the largest token id, which is the end token.
        bos_token_id=vocabulary - 2,
        eos_token_id=vocabulary - 1,
        pad_token_id=vocabulary - 1,
    )


def _check_norms(tower: nn.Module, section: str, name: str) -> None:
    for key, module in tower.named_children():
        if key.startswith("ln_") and type(module) not in (LayerNorm, LayerNormFp32):
            refuse(name, f"{section}.{key}", type(module).__name__, "LayerNorm")
    for key, module in tower.named_modules():
        if isinstance(module, nn.LayerNorm) and module.eps != 1e-5:
            refuse(name, f"{section}.{key}.eps", module.eps, 1e-5)


def _check_blocks(transformer: nn.Module, section: str, name: str) -> str:
    blocks: Any = transformer.get_submodule("resblocks")
    for index, block in enumerate(blocks):
        where = f"{section}.transformer.resblocks.{index}"
        if type(block) is not ResidualAttentionBlock:
            refuse(name, where, type(block).__name__, "ResidualAttentionBlock")
        if not isinstance(block.ls_1, nn.Identity):
            refuse(name, f"{where}.ls_1", type(block.ls_1).__name__, "no LayerScale (ls_init_value=None)")
    activation = blocks[0].mlp.gelu
    if isinstance(activation, QuickGELU):
        return "quick_gelu"
    if type(activation) is not nn.GELU or activation.approximate != "none":
        refuse(name, f"{section}.act_kwargs", activation, "GELU or QuickGELU")
    return "gelu"


def _split(model: nn.Module, name: str) -> tuple[dict[str, Tensor], dict[str, Tensor], Tensor]:
    """The vision tower and the text tower as the published Alpha-CLIP would name them, and the logit scale."""
    state = dict(model.state_dict())
    if "logit_bias" in state:
        refuse(name, "init_logit_bias", state["logit_bias"].item(), None)
    logit_scale = state.pop("logit_scale").reshape(())
    vision = {k.removeprefix("visual."): v for k, v in state.items() if k.startswith("visual.")}
    text = {k.removeprefix("text."): v for k, v in state.items() if not k.startswith("visual.")}
    return plain_to_published(vision), join_attention_names(text), logit_scale


def _cast(state: Mapping[str, Tensor], dtype: torch.dtype | None) -> dict[str, Tensor]:
    # Copies: training the result must not train the model it came from.
    return {k: v.to(dtype=dtype or v.dtype, copy=True) for k, v in state.items()}


def byte_pair_tokenizer() -> CLIPTokenizer:
    """OpenAI's CLIP tokenizer, from the vocabulary that OpenCLIP ships: nothing is fetched."""
    ours = open_clip.SimpleTokenizer()
    names = {"<start_of_text>": _START, "<end_of_text>": _END}
    vocabulary = {names.get(token, token): index for token, index in ours.encoder.items()}
    merges: Any = list(ours.bpe_ranks)  # pairs, which the class takes though it declares strings
    return CLIPTokenizer(vocab=vocabulary, merges=merges, model_max_length=77)


def _processor(model: nn.Module, config: CLIPVisionConfig) -> AlphaCLIPProcessor:
    settings: Mapping[str, Any] = getattr(getattr(model, "visual", None), "preprocess_cfg", None) or {}
    red, green, blue = settings.get("mean", RGB_MEAN)
    red_std, green_std, blue_std = settings.get("std", RGB_STD)
    return AlphaCLIPProcessor(
        geometry=Geometry(size=square(config)[0]),
        image_mean=(red, green, blue, ALPHA_MEAN),
        image_std=(red_std, green_std, blue_std, ALPHA_STD),
    )
