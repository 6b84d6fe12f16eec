"""A deeper head begins by saying what a shallow one says."""

from pathlib import Path
from types import ModuleType

import pytest
import torch
from torch.testing import assert_close
from transformers import LlavaForConditionalGeneration

from gencontrol.alpha_clip.preprocess import AlphaCLIPProcessor
from gencontrol.errors import CheckpointError
from gencontrol.tasks.llava.head import HeadConfig, LanguageHead, llava_config, save_head
from gencontrol.training.language.lessons import lessons_of
from gencontrol.training.language.questions import Asked
from gencontrol.training.language.start import blocks_of, moved, start_from
from gencontrol.training.language.words import language_tokenizer
from gencontrol.training.stages.language import answered

TOKENIZER = language_tokenizer(("cat", "moon"))


def head(tiny: ModuleType, *, layers: int, width: int = 32, seed: int = 0, folder: Path | None = None) -> LanguageHead:
    torch.manual_seed(seed)
    shape = HeadConfig(width=width, layers=layers, heads=2, inner=48, context=64)
    config = llava_config(shape, tiny.clip_config(channels=4).vision_config, TOKENIZER)
    made = LanguageHead(LlavaForConditionalGeneration(config))
    if folder is not None:
        folder.mkdir()
        save_head(made, config, folder, tokenizer=TOKENIZER, processor=AlphaCLIPProcessor())
    return made


def test_new_blocks_add_nothing(tiny: ModuleType, tmp_path: Path) -> None:
    shallow, deep = head(tiny, layers=1, folder=tmp_path / "one"), head(tiny, layers=3, seed=1)
    lessons = lessons_of(TOKENIZER, [[Asked(kind="what", question="what is it?", answer="a cat")]])
    patches = torch.randn(1, 16, tiny.clip_config().vision_config.hidden_size)
    with torch.no_grad():
        before = answered(deep, patches, lessons)
        start_from(deep, str(tmp_path / "one"))
        after, wanted = answered(deep, patches, lessons), answered(shallow, patches, lessons)
    assert_close(after, wanted, atol=2e-3, rtol=2e-2)
    assert not torch.allclose(before, after, atol=1e-2)
    # They can learn: what they would add is there.
    first = deep.state_dict()["language_model.layers.0.self_attn.v_proj.weight"]
    assert first.abs().min() >= 0 and first.abs().max() > 0
    state = deep.state_dict()
    assert blocks_of(state) == 3 and not state["language_model.layers.1.mlp.down_proj.weight"].any()
    assert {"language_model.layers.4.mlp.up_proj.weight", "lm_head.weight"} <= set(moved(state, 2))


def test_heads_that_do_not_fit(tiny: ModuleType, tmp_path: Path) -> None:
    head(tiny, layers=2, folder=tmp_path / "two")
    with pytest.raises(CheckpointError, match=r"does not fit: expected a head of the same width .* at most 1 blocks"):
        start_from(head(tiny, layers=1), str(tmp_path / "two"))
    with pytest.raises(CheckpointError, match="does not fit"):
        start_from(head(tiny, layers=2, width=48), str(tmp_path / "two"))
    with pytest.raises(CheckpointError, match="nowhere"):
        start_from(head(tiny, layers=2), str(tmp_path / "nowhere"))
