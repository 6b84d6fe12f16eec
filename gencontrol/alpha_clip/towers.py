"""Stock towers taken apart, put together, widened and filled: weights are shared or copied, never drawn anew."""

import copy
from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from transformers import (
    CLIPConfig,
    CLIPModel,
    CLIPTextConfig,
    CLIPTextModelWithProjection,
    CLIPVisionConfig,
    CLIPVisionModelWithProjection,
    PreTrainedTokenizerBase,
)

from gencontrol.alpha_clip.one_pass.change import OnePass
from gencontrol.alpha_clip.preprocess import AlphaCLIPProcessor
from gencontrol.alpha_clip.weights.convert import widen_patch_embedding

# ln(1 / 0.07): the temperature that OpenAI's CLIP started from, and CLIPConfig's default.
LOGIT_SCALE = 2.6592


@dataclass(frozen=True, kw_only=True)
class Parts:
    """What an AlphaCLIP is made of."""

    vision: CLIPVisionModelWithProjection
    """The vision tower; three or four channels."""
    text: CLIPTextModelWithProjection | None = None
    """The text tower."""
    logit_scale: Tensor | None = None
    """Logarithm of the inverse temperature; a scalar."""
    tokenizer: PreTrainedTokenizerBase | None = None
    """The text tower's tokenizer."""
    processor: AlphaCLIPProcessor
    """Geometry and normalisation of the input."""
    one_pass: OnePass | None = None
    """What several regions are embedded at once with."""


def take_apart(clip: CLIPModel) -> tuple[CLIPVisionModelWithProjection, CLIPTextModelWithProjection]:
    """The two towers of a CLIPModel with their projections; they share its modules."""
    vision_config, text_config = copy.deepcopy((clip.vision_model.config, clip.text_model.config))
    vision_config.projection_dim = text_config.projection_dim = clip.visual_projection.out_features
    with torch.device("meta"):
        vision = CLIPVisionModelWithProjection(vision_config)
        text = CLIPTextModelWithProjection(text_config)
    vision.vision_model, vision.visual_projection = clip.vision_model, clip.visual_projection
    text.text_model, text.text_projection = clip.text_model, clip.text_projection
    return vision, text


def put_together(
    vision: CLIPVisionModelWithProjection, text: CLIPTextModelWithProjection, logit_scale: Tensor
) -> CLIPModel:
    """One CLIPModel of two towers, whose modules it shares."""
    config = CLIPConfig(
        vision_config=copy.deepcopy(vision.config),
        text_config=copy.deepcopy(text.config),
        projection_dim=vision.config.projection_dim,
    )
    with torch.device("meta"):
        clip = CLIPModel(config)
    clip.vision_model, clip.visual_projection = vision.vision_model, vision.visual_projection
    clip.text_model, clip.text_projection = text.text_model, text.text_projection
    clip.logit_scale = nn.Parameter(logit_scale.detach(), requires_grad=False)
    return clip


def fill_vision(config: CLIPVisionConfig, state: Mapping[str, Tensor]) -> CLIPVisionModelWithProjection:
    """A vision tower that holds these tensors themselves; the keys must be exactly the tower's."""
    with torch.device("meta"):
        tower = CLIPVisionModelWithProjection(config)
    tower.load_state_dict(dict(state), strict=True, assign=True)
    fill_positions(tower.vision_model.embeddings, tower.device)
    return tower.eval()


def fill_text(config: CLIPTextConfig, state: Mapping[str, Tensor]) -> CLIPTextModelWithProjection:
    """A text tower that holds these tensors themselves; the keys must be exactly the tower's."""
    with torch.device("meta"):
        tower = CLIPTextModelWithProjection(config)
    tower.load_state_dict(dict(state), strict=True, assign=True)
    fill_positions(tower.text_model.embeddings, tower.device)
    return tower.eval()


def fill_positions(embeddings: nn.Module, device: torch.device) -> None:
    """The numbers of the positions: a buffer that is not saved, so filling the parameters leaves it without storage."""
    count = embeddings.get_parameter("position_embedding.weight").shape[0]
    embeddings.register_buffer("position_ids", torch.arange(count, device=device)[None], persistent=False)


def widen(vision: CLIPVisionModelWithProjection) -> CLIPVisionModelWithProjection:
    """A four-channel tower that ignores alpha, sharing all weights but the patch convolution; four stay as they are."""
    if vision.config.num_channels == 4:
        return vision
    config = copy.deepcopy(vision.config)
    config.num_channels = 4
    return fill_vision(config, widen_patch_embedding(vision.state_dict()))


def shapes_of(module: nn.Module) -> dict[str, tuple[int, ...]]:
    """Key -> shape of everything that the module saves."""
    return {k: tuple(v.shape) for k, v in module.state_dict().items()}
