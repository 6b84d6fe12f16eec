import pytest
import torch
from torch.nn.utils import parametrize

from gencontrol.alpha_clip.alpha_slice import (
    ConcatenatedChannels,
    alpha_parameters,
    is_split,
    merged,
    patch_convolution,
    patch_weight,
    split_alpha,
)
from gencontrol.alpha_clip.model import AlphaCLIP
from gencontrol.alpha_clip.weights.convert import widen_patch_weight


@pytest.fixture
def pixels() -> torch.Tensor:
    return torch.randn(2, 4, 64, 64, generator=torch.Generator().manual_seed(0))


def test_split_computes_the_same(encoder: AlphaCLIP, pixels: torch.Tensor) -> None:
    before = encoder.encode_pixels(pixels)
    split_alpha(encoder.vision)
    split_alpha(encoder.vision)
    assert is_split(encoder)
    torch.testing.assert_close(encoder.encode_pixels(pixels), before, atol=1e-6, rtol=0)


def test_each_slice_learns_at_its_own_rate(encoder: AlphaCLIP, pixels: torch.Tensor) -> None:
    split_alpha(encoder.vision)
    old = patch_weight(encoder.vision).detach().clone()
    alpha, rest = alpha_parameters(encoder.vision)
    assert [tuple(p.shape) for p in alpha] == [(32, 1, 16, 16)]
    assert len(alpha) + len(rest) == len(list(encoder.vision.parameters()))
    optimizer = torch.optim.SGD([{"params": alpha, "lr": 1.0}, {"params": rest, "lr": 0.0}])
    encoder.encode_pixels(pixels).square().sum().backward()
    optimizer.step()
    new = patch_weight(encoder.vision)
    assert torch.equal(new[:, :3], old[:, :3])
    assert alpha[0].grad is not None
    torch.testing.assert_close(new[:, 3:], old[:, 3:] - alpha[0].grad)


def test_merged_copy_has_plain_weights_and_leaves_the_original(encoder: AlphaCLIP, pixels: torch.Tensor) -> None:
    keys = set(encoder.state_dict())
    split_alpha(encoder.vision)
    copies = [merged(encoder), merged(encoder)]
    for copy in copies:
        assert not is_split(copy) and set(copy.state_dict()) == keys
        assert torch.equal(copy.encode_pixels(pixels), encoder.encode_pixels(pixels))
    alpha, _ = alpha_parameters(encoder.vision)
    with torch.no_grad():
        alpha[0].add_(1)
    assert not torch.allclose(copies[0].encode_pixels(pixels), encoder.encode_pixels(pixels))
    assert parametrize.is_parametrized(patch_convolution(encoder.vision))


def test_merging_an_unsplit_tower_copies_it(encoder: AlphaCLIP, pixels: torch.Tensor) -> None:
    copy = merged(encoder.vision)
    assert copy is not encoder.vision
    torch.testing.assert_close(copy(pixels).image_embeds, encoder.encode_pixels(pixels), atol=1e-6, rtol=0)


def test_concatenation_is_inverted() -> None:
    weight = widen_patch_weight(torch.randn(3, 3, 2, 2))
    rgb, alpha = ConcatenatedChannels().right_inverse(weight)
    assert torch.equal(ConcatenatedChannels()(rgb, alpha), weight)
