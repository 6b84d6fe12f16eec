"""Writing an encoder for applications that stand on other code: the published checkpoint, and OpenCLIP's layout."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from safetensors.torch import save_file
from torch import Tensor
from transformers import CLIPTextConfig, CLIPTextModelWithProjection, CLIPVisionConfig, CLIPVisionModelWithProjection

from gencontrol import files
from gencontrol.alpha_clip.alpha_slice import is_split, merged
from gencontrol.alpha_clip.architectures import square
from gencontrol.alpha_clip.preprocess import AlphaCLIPProcessor
from gencontrol.alpha_clip.weights.convert import clip_text_to_open_clip, clip_to_open_clip, clip_to_published
from gencontrol.alpha_clip.weights.open_clip_files import CONFIG, WEIGHTS
from gencontrol.alpha_clip.weights.open_clip_reader import open_clip_models
from gencontrol.errors import InputError
from gencontrol.finite import check_finite_weights

if TYPE_CHECKING:
    from open_clip import CLIP
else:
    CLIP = Any

_ACTIVATIONS = {"quick_gelu": True, "gelu": False}


def save_published(path: Path, vision: CLIPVisionModelWithProjection) -> None:
    """Write a vision tower as the Alpha-CLIP authors' checkpoints are: see `AlphaCLIP.save_published`."""
    check_finite_weights(vision, source="The vision tower")
    state = clip_to_published((merged(vision) if is_split(vision) else vision).state_dict())
    plain = {name: value.detach().cpu().contiguous() for name, value in state.items()}
    with files.atomic_file(path) as temporary:
        if path.suffix == ".safetensors":
            save_file(plain, temporary)
        else:
            # By its path torch would name the archive after the file, and fail at names without a suffix.
            with temporary.open("wb") as file:
                torch.save(plain, file)


def to_open_clip(vision: CLIPVisionModelWithProjection, text: CLIPTextModelWithProjection, logit_scale: Tensor) -> CLIP:
    """An OpenCLIP model with four input channels: see `AlphaCLIP.to_open_clip`."""
    model = open_clip_models().new_clip(open_clip_settings(vision.config, text.config), channels=4)
    vision = merged(vision) if is_split(vision) else vision
    state = {f"visual.{k}": v for k, v in clip_to_open_clip(vision.state_dict()).items()}
    state |= clip_text_to_open_clip(text.state_dict()) | {"logit_scale": logit_scale.detach().reshape(())}
    model.load_state_dict({name: value.detach().clone() for name, value in state.items()}, strict=True, assign=True)
    return model.eval()


def save_open_clip(folder: Path, model: Any, processor: AlphaCLIPProcessor, settings: dict[str, Any]) -> None:
    """Write what `AlphaCLIP.save_open_clip` does."""
    check_finite_weights(model, source="The model")
    mean, std = (list(values[:3]) for values in (processor.image_mean, processor.image_std))
    about = {"model_cfg": settings, "preprocess_cfg": {"mean": mean, "std": std}}
    state = {name: value.detach().cpu().contiguous() for name, value in model.state_dict().items()}
    with files.atomic_folder(folder, ours=(CONFIG, WEIGHTS)) as temporary:
        (temporary / CONFIG).write_text(json.dumps(about, indent=2, allow_nan=False), encoding="utf-8")
        save_file(state, temporary / WEIGHTS)


def open_clip_settings(vision: CLIPVisionConfig, text: CLIPTextConfig) -> dict[str, Any]:
    """What OpenCLIP calls `model_cfg`.

    Raises:
        InputError: Towers of different activations or one that OpenCLIP has not, or a text tower that does not read
            its sentence off the largest token id, as OpenCLIP's does.
    """
    if vision.hidden_act != text.hidden_act or vision.hidden_act not in _ACTIVATIONS:
        raise InputError(
            f"OpenCLIP has one activation for both towers, of {', '.join(_ACTIVATIONS)}; these have "
            f"{vision.hidden_act} and {text.hidden_act}."
        )
    if text.eos_token_id not in (2, text.vocab_size - 1):
        raise InputError(
            f"OpenCLIP reads a sentence off its largest token id, {text.vocab_size - 1}; this text tower reads it off "
            f"{text.eos_token_id}: `to` published takes the vision tower alone."
        )
    size, patch = square(vision)
    return {
        "embed_dim": vision.projection_dim,
        "quick_gelu": _ACTIVATIONS[vision.hidden_act],
        "vision_cfg": {
            "image_size": size,
            "patch_size": patch,
            "layers": vision.num_hidden_layers,
            "width": vision.hidden_size,
            "head_width": vision.hidden_size // vision.num_attention_heads,
            "mlp_ratio": vision.intermediate_size / vision.hidden_size,
        },
        "text_cfg": {
            "context_length": text.max_position_embeddings,
            "vocab_size": text.vocab_size,
            "width": text.hidden_size,
            "heads": text.num_attention_heads,
            "layers": text.num_hidden_layers,
            "mlp_ratio": text.intermediate_size / text.hidden_size,
        },
    }
