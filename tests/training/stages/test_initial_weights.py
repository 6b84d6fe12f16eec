import pytest
import torch
from diffusers.models.attention import FeedForward
from diffusers.models.attention_processor import Attention
from diffusers.models.downsampling import Downsample2D
from diffusers.models.resnet import ResnetBlock2D

from gencontrol.training.stages.autoencoder import AutoencoderTraining, build_autoencoder, decode, encode
from gencontrol.training.stages.initial_weights import BRANCH_SCALE, preserve_variance

CONFIG = AutoencoderTraining(channels=(16, 16, 16, 16), latent_channels=4, norm_groups=1)


def test_what_comes_in_is_still_there_at_the_end():
    """A flat picture's latents keep its colour: far more than the differences between its borders and its middle."""
    torch.manual_seed(0)
    autoencoder = build_autoencoder(CONFIG)
    colours = torch.linspace(-1, 1, 8)[:, None, None, None].expand(8, 3, 64, 64)
    with torch.no_grad():
        latents = encode(autoencoder, colours)
        middle = latents.mean[:, :, 3:5, 3:5].mean((2, 3))
        assert middle.std(0).max() > 0.1
        assert latents.std.max() < 0.1
        pictures = decode(autoencoder, latents.mean)
    assert 0.1 < float(pictures.std()) < 10


def test_branches_start_small_and_biases_at_zero():
    torch.manual_seed(0)
    block = ResnetBlock2D(in_channels=64, out_channels=64, temb_channels=8, groups=8).requires_grad_(False)
    preserve_variance(block)
    fan_in = 64 * 9
    assert abs(float(block.conv1.weight.std()) * fan_in**0.5 - 1) < 0.05
    assert abs(float(block.conv2.weight.std()) * fan_in**0.5 - BRANCH_SCALE) < 0.005
    for layer in (block.conv1, block.conv2):
        assert layer.bias is not None and not layer.bias.any()


def test_the_ends_of_attention_and_of_its_mlp_are_a_tenth_of_their_size():
    assert BRANCH_SCALE == 0.1
    torch.manual_seed(0)
    attention, mlp = Attention(query_dim=64, heads=2, dim_head=32), FeedForward(64)
    for network in (attention, mlp):
        preserve_variance(network.requires_grad_(False))
    named = dict(attention.named_modules()) | dict(mlp.named_modules())
    for name, size in (("to_q", 1.0), ("to_out.0", 0.1), ("net.2", 0.1)):
        layer = named[name]
        assert isinstance(layer, torch.nn.Linear)
        assert float(layer.weight.std()) * layer.in_features**0.5 == pytest.approx(size, rel=0.05)


def test_resampling_starts_as_the_identity():
    down = Downsample2D(8, use_conv=True, padding=0)
    preserve_variance(down.requires_grad_(False))
    picture = torch.randn(1, 8, 6, 6)
    assert torch.allclose(down(picture), picture[:, :, 1::2, 1::2], atol=1e-6)
