"""Widening and drawing encoders, through `AlphaCLIP.from_clip` and `from_config`."""

from pathlib import Path
from types import ModuleType

import pytest
import torch
from transformers import CLIPModel

from gencontrol.alpha_clip.alpha_slice import patch_weight
from gencontrol.alpha_clip.model import AlphaCLIP
from gencontrol.alpha_clip.preprocess import AlphaCLIPProcessor
from gencontrol.alpha_clip.weights.build import load_clip
from gencontrol.errors import InputError, PairingError
from gencontrol.regions.geometry import Geometry

PIXELS = torch.randn(2, 4, 64, 64, generator=torch.Generator().manual_seed(0))
PATCH = "vision_model.embeddings.patch_embedding.weight"


def test_widening_copies_or_shares(tiny: ModuleType) -> None:
    clip: CLIPModel = tiny.clip()
    before = {k: v.clone() for k, v in clip.state_dict().items()}
    copied, shared = AlphaCLIP.from_clip(clip), AlphaCLIP.from_clip(clip, share=True)
    assert torch.equal(copied.encode_pixels(PIXELS), shared.encode_pixels(PIXELS))
    with torch.no_grad():
        for parameter in copied.parameters():
            parameter.add_(1)
    assert all(torch.equal(v, before[k]) for k, v in clip.state_dict().items())
    assert clip.vision_model.config.num_channels == 3
    assert shared.vision.visual_projection.weight.data_ptr() == clip.visual_projection.weight.data_ptr()


def test_widening_folders_and_towers(tiny: ModuleType, tiny_folder: Path) -> None:
    from_folder = AlphaCLIP.from_clip(tiny_folder / "clip")
    assert from_folder.tokenizer is not None and not from_folder.has_alpha
    tower = AlphaCLIP.from_clip(tiny.vision_tower(), dtype=torch.bfloat16)
    assert tower.dtype == torch.bfloat16 and tower.text is None
    expected = from_folder.encode_pixels(PIXELS)
    torch.testing.assert_close(tower.encode_pixels(PIXELS).float(), expected, atol=0.05, rtol=0)


def test_four_channels_stay_as_they_are(tiny: ModuleType, tiny_folder: Path, encoder: AlphaCLIP) -> None:
    for source in (tiny.alpha_clip_model(), tiny.vision_tower(channels=4), tiny_folder / "alpha_clip"):
        again = AlphaCLIP.from_clip(source)
        assert again.has_alpha
        torch.testing.assert_close(again.encode_pixels(PIXELS), encoder.encode_pixels(PIXELS), atol=2e-3, rtol=0)


def test_given_tokenizer_and_processor_win(tiny: ModuleType, tiny_folder: Path) -> None:
    processor = AlphaCLIPProcessor(geometry=Geometry(size=64, fit="squash"))
    tokenizer = tiny.tokenizer()
    encoder = AlphaCLIP.from_clip(tiny_folder / "clip", tokenizer=tokenizer, processor=processor)
    assert encoder.tokenizer is tokenizer and encoder.processor is processor


def test_other_modules_are_not_widened() -> None:
    message = "Expected a CLIPModel, a CLIPVisionModelWithProjection, a folder or a hub id, got Linear"
    with pytest.raises(InputError, match=message):
        load_clip(torch.nn.Linear(2, 2), share=True, dtype=None, tokenizer=None, processor=None)


def test_shared_weights_keep_their_dtype(tiny: ModuleType) -> None:
    with pytest.raises(InputError, match="Shared weights keep their dtype"):
        AlphaCLIP.from_clip(tiny.clip(), share=True, dtype=torch.float16)


def test_random_weights(tiny: ModuleType) -> None:
    three, four = tiny.clip_config(), tiny.clip_config(channels=4)
    torch.manual_seed(0)
    encoder = AlphaCLIP.from_config(three.vision_config, text=three.text_config, tokenizer=tiny.tokenizer())
    assert not encoder.has_alpha and three.vision_config.num_channels == 3 and not encoder.training
    assert encoder.logit_scale is not None and encoder.logit_scale.exp().item() == pytest.approx(1 / 0.07, rel=1e-3)
    assert encoder.similarity(torch.rand(3, 9, 9), "a cat").abs().item() <= 1
    drawn = AlphaCLIP.from_config(four.vision_config)
    weight = patch_weight(drawn.vision)
    assert weight[:, 3].std().item() == pytest.approx(weight[:, :3].std().item(), rel=0.1)
    torch.manual_seed(0)
    again = AlphaCLIP.from_config(three.vision_config, text=three.text_config)
    assert torch.equal(again.encode_pixels(PIXELS), encoder.encode_pixels(PIXELS))


def test_an_architectures_name_brings_both_towers() -> None:
    with torch.device("meta"):
        encoder = AlphaCLIP.from_config("ViT-L/14@336")
    assert encoder.image_size == 336 and encoder.grid == 24 and encoder.embed_dim == 768
    assert encoder.text is not None and encoder.text.config.hidden_size == 768


def test_parts_that_do_not_fit(tiny: ModuleType) -> None:
    config = tiny.clip_config()
    config.text_config.eos_token_id = 7
    with pytest.raises(PairingError, match="reads its end token 7, but the tokenizer writes 3"):
        AlphaCLIP.from_config(config.vision_config, text=config.text_config, tokenizer=tiny.tokenizer())
