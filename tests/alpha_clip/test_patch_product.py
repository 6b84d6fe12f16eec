import copy
from types import ModuleType

import pytest
import torch
from torch import nn

from gencontrol.alpha_clip.alpha_slice import patch_convolution
from gencontrol.alpha_clip.model import AlphaCLIP
from gencontrol.alpha_clip.patch_product import patch_product, patch_product_in


@pytest.mark.parametrize(("patch", "bias"), [(4, False), (16, True), (32, False)])
def test_the_product_is_the_convolution(patch: int, bias: bool) -> None:
    torch.manual_seed(0)
    convolution = nn.Conv2d(4, 24, patch, patch, bias=bias).double()
    pixels = torch.randn(2, 4, 3 * patch, 3 * patch, dtype=torch.float64)
    torch.testing.assert_close(patch_product(convolution, pixels), convolution(pixels))


@pytest.mark.parametrize("side", [40, 45, 55])
def test_what_is_left_of_a_side_stays_unseen(side: int) -> None:
    """SigLIP at 384 pixels has patches of 14, and 6 pixels over."""
    torch.manual_seed(0)
    convolution = nn.Conv2d(4, 24, 14, 14).double()
    pixels = torch.randn(2, 4, side, side, dtype=torch.float64)
    made = patch_product(convolution, pixels)
    assert made.shape == (2, 24, side // 14, side // 14)
    torch.testing.assert_close(made, convolution(pixels))


@pytest.mark.parametrize("patch", [8, 16, 32])
def test_half_precision_patches_are_right_on_every_processor(patch: int) -> None:
    """Without the product this fails at 16 and 32 where the processor has AMX."""
    torch.manual_seed(0)
    exact = nn.Conv2d(4, 64, patch, patch)
    half = copy.deepcopy(exact).bfloat16()
    handle = patch_product_in(half)
    pixels = torch.randn(2, 4, 2 * patch, 2 * patch)
    error = half(pixels.bfloat16()).float() - exact(pixels)
    assert error.norm() < 0.02 * exact(pixels).norm()
    handle.remove()
    assert not half._forward_hooks


def test_other_precisions_keep_the_stock_answer_to_the_bit() -> None:
    convolution = nn.Conv2d(4, 8, 4, 4)
    pixels = torch.randn(1, 4, 8, 8)
    stock = convolution(pixels)
    patch_product_in(convolution)
    assert torch.equal(convolution(pixels), stock)


def test_training_in_mixed_precision_goes_through_the_product() -> None:
    convolution = nn.Conv2d(4, 8, 4, 4)
    patch_product_in(convolution)
    pixels = torch.randn(1, 4, 8, 8)
    convolution(pixels).sum().backward()
    weight = convolution.weight
    assert weight.grad is not None
    exact, weight.grad = weight.grad, None
    with torch.autocast("cpu", dtype=torch.bfloat16):
        mixed = convolution(pixels)
    assert mixed.dtype == torch.bfloat16
    mixed.float().sum().backward()
    torch.testing.assert_close(weight.grad, exact, atol=0.02, rtol=0.02)


def test_an_encoder_uses_it_and_leaves_its_tower_as_it_was(tiny: ModuleType) -> None:
    encoder = AlphaCLIP.from_clip(tiny.clip())
    convolution, seen = patch_convolution(encoder.vision), []
    with convolution.register_forward_pre_hook(lambda module, given: seen.append(len(module._forward_hooks))):
        encoder.encode_pixels(torch.zeros(1, 4, encoder.image_size, encoder.image_size))
    assert seen == [1] and not convolution._forward_hooks
