from typing import Any

import pytest
import torch

from gencontrol.errors import ConfigError
from gencontrol.sprites.captions import build_tokenizer
from gencontrol.training.stages.clip import TowerConfig, build_clip
from gencontrol.training.stages.growth import deepened, with_words

TOWERS = TowerConfig(image_size=16, vision_width=16, vision_heads=2, vision_layers=3, text_width=16, embedding=8)


@pytest.fixture
def clip(sprite_store) -> Any:
    torch.manual_seed(0)
    return build_clip(TOWERS, build_tokenizer(sprite_store.concepts)).eval()


@pytest.mark.parametrize("layers", [3, 4, 7])
def test_a_deepened_model_encodes_as_before(clip, layers):
    deeper: Any = deepened(clip, layers).eval()
    assert deeper.config.vision_config.num_hidden_layers == layers
    assert clip.config.vision_config.num_hidden_layers == 3
    pixels, tokens = torch.randn(2, 3, 16, 16), torch.tensor([[1, 5, 2], [1, 6, 2]])
    with torch.no_grad():
        was, now = (m(input_ids=tokens, pixel_values=pixels) for m in (clip, deeper))
    assert torch.allclose(now.image_embeds, was.image_embeds, atol=1e-6)
    assert torch.allclose(now.text_embeds, was.text_embeds, atol=1e-6)


def test_the_further_blocks_lie_between_the_old_ones_and_can_be_trained(clip):
    deeper: Any = deepened(clip, 5)
    silent = [not block.mlp.fc2.weight.any() for block in deeper.vision_model.encoder.layers]
    assert silent == [False, True, False, True, False]
    assert [not block.self_attn.out_proj.bias.any() for block in deeper.vision_model.encoder.layers][1]
    deeper.get_image_features(pixel_values=torch.randn(1, 3, 16, 16)).pooler_output.sum().backward()
    assert deeper.vision_model.encoder.layers[1].mlp.fc2.weight.grad.abs().sum() > 0
    old = clip.vision_model.encoder.layers[1].mlp.fc1.weight
    assert torch.equal(deeper.vision_model.encoder.layers[2].mlp.fc1.weight, old)
    assert torch.equal(deeper.vision_model.encoder.layers[3].mlp.fc1.weight, old)


def test_a_tower_does_not_lose_blocks(clip):
    with pytest.raises(ConfigError, match="has 3 blocks, which is more than 2; use 3 or more"):
        deepened(clip, 2)


def test_further_words_leave_the_known_ones_their_vectors(clip, sprite_store):
    wanted = build_tokenizer(sprite_store.concepts)
    fewer = build_tokenizer(tuple(c for c in sprite_store.concepts if "disc" in c.name))
    small: Any = build_clip(TOWERS, fewer).eval()
    grown: Any = with_words(small, fewer, wanted).eval()
    assert grown.text_model.get_input_embeddings().weight.shape == (len(wanted), 16)
    assert len(fewer) < len(wanted)
    name = "red disc"
    with torch.no_grad():
        was, now = (
            m.get_text_features(input_ids=torch.tensor([t(name)["input_ids"]])).pooler_output
            for m, t in ((small, fewer), (grown, wanted))
        )
    assert torch.equal(was, now)
    new = sorted(set(wanted.get_vocab()) - set(fewer.get_vocab()))
    drawn = grown.text_model.get_input_embeddings().weight[[wanted.get_vocab()[word] for word in new]]
    assert drawn.std() > 0.01


def test_words_are_not_lost(clip, sprite_store):
    wanted = build_tokenizer(tuple(c for c in sprite_store.concepts if "disc" in c.name))
    with pytest.raises(ConfigError, match=r"words that the concepts have not .* another list of concepts"):
        with_words(clip, build_tokenizer(sprite_store.concepts), wanted)
