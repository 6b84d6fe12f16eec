"""The patch embedding as a matrix product on processors: there a bfloat16 convolution can be wrong without a word.

oneDNN 3.12, which torch 2.14 brings, takes its AMX kernel for bfloat16 convolutions whose kernel is as wide as their
stride. For an even number of channels and some widths what comes out has nothing to do with what goes in: for four
channels and patches of 16 or 32 pixels, which are Alpha-CLIP B/16 and B/32, and not for three channels.
"""

from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional
from torch.utils.hooks import RemovableHandle


def patch_product(convolution: nn.Conv2d, pixels: Float[Tensor, "n c s s"]) -> Float[Tensor, "n d g g"]:
    """What a convolution gives whose kernel is as wide as its stride, as one matrix product over patches.

    Args:
        convolution: Square, without padding.
        pixels: What is left of a side that the kernel does not divide stays unseen, as by the convolution: SigLIP at
            384 pixels has patches of 14.
    """
    patch = convolution.kernel_size[0]
    height, width = (side // patch * patch for side in pixels.shape[-2:])
    patches = functional.pixel_unshuffle(pixels[..., :height, :width], patch).movedim(1, -1)
    return functional.linear(patches, convolution.weight.flatten(1), convolution.bias).movedim(-1, 1)


def patch_product_in(convolution: nn.Module) -> RemovableHandle:
    """Let a patch embedding give the product where it computes in bfloat16 on a processor.

    Returns:
        Takes it back; as a context, at its end.
    """
    return convolution.register_forward_hook(_exact)


def _exact(convolution: nn.Module, given: tuple[Any, ...], output: Tensor) -> Tensor:
    if output.device.type != "cpu" or output.dtype != torch.bfloat16:
        return output
    assert isinstance(convolution, nn.Conv2d)
    return patch_product(convolution, given[0])
