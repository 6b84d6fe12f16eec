"""OpenCLIP's models, made by name or filled from a file: plain ViTs alone, of three input channels or of four.

The fields and their defaults are those of open_clip 3.3, `open_clip/model.py` and `open_clip/transformer.py` (MIT).
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, NoReturn

import open_clip
import torch
from torch import Tensor, nn

from gencontrol.alpha_clip.weights.describe import check_shapes, check_weights, describe
from gencontrol.alpha_clip.weights.open_clip_files import CONFIG, WEIGHTS
from gencontrol.alpha_clip.weights.tensor_files import read_state
from gencontrol.alpha_clip.weights.unpickling import printable
from gencontrol.configuration import nearest
from gencontrol.errors import CheckpointError, InputError
from gencontrol.models.location import read_json
from gencontrol.text_files import check_no_address

# Fields that say a plain ViT's shape (and patch_dropout, which acts in training only). All others of a configuration
# must have OpenCLIP's default, or not be there.
_SHAPE = {
    "vision_cfg": {"layers", "width", "head_width", "mlp_ratio", "patch_size", "image_size", "patch_dropout"},
    "text_cfg": {"context_length", "vocab_size", "width", "heads", "layers", "mlp_ratio"},
    "": {"embed_dim", "quick_gelu", "vision_cfg", "text_cfg"},
}
_LOCAL = "local-dir:"


def create_model(name: str, pretrained: str | None, *, local_files_only: bool) -> nn.Module:
    """Make one of OpenCLIP's models with its weights; see `AlphaCLIP.from_open_clip`."""
    # "hf-hub:..." and "local-dir:..." bring their own configuration, which the finished model is checked for.
    folder = Path(name.removeprefix(_LOCAL))
    if (folder / CONFIG).is_file():
        return _open_folder(folder)
    check_no_address(name, what="the name of a model of OpenCLIP's, or local-dir:FOLDER")
    if ":" in name:
        if local_files_only and not name.startswith(_LOCAL):
            raise InputError(f"OpenCLIP would fetch {name}, and only local files may be used: give local-dir:FOLDER.")
        return _created(name)
    config = open_clip.get_model_config(name)
    if config is None:
        raise InputError(f"OpenCLIP knows no model {name!r}{nearest(name, open_clip.list_models())}")
    check_config(config, name)
    if pretrained is None:
        tags = ", ".join(open_clip.list_pretrained_tags_by_model(name)) or "none"
        raise InputError(f"Say which weights of {name} to load: pretrained=... (OpenCLIP knows: {tags}; or a file).")
    check_no_address(pretrained, what="a tag or a file of weights")
    if Path(pretrained).is_file():
        return _filled(config, Path(pretrained), wanted=f"OpenCLIP's {name}")
    is_tag = "/" not in pretrained and "." not in pretrained
    if is_tag and not open_clip.get_pretrained_cfg(name, pretrained):
        hint = nearest(pretrained, open_clip.list_pretrained_tags_by_model(name))
        raise InputError(f"OpenCLIP has no weights {pretrained!r} of {name}, and no file is there{hint}")
    if local_files_only:
        raise InputError(
            f"OpenCLIP would fetch the weights {pretrained!r} of {name}, and only local files may be used: give "
            "pretrained a file."
        )
    return _created(name, pretrained=pretrained)


def _created(name: str, *, pretrained: str | None = None) -> nn.Module:
    try:
        return open_clip.create_model(name, pretrained=pretrained)
    except Exception as error:  # Of a folder or a repository that is none of its own, OpenCLIP raises anything.
        weights = f"{pretrained!r} for {name}" if pretrained else name
        reason = printable(" ".join(str(error).split()), 200)
        raise CheckpointError(f"OpenCLIP cannot load {weights}: {reason}") from error


def _open_folder(folder: Path) -> nn.Module:
    """What OpenCLIP's `local-dir:` opens, of three channels or of four."""
    about = read_json(folder / CONFIG)
    if not (folder / WEIGHTS).is_file():
        return _created(f"{_LOCAL}{folder}")
    settings = about.get("model_cfg", {})
    check_config(settings, str(folder))
    model = _filled(settings, folder / WEIGHTS, wanted=f"what {CONFIG} describes")
    model.visual.preprocess_cfg = about.get("preprocess_cfg", {})
    return model


def _filled(settings: Mapping[str, Any], path: Path, *, wanted: str) -> open_clip.CLIP:
    """A plain model with the weights of a file, which is read here: OpenCLIP's own reader runs what is in archives."""
    state = {k: v for k, v in read_state(path).items() if k != "attn_mask"}
    patch = state.get("visual.conv1.weight")
    if patch is None or patch.dim() != 4:
        raise CheckpointError(f"{path} is not {wanted}: it looks like {describe(shapes_in(state))}.")
    model = new_clip(settings, channels=patch.shape[1])
    expected = shapes_in(model.state_dict())
    state |= {"logit_scale": state["logit_scale"].reshape(())} if "logit_scale" in state else {}
    check_shapes(shapes_in(state), expected, source=str(path), wanted=wanted)
    check_weights(state, source=str(path))
    model.load_state_dict({name: value.float() for name, value in state.items()}, strict=True, assign=True)
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
                refuse(name, f"{section}.{field}".strip("."), value, default)
    if isinstance(config["vision_cfg"].get("layers"), (list, tuple)):
        refuse(name, "vision_cfg.layers", config["vision_cfg"]["layers"], "one number of transformer layers")


def refuse(name: str, field: str, value: Any, expected: Any) -> NoReturn:
    """Say which field of a model is none of a plain ViT's.

    Raises:
        CheckpointError: Always.
    """
    raise CheckpointError(
        f"{name} is not a plain ViT: {field} is {value!r}; expected {expected!r}. Only plain ViTs are CLIP's own "
        "transformer (such as ViT-B-32, ViT-B-16, ViT-L-14, ViT-L-14-336, ViT-H-14, ViT-bigG-14)."
    )


def shapes_in(state: Mapping[str, Tensor]) -> dict[str, tuple[int, ...]]:
    """Key -> shape."""
    return {k: tuple(v.shape) for k, v in state.items()}
