"""A language head on disk, and what is none."""

import json
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch.testing import assert_close
from transformers import LlavaForConditionalGeneration

from gencontrol.alpha_clip.model import AlphaCLIP
from gencontrol.errors import CheckpointError
from gencontrol.tasks.llava.answering import Decoding, answers
from gencontrol.tasks.llava.head import TOWER, WEIGHTS, HeadConfig, LanguageHead, llava_config, save_head
from gencontrol.tasks.llava.opening import open_llava
from gencontrol.training.language.words import language_tokenizer


@pytest.fixture
def head(tiny: ModuleType, tiny_folder: Path, tmp_path: Path) -> Path:
    """The folder of a random head on the tiny encoder."""
    encoder = AlphaCLIP.from_pretrained(tiny_folder / "alpha_clip")
    tokenizer = language_tokenizer(("cat", "moon"))
    shape = HeadConfig(width=32, layers=2, heads=2, inner=48, context=128)
    facts = {TOWER: str(tiny_folder / "alpha_clip"), "region_prompt": "<image> {} :"}
    config = llava_config(shape, encoder.vision.config, tokenizer, **facts)
    text: Any = config.text_config
    assert text.max_position_embeddings == 128 and config.image_seq_length == 16
    folder = tmp_path / "head"
    folder.mkdir()
    torch.manual_seed(0)
    model = LlavaForConditionalGeneration(config)
    tiny.spread(model)
    save_head(LanguageHead(model), config, folder, tokenizer=tokenizer, processor=encoder.processor)
    return folder


def test_a_head_stands_on_the_tower_that_it_names(head: Path, tiny_folder: Path, tmp_path: Path) -> None:
    state = load_file(head / WEIGHTS)
    assert not any("vision" in name for name in state) and {v.dtype for v in state.values()} == {torch.float16}
    opened, encoder = open_llava(str(head)), AlphaCLIP.from_pretrained(tiny_folder / "alpha_clip")
    assert opened.has_alpha and opened.processor.geometry == encoder.processor.geometry
    pixels = torch.randn(2, 4, 64, 64)
    with torch.no_grad():
        mine = opened.model.model.vision_tower(pixels, output_hidden_states=True).hidden_states[-2]
        assert_close(mine, encoder.vision(pixels, output_hidden_states=True).hidden_states[-2], atol=1e-5, rtol=1e-5)
    assert open_llava(str(head), dtype=torch.bfloat16).model.dtype == torch.bfloat16
    # Saved whole it opens in stock transformers, and answers alike.
    opened.save_pretrained(tmp_path / "whole")
    again = open_llava(str(tmp_path / "whole"))
    said = [answers(one, pixels, ["what is it?"] * 2, decoding=Decoding(max_tokens=4)) for one in (opened, again)]
    assert said[0] == said[1] and said[0][0]


def test_opening_leaves_the_generator_as_it_was(head: Path) -> None:
    torch.manual_seed(3)
    wanted = torch.rand(2)
    torch.manual_seed(3)
    open_llava(str(head))
    assert torch.equal(torch.rand(2), wanted)


def test_damaged_heads(head: Path) -> None:
    # Copies: what is loaded is mapped from the file that is written over.
    state = {name: values.clone() for name, values in load_file(head / WEIGHTS).items()}
    whole = (head / WEIGHTS).read_bytes()
    (head / WEIGHTS).write_bytes(whole[:100])
    with pytest.raises(CheckpointError, match=r"language\.safetensors cannot be read"):
        open_llava(str(head))
    save_file({name: values for name, values in state.items() if "lm_head" not in name}, head / WEIGHTS)
    with pytest.raises(CheckpointError, match=r"has other weights than its config\.json says"):
        open_llava(str(head))
    save_file(state | {"lm_head.weight": state["lm_head.weight"] * torch.nan}, head / WEIGHTS)
    with pytest.raises(CheckpointError, match="lm_head"):
        open_llava(str(head))
    save_file(state, head / WEIGHTS)
    values = json.loads((head / "config.json").read_text(encoding="utf-8"))
    (head / "config.json").write_text(json.dumps(values | {TOWER: str(head / "nowhere")}), encoding="utf-8")
    with pytest.raises(CheckpointError, match="nowhere"):
        open_llava(str(head))


def test_a_build_without_the_head(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("gencontrol.tasks.llava.opening.shipped_folder", lambda name: tmp_path / name)
    with pytest.raises(CheckpointError, match="This build of gencontrol has no language head of `tiny`"):
        open_llava()
