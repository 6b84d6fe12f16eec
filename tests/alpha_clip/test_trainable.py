"""What of a vision tower is trained, of a CLIP's and of a SigLIP's."""

import copy

import pytest
import torch

from gencontrol.alpha_clip.model import AlphaCLIP
from gencontrol.alpha_clip.siglip import AlphaSigLIP
from gencontrol.alpha_clip.trainable import finished_tower, trainable_tower
from gencontrol.errors import ConfigError


@pytest.fixture
def base(tiny):
    return AlphaCLIP.from_clip(tiny.clip(), tokenizer=tiny.tokenizer())


@pytest.fixture
def siglip(tiny):
    return AlphaSigLIP.from_siglip(tiny.siglip(), tokenizer=tiny.tokenizer())


def test_the_alpha_slice_and_the_rest(base):
    _, alpha, rest = trainable_tower(base.vision)
    assert [p.shape for p in alpha] == [(32, 1, 16, 16)]
    assert any(p.shape == base.vision.visual_projection.weight.shape for p in rest)
    assert len(rest) == len(list(base.vision.parameters())) - 1


def test_only_the_last_blocks_are_unfrozen(base):
    module, _, _ = trainable_tower(base.vision, unfrozen_blocks=1)
    trained = {n for n, p in module.named_parameters() if p.requires_grad}
    assert any("layers.1." in n for n in trained) and not any("layers.0." in n for n in trained)
    assert any("visual_projection" in n for n in trained) and any("original1" in n for n in trained)
    assert not any("original0" in n or "position_embedding" in n for n in trained)


def test_more_blocks_than_there_are_is_an_error(base):
    with pytest.raises(ConfigError, match="unfrozen_blocks: expected 0 to 2, got 3"):
        trainable_tower(base.vision, unfrozen_blocks=3)


@pytest.mark.filterwarnings("ignore:`is_gradient_checkpointing` is deprecated")
def test_lora_adapts_only_the_unfrozen_blocks(base):
    module, _, _ = trainable_tower(base.vision, lora_rank=2, unfrozen_blocks=1)
    adapted = {n for n, p in module.named_parameters() if p.requires_grad and "lora_" in n}
    assert adapted and all(".layers.1." in n for n in adapted)


# peft 0.21 asks transformers by a name that transformers 5.23 calls deprecated.
@pytest.mark.filterwarnings("ignore:`is_gradient_checkpointing` is deprecated")
def test_lora_trains_low_rank_updates_and_merges_them(base):
    module, alpha, rest = trainable_tower(base.vision, lora_rank=2)
    names = {n for n, p in module.named_parameters() if p.requires_grad}
    assert all("lora_" in n or n.endswith("original1") for n in names) and any("lora_" in n for n in names)
    with torch.no_grad():
        for parameter in (*alpha, *rest):
            parameter.add_(0.02 * torch.randn(parameter.shape, generator=torch.Generator().manual_seed(0)))
    pixels = torch.randn(2, 4, 64, 64, generator=torch.Generator().manual_seed(1))
    merged = finished_tower(module.eval())
    assert not any("lora" in k or "parametrizations" in k for k in merged.state_dict())
    torch.testing.assert_close(
        merged(pixels).image_embeds, module(pixel_values=pixels).image_embeds, atol=1e-5, rtol=1e-4
    )


def test_no_block_or_all_of_them_may_be_unfrozen(base):
    for blocks, count in ((0, 0), (2, 2)):
        module, _, _ = trainable_tower(copy.deepcopy(base.vision), unfrozen_blocks=blocks)
        trained = {n for n, p in module.named_parameters() if p.requires_grad}
        assert len({n.split("layers.")[1][0] for n in trained if "layers." in n}) == count
        assert any("post_layernorm" in n for n in trained)
    with pytest.raises(ConfigError, match="expected 0 to 2, got -1"):
        trainable_tower(base.vision, unfrozen_blocks=-1)


def test_of_a_siglip_the_last_blocks_and_the_pooling_head_are_unfrozen(siglip):
    module, alpha, _ = trainable_tower(siglip.vision, unfrozen_blocks=1)
    assert [p.shape for p in alpha] == [(24, 1, 16, 16)]
    trained = {n for n, p in module.named_parameters() if p.requires_grad}
    assert any("layers.1." in n for n in trained) and not any("layers.0." in n for n in trained)
    assert "head.probe" in trained and "post_layernorm.weight" in trained
    assert not any("original0" in n or "position_embedding" in n for n in trained)
    assert not any("embedding.bias" in n for n in trained)


def test_a_siglips_tower_comes_out_whole(siglip):
    pixels = torch.randn(2, 4, 64, 64, generator=torch.Generator().manual_seed(1))
    module, alpha, _ = trainable_tower(copy.deepcopy(siglip.vision))
    with torch.no_grad():
        # Not one number for all: a norm would take it away.
        alpha[0].normal_(generator=torch.Generator().manual_seed(2))
    finished = finished_tower(module)
    assert finished.state_dict().keys() == siglip.vision.state_dict().keys()
    bias = "embeddings.patch_embedding.bias"
    assert torch.equal(finished.state_dict()[bias], siglip.vision.state_dict()[bias])
    torch.testing.assert_close(finished(pixels).pooler_output, module(pixel_values=pixels).pooler_output)
    assert (finished(pixels).pooler_output - siglip.vision(pixels).pooler_output).abs().max() > 1e-3


@pytest.mark.filterwarnings("ignore:`is_gradient_checkpointing` is deprecated")
def test_lora_on_a_siglip_leaves_its_head(siglip):
    module, _, rest = trainable_tower(siglip.vision, lora_rank=2)
    trained = {n for n, p in module.named_parameters() if p.requires_grad}
    assert all("lora_" in n or n.endswith("original1") for n in trained) and not any(".head." in n for n in trained)
    with torch.no_grad():
        for parameter in rest:
            parameter.add_(0.05)
    pixels = torch.randn(2, 4, 64, 64, generator=torch.Generator().manual_seed(1))
    torch.testing.assert_close(
        finished_tower(module.eval())(pixels).pooler_output,
        module(pixel_values=pixels).pooler_output,
        atol=1e-5,
        rtol=1e-4,
    )
