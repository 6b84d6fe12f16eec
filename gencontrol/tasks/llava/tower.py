"""The vision tower of a loaded LLaVA: looked at, widened by an alpha channel, or replaced by an Alpha-CLIP's.

Alpha-CLIP's authors put their tower into LLaVA-1.5 without training the language side. Their alpha convolution, whose
output is added to that of the one over colour, is the fourth channel of the stock class's own patch embedding.

Source: https://github.com/SunzeY/AlphaCLIP, commit e5676c9, `demo/with_llm` (Apache 2.0).
"""

import copy
from collections.abc import Mapping

import torch
from torch import Tensor, nn
from transformers import CLIPVisionConfig, CLIPVisionModelWithProjection, LlavaConfig, LlavaForConditionalGeneration

from gencontrol.alpha_clip.architectures import square
from gencontrol.alpha_clip.patch_product import patch_product_in
from gencontrol.alpha_clip.weights.convert import widen_patch_weight
from gencontrol.errors import CheckpointError, PairingError

PATCHES = "embeddings.patch_embedding.weight"
"""The patch embedding's weight, within a tower."""
LAYER, STRATEGY = -2, "default"
"""What of the tower LLaVA-1.5 reads: the patches after the last block but one."""
_SHAPE = ("hidden_size", "intermediate_size", "num_hidden_layers", "num_attention_heads", "image_size", "patch_size")
_ALIKE = (*_SHAPE, "hidden_act", "layer_norm_eps")


def check_llava(config: LlavaConfig, *, source: str) -> None:
    """Refuse a LLaVA that does not look as LLaVA-1.5 does.

    Raises:
        CheckpointError: Another kind of tower, another number of channels, or another layer of it.
    """
    vision = config.vision_config
    if not isinstance(vision, CLIPVisionConfig):
        kind = getattr(vision, "model_type", type(vision).__name__)
        raise CheckpointError(
            f"{source} looks with a tower of type {kind!r}: expected CLIP's (clip_vision_model), as LLaVA-1.5 has it, "
            "since an alpha channel comes from an Alpha-CLIP."
        )
    layer, strategy = config.vision_feature_layer, config.vision_feature_select_strategy
    if (layer, strategy) != (LAYER, STRATEGY):
        raise CheckpointError(
            f"{source} reads layer {layer} of its tower ({strategy}): expected layer {LAYER} ({STRATEGY}), the patches "
            "after the last block but one, as LLaVA-1.5 does."
        )
    if vision.num_channels not in (3, 4):
        raise CheckpointError(f"{source} looks at pictures of {vision.num_channels} channels; expected 3 or 4.")
    square(vision)


def vision_tower(model: LlavaForConditionalGeneration) -> nn.Module:
    """The tower itself, below whatever this version of transformers puts around it."""
    tower = model.model.vision_tower
    return getattr(tower, "vision_model", tower)


def patch_embedding(model: LlavaForConditionalGeneration) -> nn.Module:
    """The patch convolution of a LLaVA's tower."""
    return vision_tower(model).get_submodule("embeddings.patch_embedding")


def has_alpha(model: LlavaForConditionalGeneration) -> bool:
    """Whether any weight over a fourth channel is not zero; otherwise the map of a region plays no part."""
    weight = patch_embedding(model).get_parameter("weight")
    return bool(weight[:, 3:].any())


def looks_by(config: LlavaConfig) -> CLIPVisionConfig:
    """The configuration of a LLaVA's tower, which `check_llava` has seen."""
    vision = config.vision_config
    assert isinstance(vision, CLIPVisionConfig)
    return vision


def image_tokens(config: LlavaConfig) -> int:
    """How many tokens stand for a picture."""
    side, patch = square(looks_by(config))
    return (side // patch) ** 2


def widen_llava(model: LlavaForConditionalGeneration) -> None:
    """Give a LLaVA's tower a fourth channel of zero weights, in place; four stay as they are.

    The answers stay the same to the bit, whatever the alpha map.
    """
    if looks_by(model.config).num_channels == 3:
        state = vision_tower(model).state_dict()
        _replace(model, state | {PATCHES: widen_patch_weight(state[PATCHES])})
    patch_product_in(patch_embedding(model))


def swap_tower(model: LlavaForConditionalGeneration, tower: CLIPVisionModelWithProjection) -> None:
    """Let a LLaVA look with the tower of an Alpha-CLIP, in place; weights are copied.

    Args:
        model: Checked by `check_llava`.
        tower: Of four channels and the shape of the LLaVA's own. Its projection plays no part.

    Raises:
        PairingError: A tower of another shape; says which two values differ.
    """
    own, new = looks_by(model.config), tower.config
    if new.num_channels != 4:
        raise PairingError(f"The tower has {new.num_channels} channels; expected the four of an Alpha-CLIP.")
    for name in _ALIKE:
        if getattr(own, name) != getattr(new, name):
            raise PairingError(
                f"The Alpha-CLIP's {name} is {getattr(new, name)}, and that of the LLaVA's tower {getattr(own, name)}: "
                "take the Alpha-CLIP of the same CLIP (LLaVA-1.5 looks with ViT-L/14@336)."
            )
    state = {key.removeprefix("vision_model."): value for key, value in tower.state_dict().items()}
    state.pop("visual_projection.weight")
    _replace(model, state)
    patch_product_in(patch_embedding(model))


def _replace(model: LlavaForConditionalGeneration, state: Mapping[str, Tensor]) -> None:
    """A tower of four channels that holds these weights, in the place of the model's; keys must be exactly its own."""
    old = model.model.vision_tower
    config = copy.deepcopy(looks_by(model.config))
    config.num_channels = 4
    with torch.device("meta"):
        new = type(old)(config)
    own = getattr(new, "vision_model", new)
    like = next(vision_tower(model).parameters())
    own.load_state_dict(
        {key: value.detach().clone().to(like.device, like.dtype) for key, value in state.items()},
        strict=True,
        assign=True,
    )
    # A buffer that is not saved, so filling the parameters leaves it without storage.
    places = vision_tower(model).get_buffer("embeddings.position_ids").clone()
    own.get_submodule("embeddings").register_buffer("position_ids", places, persistent=False)
    model.model.vision_tower = new.train(old.training)
    model.config.vision_config = config
