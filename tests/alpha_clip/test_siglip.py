"""A SigLIP with an alpha channel: the stock tower until it is trained, and stock classes open what it saves."""

from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import torch
from torch.nn import functional
from transformers import SiglipModel, SiglipVisionModel

from gencontrol.alpha_clip.preprocess import AlphaCLIPProcessor
from gencontrol.alpha_clip.siglip import AlphaSigLIP
from gencontrol.errors import CheckpointError, InputError, PairingError
from gencontrol.regions.geometry import Geometry


@pytest.fixture
def encoder(tiny: ModuleType) -> AlphaSigLIP:
    return AlphaSigLIP.from_siglip(tiny.siglip(), tokenizer=tiny.tokenizer())


def trained(encoder: AlphaSigLIP) -> AlphaSigLIP:
    """With a random alpha slice."""
    convolution = encoder.vision.embeddings.patch_embedding
    generator = torch.Generator().manual_seed(1)
    with torch.no_grad():
        convolution.weight[:, 3:] = torch.randn(convolution.weight[:, 3:].shape, generator=generator) / 8
    return encoder


def pixels_of(count: int = 2) -> torch.Tensor:
    return torch.randn(count, 4, 64, 64, generator=torch.Generator().manual_seed(3))


@pytest.mark.parametrize("which", ["both", "vision"])
def test_the_start_is_the_stock_tower_to_the_bit(which: str, tiny: ModuleType) -> None:
    stock = tiny.siglip()
    made = AlphaSigLIP.from_siglip(stock if which == "both" else stock.vision_model)
    pixels = pixels_of()
    expected = stock.vision_model(pixel_values=pixels[:, :3], output_hidden_states=True)
    found = made.vision(pixel_values=pixels, output_hidden_states=True)
    assert torch.equal(found.pooler_output, expected.pooler_output)
    assert torch.equal(found.last_hidden_state, expected.last_hidden_state)
    for one, other in zip(found.hidden_states, expected.hidden_states, strict=True):
        assert torch.equal(one, other)
    assert torch.equal(made.encode_pixels(pixels), expected.pooler_output)
    assert not made.has_alpha and (made.text is None) == (which == "vision")
    assert stock.vision_model.config.num_channels == 3


def test_the_module_that_was_widened_stays_as_it_is(tiny: ModuleType) -> None:
    stock = tiny.siglip()
    before = {key: value.clone() for key, value in stock.state_dict().items()}
    with torch.no_grad():
        for parameter in trained(AlphaSigLIP.from_siglip(stock)).parameters():
            parameter.add_(1.0)
    assert all(torch.equal(stock.state_dict()[key], value) for key, value in before.items())


def test_pixels_are_siglips(encoder: AlphaSigLIP) -> None:
    rgb = torch.rand(3, 64, 64, generator=torch.Generator().manual_seed(4))
    alpha = torch.zeros(64, 64)
    alpha[:, :32] = 1
    made = encoder.preprocess(rgb, alpha)
    torch.testing.assert_close(made[0, :3], 2 * rgb - 1)
    torch.testing.assert_close(made[0, 3], (alpha - 0.5) / 0.26)
    assert encoder.image_size == 64 and encoder.embed_dim == 24


def test_a_trained_channel_looks(encoder: AlphaSigLIP) -> None:
    rgb = torch.rand(3, 64, 64, generator=torch.Generator().manual_seed(4))
    half = torch.zeros(64, 64)
    half[:, :32] = 1
    whole = encoder.encode_image(rgb)
    assert torch.equal(encoder.encode_image(rgb, half), whole)
    looking = trained(encoder)
    assert looking.has_alpha
    two = looking.encode_image(rgb, torch.stack([half, 1 - half]))
    assert two.shape == (2, 24) and (two[0] - two[1]).abs().max() > 1e-3
    unit = looking.encode_image(rgb, half, normalize=True)
    torch.testing.assert_close(unit, functional.normalize(two[:1], dim=-1))


def test_texts_are_padded_to_the_full_length(encoder: AlphaSigLIP, tiny: ModuleType) -> None:
    stock, tokenizer = tiny.siglip(), tiny.tokenizer()
    ids = tokenizer(["a red cup"], padding="max_length", max_length=16, return_tensors="pt")["input_ids"]
    assert torch.equal(encoder.tokens("a red cup"), ids) and ids.shape == (1, 16)
    expected = stock.text_model(input_ids=ids).pooler_output
    assert torch.equal(encoder.encode_text("a red cup"), expected)
    both = encoder.encode_text(["a red cup", "a photo of a yellow banana"], normalize=True)
    torch.testing.assert_close(both[:1], functional.normalize(expected, dim=-1))


@pytest.mark.parametrize("with_text", [True, False])
def test_saved_and_opened(with_text: bool, encoder: AlphaSigLIP, tiny: ModuleType, tmp_path: Path) -> None:
    made = trained(encoder if with_text else AlphaSigLIP.from_siglip(tiny.siglip().vision_model))
    made.save_pretrained(tmp_path / "saved")
    made.save_pretrained(tmp_path / "saved")
    again = AlphaSigLIP.from_pretrained(tmp_path / "saved")
    assert again.state_dict().keys() == made.state_dict().keys()
    assert all(torch.equal(again.state_dict()[key], value) for key, value in made.state_dict().items())
    assert again.processor == made.processor and (again.tokenizer is not None) == with_text
    stock = SiglipVisionModel.from_pretrained(tmp_path / "saved")
    pixels = pixels_of()
    assert torch.equal(stock(pixel_values=pixels).pooler_output, made.encode_pixels(pixels))
    if with_text:
        whole = SiglipModel.from_pretrained(tmp_path / "saved")
        ids = made.tokens("a red cup")
        found: Any = whole.get_text_features(ids)
        torch.testing.assert_close(found.pooler_output, made.encode_text("a red cup"))
        assert made.logit_bias is not None and torch.equal(whole.logit_bias[0], made.logit_bias)


def test_a_plain_siglip_is_widened_by_from_siglip_alone(tiny: ModuleType, tmp_path: Path) -> None:
    tiny.siglip().save_pretrained(tmp_path)
    with pytest.raises(CheckpointError, match=r"is a plain SigLIP \(3 channels\): AlphaSigLIP\.from_siglip gives it"):
        AlphaSigLIP.from_pretrained(tmp_path)
    opened = AlphaSigLIP.from_siglip(tmp_path, dtype=torch.bfloat16)
    assert opened.dtype == torch.bfloat16 and opened.tokenizer is None and opened.device.type == "cpu"


def test_a_trained_one_stays_as_it_is(encoder: AlphaSigLIP, tmp_path: Path) -> None:
    trained(encoder).save_pretrained(tmp_path / "saved")
    again = AlphaSigLIP.from_siglip(tmp_path / "saved")
    assert again.has_alpha and torch.equal(again.encode_pixels(pixels_of()), encoder.encode_pixels(pixels_of()))


def test_parts_that_do_not_fit(tiny: ModuleType) -> None:
    stock, wide = tiny.siglip(), tiny.siglip(channels=4)
    processor = AlphaCLIPProcessor(geometry=Geometry(size=64))
    with pytest.raises(PairingError, match=r"has 3 channels; expected 4: AlphaSigLIP\.from_siglip widens it"):
        AlphaSigLIP(stock.vision_model, processor=processor)
    with pytest.raises(PairingError, match="makes 32 px inputs, the vision tower takes 64 px"):
        AlphaSigLIP(wide.vision_model, processor=AlphaCLIPProcessor(geometry=Geometry(size=32)))
    with pytest.raises(PairingError, match="without a text tower"):
        AlphaSigLIP(wide.vision_model, processor=processor, logit_scale=torch.tensor(1.0))
    with pytest.raises(PairingError, match="without a logit scale and a logit bias"):
        AlphaSigLIP(wide.vision_model, processor=processor, text=wide.text_model)
    numbers: dict[str, Any] = {"logit_scale": torch.tensor(1.0), "logit_bias": torch.tensor(1.0)}
    wide.text_model.config.projection_size = 32
    with pytest.raises(PairingError, match="embeddings are 32 wide, the vision tower's 24"):
        AlphaSigLIP(wide.vision_model, processor=processor, text=wide.text_model, **numbers)
    wide.vision_model.use_head = False
    with pytest.raises(PairingError, match="without pooling head"):
        AlphaSigLIP(wide.vision_model, processor=processor, text=wide.text_model, **numbers)


def test_texts_that_cannot_be_read(encoder: AlphaSigLIP, tiny: ModuleType) -> None:
    with pytest.raises(InputError, match="18 tokens long; the text tower takes 16: shorten it"):
        encoder.encode_text(" ".join(["cup"] * 16))
    with pytest.raises(InputError, match="does not know every word"):
        encoder.encode_text("a teapot")
    with pytest.raises(InputError, match="has no text tower"):
        AlphaSigLIP.from_siglip(tiny.siglip().vision_model).encode_text("a cup")
    with pytest.raises(InputError, match="no tokenizer: give one to from_siglip"):
        AlphaSigLIP.from_siglip(tiny.siglip()).encode_text("a cup")
