"""The alpha slice of the patch convolution as a parameter of its own, for training, and back again for all else.

The published recipe trains the alpha convolution a hundred times faster than the rest, but in a four-channel tower it
is a slice of one weight. While split, `state_dict` has other keys that transformers does not know, so what is saved,
averaged or evaluated is always a merged copy.
"""

import copy
from typing import TypeVar

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn.utils import parametrize
from transformers import CLIPVisionModelWithProjection, SiglipVisionModel

from gencontrol.errors import InputError
from gencontrol.kinds import checked

AnyModule = TypeVar("AnyModule", bound=nn.Module)
VisionTower = CLIPVisionModelWithProjection | SiglipVisionModel
"""Towers whose patch embedding can have an alpha channel."""


class ConcatenatedChannels(nn.Module):
    """A patch weight kept as its colour slice and its alpha slice; for `torch.nn.utils.parametrize`."""

    def forward(self, rgb: Float[Tensor, "d 3 p p"], alpha: Float[Tensor, "d 1 p p"]) -> Float[Tensor, "d 4 p p"]:
        """The weight that the convolution uses."""
        return torch.cat([rgb, alpha], dim=1)

    def right_inverse(self, weight: Float[Tensor, "d 4 p p"]) -> tuple[Tensor, Tensor]:
        """The two slices, contiguous so that optimisers and writers take them."""
        return weight[:, :3].contiguous(), weight[:, 3:].contiguous()


def patch_convolution(vision: VisionTower) -> nn.Module:
    """The tower's patch embedding."""
    inner = vision if isinstance(vision, SiglipVisionModel) else vision.vision_model
    return inner.embeddings.patch_embedding


def patch_weight(vision: VisionTower) -> Float[Tensor, "d c p p"]:
    """The patch embedding's weight as the convolution uses it, split or not."""
    weight = patch_convolution(vision).weight
    assert isinstance(weight, Tensor)
    return weight


def is_split(module: nn.Module) -> bool:
    """Whether any weight inside is parametrised."""
    return any(parametrize.is_parametrized(m) for m in module.modules())


@checked
def split_alpha(vision: VisionTower) -> None:
    """Split the patch weight of a four-channel tower in place; once split, nothing more is done."""
    convolution = patch_convolution(vision)
    if not parametrize.is_parametrized(convolution, "weight"):
        parametrize.register_parametrization(convolution, "weight", ConcatenatedChannels())


@checked
def alpha_parameters(vision: VisionTower) -> tuple[list[nn.Parameter], list[nn.Parameter]]:
    """The alpha slice, and all other parameters of a split tower, for an optimiser's groups.

    Raises:
        InputError: The tower is not split.
    """
    if not is_split(vision):
        raise InputError("alpha_parameters: expected a tower whose alpha slice is split: call split_alpha first.")
    alpha = patch_convolution(vision).get_parameter("parametrizations.weight.original1")
    return [alpha], [p for p in vision.parameters() if p is not alpha]


@checked
def merged(module: AnyModule) -> AnyModule:
    """A deep copy with plain weights; the module (a tower, or a whole AlphaCLIP) stays as it is, split or not."""
    duplicate = copy.deepcopy(module)
    for parent in list(duplicate.modules()):
        for name, child in parent.named_children():
            if isinstance(child, nn.Conv2d) and parametrize.is_parametrized(child, "weight"):
                setattr(parent, name, _plain(child))
    return duplicate


def _plain(convolution: nn.Conv2d) -> nn.Conv2d:
    # Not torch's remove_parametrizations: a deep copy shares the original's injected class, from which it would take
    # the weight away for both (torch 2.14).
    inputs, outputs, size, stride = (
        getattr(convolution, n) for n in ("in_channels", "out_channels", "kernel_size", "stride")
    )
    plain = nn.Conv2d(inputs, outputs, size, stride, bias=False, device="meta")
    plain.weight = nn.Parameter(convolution.weight.detach().clone())
    # SigLIP's has a bias, CLIP's has none.
    plain.bias = None if convolution.bias is None else nn.Parameter(convolution.bias.detach().clone())
    return plain.train(convolution.training)
