"""An OWLv2 that begins as a CLIP."""

from pathlib import Path
from typing import Any

import pytest
import torch
from tokenizers import Tokenizer, models
from torch.nn import functional
from torch.testing import assert_close
from transformers import PreTrainedTokenizerFast

from gencontrol.alpha_clip.model import AlphaCLIP
from gencontrol.errors import ConfigError
from gencontrol.proposals.opening import open_grounder
from gencontrol.sprites.captions import build_tokenizer
from gencontrol.training.stages.proposing.owl import owl_config, owl_from, owl_processor, owl_tokenizer, save_owl
from gencontrol.training.stages.proposing.phrases import embedded


@pytest.fixture(scope="module")
def encoder(tiny: Any) -> AlphaCLIP:
    return AlphaCLIP.from_clip(tiny.clip(), tokenizer=tiny.tokenizer())


def texts_known(encoder: AlphaCLIP) -> list[str]:
    assert encoder.tokenizer is not None
    words = [w for w in encoder.tokenizer.get_vocab() if not w.startswith("<")]
    return [words[0], words[1], f"{words[0]} {words[1]}", f"{words[2]} {words[0]} {words[3]}"]


def test_phrases_have_the_cosines_of_the_clip(encoder: AlphaCLIP) -> None:
    texts = texts_known(encoder)
    mine = embedded(owl_from(encoder, blocks=1), encoder, texts)
    theirs = functional.normalize(encoder.encode_text(texts).float(), dim=-1)
    assert_close(mine @ mine.T, theirs @ theirs.T, atol=1e-5, rtol=0)


def test_the_class_head_begins_as_the_clips_projection(encoder: AlphaCLIP) -> None:
    texts = texts_known(encoder)
    owl: Any = owl_from(encoder, blocks=1)
    seen = torch.randn(3, encoder.vision.config.hidden_size, generator=torch.Generator().manual_seed(0))
    mine = owl.class_head.dense0(seen) @ embedded(owl, encoder, texts).T
    projected = encoder.vision.visual_projection(seen)  # pyright: ignore[reportCallIssue]
    assert_close(
        mine, projected @ functional.normalize(encoder.encode_text(texts).float(), dim=-1).T, atol=1e-5, rtol=0
    )


def test_the_tower_is_the_clips_first_blocks(encoder: AlphaCLIP) -> None:
    owl: Any = owl_from(encoder, blocks=1)
    pixels = torch.randn(2, 3, 64, 64, generator=torch.Generator().manual_seed(0))
    mine = owl.owlv2.vision_model(pixel_values=pixels).last_hidden_state
    four = torch.cat([pixels, torch.zeros(2, 1, 64, 64)], dim=1)
    theirs = encoder.vision(pixel_values=four, output_hidden_states=True).hidden_states[1]
    assert_close(mine, theirs, atol=1e-4, rtol=0)


def test_the_end_token_has_the_highest_id_and_texts_are_read_alike(encoder: AlphaCLIP) -> None:
    tokenizer: Any = encoder.tokenizer
    mine: Any = owl_tokenizer(tokenizer, length=16)
    assert mine.eos_token_id == len(tokenizer) - 1 == max(mine.get_vocab().values())
    assert sorted(mine.get_vocab()) == sorted(tokenizer.get_vocab())
    for text in texts_known(encoder):
        ids = mine(text)["input_ids"]
        assert mine.convert_ids_to_tokens(ids) == tokenizer.convert_ids_to_tokens(tokenizer(text)["input_ids"])
        assert ids[-1] == max(ids) and ids[0] != 0
    sprites: Any = build_tokenizer(())
    assert owl_tokenizer(sprites, length=16).eos_token_id == len(sprites) - 1


def test_what_cannot_be_begun_from(encoder: AlphaCLIP, tiny: Any) -> None:
    for blocks in (0, 99):
        with pytest.raises(ConfigError, match=rf"blocks: expected 1 to \d+, which the encoder has, got {blocks}\."):
            owl_config(encoder, blocks=blocks)
    with pytest.raises(ConfigError, match="clip: a grounder reads phrases, and this encoder has no text tower"):
        owl_config(AlphaCLIP(encoder.vision, processor=encoder.processor), blocks=1)
    pieces = PreTrainedTokenizerFast(tokenizer_object=Tokenizer(models.BPE()), eos_token="<end>")
    with pytest.raises(ConfigError, match="expected an encoder that reads whole words, got BPE"):
        owl_tokenizer(pieces, length=16)


def test_what_is_saved_opens_as_a_grounder(encoder: AlphaCLIP, tmp_path: Path) -> None:
    owl = owl_from(encoder, blocks=1)
    save_owl(owl, encoder, tmp_path)
    assert all(weight.dtype == torch.float32 for weight in owl.parameters())
    grounder: Any = open_grounder(str(tmp_path))
    picture = torch.rand(3, 48, 64, generator=torch.Generator().manual_seed(0))
    texts = texts_known(encoder)
    found = grounder.ground(picture, texts, threshold=0.0, most=3)
    assert found.size == (48, 64) and len(found.phrases) == 3
    # What the stage shows is what the processor makes of the same picture, where it has the tower's size.
    square = torch.rand(3, 64, 64, generator=torch.Generator().manual_seed(1)).mul(255).round() / 255
    pixels = owl_processor(encoder)(images=square.mul(255).byte(), return_tensors="pt")["pixel_values"]
    assert_close(pixels, encoder.processor(square[None], torch.ones(1, 64, 64))[:, :3], atol=1e-4, rtol=0)
