"""OpenCLIP's plain ViTs, which are CLIP's transformer under other names; all else is refused, saying which field.

The fields and their defaults are those of open_clip 3.3, `open_clip/model.py` and `open_clip/transformer.py` (MIT).
"""

from collections.abc import Mapping
from pathlib import Path
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
from gencontrol.alpha_clip.weights.describe import check_shapes, check_weights
from gencontrol.alpha_clip.weights.open_clip_files import CONFIG, WEIGHTS
from gencontrol.alpha_clip.weights.tensor_files import read_state
from gencontrol.configuration import nearest
from gencontrol.errors import CheckpointError, InputError
from gencontrol.models.location import read_json
from gencontrol.regions.geometry import Geometry

# Fields that say a plain ViT's shape (and patch_dropout, which acts in training only). All others of a configuration
# must have OpenCLIP's default, or not be there.
_SHAPE = {
    "vision_cfg": {"layers", "width", "head_width", "mlp_ratio", "patch_size", "image_size", "patch_dropout"},
    "text_cfg": {"context_length", "vocab_size", "width", "heads", "layers", "mlp_ratio"},
    "": {"embed_dim", "quick_gelu", "vision_cfg", "text_cfg"},
}
# The size of OpenAI's byte-pair vocabulary, which OpenCLIP ships.
_VOCABULARY = 49408
_LOCAL = "local-dir:"
_START, _END = "<|startoftext|>", "<|endoftext|>"


def load_open_clip(
    model: str | nn.Module, *, pretrained: str | None, local_files_only: bool, dtype: torch.dtype | None
) -> Parts:
    """Make or take an OpenCLIP model and convert both towers; see `AlphaCLIP.from_open_clip`."""
    name = model if isinstance(model, str) else type(model).__name__
    if isinstance(model, str):
        model = _create(model, pretrained, local_files_only=local_files_only)
        dtype = dtype or torch.float32
    vision_config = vision_config_of(getattr(model, "visual", None), name)
    text_config = text_config_of(model, name)
    vision, text, logit_scale = _split(model, name)
    check_shapes(_shapes(vision), published_shapes(vision_config), source=name, wanted="a plain ViT of OpenCLIP's")
    check_shapes(_shapes(text), text_shapes(text_config), source=name, wanted="a plain text tower of OpenCLIP's")
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


def _create(name: str, pretrained: str | None, *, local_files_only: bool) -> nn.Module:
    # "hf-hub:..." and "local-dir:..." bring their own configuration, which the finished model is checked for.
    if name.startswith(_LOCAL) and (Path(name.removeprefix(_LOCAL)) / CONFIG).is_file():
        return _open_folder(Path(name.removeprefix(_LOCAL)))
    if ":" in name:
        if local_files_only and not name.startswith("local-dir:"):
            raise InputError(f"OpenCLIP would fetch {name}, and only local files may be used: give local-dir:FOLDER.")
        return open_clip.create_model(name)
    config = open_clip.get_model_config(name)
    if config is None:
        raise InputError(f"OpenCLIP knows no model {name!r}{nearest(name, open_clip.list_models())}")
    check_config(config, name)
    if pretrained is None:
        tags = ", ".join(open_clip.list_pretrained_tags_by_model(name)) or "none"
        raise InputError(f"Say which weights of {name} to load: pretrained=... (OpenCLIP knows: {tags}; or a file).")
    if local_files_only and not Path(pretrained).is_file():
        raise InputError(
            f"OpenCLIP would fetch the weights {pretrained!r} of {name}, and only local files may be used: give "
            "pretrained a file."
        )
    try:
        return open_clip.create_model(name, pretrained=pretrained)
    except (RuntimeError, OSError, FileNotFoundError) as error:
        raise CheckpointError(f"OpenCLIP cannot load {pretrained!r} for {name}: {error}") from error


def _open_folder(folder: Path) -> nn.Module:
    """What OpenCLIP's `local-dir:` opens, of three channels or of four."""
    about = read_json(folder / CONFIG)
    settings, path = about.get("model_cfg", {}), folder / WEIGHTS
    if not path.is_file():
        return open_clip.create_model(f"{_LOCAL}{folder}")
    check_config(settings, str(folder))
    state = read_state(path)
    patch = state.get("visual.conv1.weight")
    if patch is None or patch.dim() != 4:
        raise CheckpointError(f"{path} holds no vision tower (no visual.conv1.weight).")
    model = new_clip(settings, channels=patch.shape[1])
    found = {k: v for k, v in state.items() if k != "attn_mask"}
    check_shapes(_shapes(found), _shapes(model.state_dict()), source=str(path), wanted=f"what {CONFIG} describes")
    check_weights(found, source=str(path))
    model.load_state_dict(found, strict=True, assign=True)
    model.visual.preprocess_cfg = about.get("preprocess_cfg", {})
    return model.eval()


def new_clip(settings: Mapping[str, Any], *, channels: int) -> open_clip.CLIP:
    """A plain model of OpenCLIP's without weights (on the meta device), of three or four input channels.

    Raises:
        CheckpointError: Settings that it does not take.
    """
    try:
        with torch.device("meta"):
            model = open_clip.CLIP(**settings)
    except (KeyError, TypeError, ValueError) as error:
        raise CheckpointError(f"OpenCLIP cannot make a model of these settings: {error}") from error
    visual: Any = model.visual
    old = visual.conv1
    if channels != old.in_channels:
        size, stride = old.kernel_size, old.stride
        visual.conv1 = nn.Conv2d(channels, old.out_channels, size, stride, bias=False, device="meta")
    # A buffer that is not saved, so filling the weights would leave it without values.
    model.register_buffer("attn_mask", _causal_mask(model.context_length), persistent=False)
    return model


def _causal_mask(length: int) -> Tensor:
    return torch.full((length, length), float("-inf")).triu(1)


def check_config(config: Mapping[str, Any], name: str) -> None:
    """Refuse a configuration that is not a plain ViT's, before any weight is fetched.

    Raises:
        CheckpointError: Naming the first field that does not fit, its value and what was expected.
    """
    defaults = {"": {}, "vision_cfg": vars(open_clip.CLIPVisionCfg()), "text_cfg": vars(open_clip.CLIPTextCfg())}
    for section, known in _SHAPE.items():
        for field, value in (config[section] if section else config).items():
            default = defaults[section].get(field)
            if field not in known and value != default:
                _refuse(name, f"{section}.{field}".strip("."), value, default)
    if isinstance(config["vision_cfg"].get("layers"), (list, tuple)):
        _refuse(name, "vision_cfg.layers", config["vision_cfg"]["layers"], "one number of transformer layers")


def _refuse(name: str, field: str, value: Any, expected: Any) -> None:
    raise CheckpointError(
        f"{name} is not a plain ViT: {field} is {value!r}; expected {expected!r}. Only plain ViTs are CLIP's own "
        "transformer (such as ViT-B-32, ViT-B-16, ViT-L-14, ViT-L-14-336, ViT-H-14, ViT-bigG-14)."
    )


def vision_config_of(visual: Any, name: str) -> CLIPVisionConfig:
    """The four-channel configuration of a finished OpenCLIP vision tower.

    Raises:
        CheckpointError: Not a plain ViT; names the field that does not fit.
    """
    if type(visual) is not VisionTransformer:
        _refuse(name, "visual", type(visual).__name__, "VisionTransformer")
    for field, expected in (("pool_type", "tok"), ("attn_pool", None), ("final_ln_after_pool", False)):
        if getattr(visual, field) != expected:
            _refuse(name, f"visual.{field}", getattr(visual, field), expected)
    _check_norms(visual, "visual", name)
    (height, width), (patch, other_patch) = visual.image_size, visual.patch_size
    if height != width or patch != other_patch:
        _refuse(name, "visual.image_size", visual.image_size, "a square of square patches")
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
        _refuse(name, "text", type(text).__name__, "TextTransformer")
    pool = getattr(text, "text_pool_type", None) or getattr(text, "pool_type", None)
    if pool != "argmax":
        _refuse(name, "text.pool_type", pool, "argmax")
    if getattr(text, "attn_mask", None) is None:
        _refuse(name, "text.no_causal_mask", True, False)
    if getattr(text, "cls_emb", None) is not None:
        _refuse(name, "text.embed_cls", True, False)
    if not isinstance(text.text_projection, nn.Parameter):
        _refuse(name, "text.text_projection", type(text.text_projection).__name__, "a matrix without bias")
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
            _refuse(name, f"{section}.{key}", type(module).__name__, "LayerNorm")
    for key, module in tower.named_modules():
        if isinstance(module, nn.LayerNorm) and module.eps != 1e-5:
            _refuse(name, f"{section}.{key}.eps", module.eps, 1e-5)


def _check_blocks(transformer: nn.Module, section: str, name: str) -> str:
    blocks: Any = transformer.get_submodule("resblocks")
    for index, block in enumerate(blocks):
        where = f"{section}.transformer.resblocks.{index}"
        if type(block) is not ResidualAttentionBlock:
            _refuse(name, where, type(block).__name__, "ResidualAttentionBlock")
        if not isinstance(block.ls_1, nn.Identity):
            _refuse(name, f"{where}.ls_1", type(block.ls_1).__name__, "no LayerScale (ls_init_value=None)")
    activation = blocks[0].mlp.gelu
    if isinstance(activation, QuickGELU):
        return "quick_gelu"
    if type(activation) is not nn.GELU or activation.approximate != "none":
        _refuse(name, f"{section}.act_kwargs", activation, "GELU or QuickGELU")
    return "gelu"


def _split(model: nn.Module, name: str) -> tuple[dict[str, Tensor], dict[str, Tensor], Tensor]:
    """The vision tower and the text tower as the published Alpha-CLIP would name them, and the logit scale."""
    state = dict(model.state_dict())
    if "logit_bias" in state:
        _refuse(name, "init_logit_bias", state["logit_bias"].item(), None)
    logit_scale = state.pop("logit_scale").reshape(())
    vision = {k.removeprefix("visual."): v for k, v in state.items() if k.startswith("visual.")}
    text = {k.removeprefix("text."): v for k, v in state.items() if not k.startswith("visual.")}
    return plain_to_published(vision), join_attention_names(text), logit_scale


def _shapes(state: Mapping[str, Tensor]) -> dict[str, tuple[int, ...]]:
    return {k: tuple(v.shape) for k, v in state.items()}


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
