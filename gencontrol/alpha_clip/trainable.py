"""Training an alpha channel into a vision tower: what of it is trained, and the tower that comes out."""

import copy
from typing import Any, cast

from torch import nn
from transformers import SiglipVisionModel

from gencontrol.alpha_clip.alpha_slice import VisionTower, alpha_parameters, merged, split_alpha
from gencontrol.errors import ConfigError, MissingDependencyError


def trainable_tower(
    vision: VisionTower, *, unfrozen_blocks: int | None = None, lora_rank: int = 0
) -> tuple[nn.Module, list[nn.Parameter], list[nn.Parameter]]:
    """The tower with its alpha slice split off and the chosen parts trainable, changed in place.

    Args:
        vision: Of four channels.
        unfrozen_blocks: Train only this many of the last blocks beside the alpha slice and what follows them; None is
            all.
        lora_rank: Train low-rank updates of the blocks' matrices instead of the matrices; 0 trains these.

    Returns:
        What is to be trained, its alpha slice, and all else of it that is trained.

    Raises:
        ConfigError: More blocks to unfreeze than there are.
        MissingDependencyError: LoRA without peft.
    """
    split_alpha(vision)
    alpha, rest = alpha_parameters(vision)
    for parameter in rest:
        parameter.requires_grad_(False)
    for parameter in _unfrozen(vision, unfrozen_blocks):
        parameter.requires_grad_(True)
    alpha[0].requires_grad_(True)
    module = _with_lora(vision, rank=lora_rank, blocks=unfrozen_blocks) if lora_rank else vision
    if lora_rank:
        alpha[0].requires_grad_(True)  # peft freezes whatever it did not add.
    others = [p for p in module.parameters() if p.requires_grad and p is not alpha[0]]
    return module, alpha, others


def finished_tower(module: nn.Module) -> Any:
    """A copy with plain weights: LoRA's updates added in and the alpha slice joined."""
    duplicate = copy.deepcopy(module)
    if hasattr(duplicate, "merge_and_unload"):
        duplicate = cast(nn.Module, cast(object, duplicate.merge_and_unload()))  # type: ignore[operator]
    tower = merged(duplicate)
    assert isinstance(tower, VisionTower)
    return tower.requires_grad_(False).eval()


def _unfrozen(vision: VisionTower, blocks: int | None) -> list[nn.Parameter]:
    layers = _layers(vision)
    if blocks is None:
        return list(vision.parameters())
    if not 0 <= blocks <= len(layers):
        raise ConfigError(f"unfrozen_blocks: expected 0 to {len(layers)}, got {blocks}.")
    last = vision.head if isinstance(vision, SiglipVisionModel) else vision.visual_projection
    parts = [*layers[len(layers) - blocks :], _inner(vision).post_layernorm, last]
    return [p for part in parts for p in part.parameters()]


def _inner(vision: VisionTower) -> Any:
    """What holds a tower's embeddings, blocks and last norm: of a CLIP a module of its own."""
    return vision if isinstance(vision, SiglipVisionModel) else vision.vision_model


def _layers(vision: VisionTower) -> Any:
    return _inner(vision).encoder.layers


def _with_lora(vision: VisionTower, *, rank: int, blocks: int | None) -> nn.Module:
    try:
        from peft import LoraConfig, get_peft_model
    except ImportError:
        raise MissingDependencyError("LoRA uses peft: run `pip install 'gencontrol[train]'`.") from None
    targets = ["q_proj", "k_proj", "v_proj", "out_proj", "fc1", "fc2"]
    layers = range(len(_layers(vision)))
    chosen = list(layers if blocks is None else layers[len(layers) - blocks :])
    adapters = LoraConfig(r=rank, lora_alpha=rank, target_modules=targets, layers_to_transform=chosen)
    return get_peft_model(vision, adapters)
