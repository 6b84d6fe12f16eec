"""A LLaVA in four bits: only the language model's matrices are, and its words' odds stay near."""

import importlib.util
import shutil
from pathlib import Path
from types import ModuleType

import pytest
import torch
from torch.nn import functional
from transformers import LlavaForConditionalGeneration

from gencontrol.alpha_clip.model import AlphaCLIP
from gencontrol.errors import ConfigError, MissingDependencyError
from gencontrol.images.reading import read_image
from gencontrol.regions.region import Region
from gencontrol.regions.scene import Scene
from gencontrol.runs.answers.opening import open_answerer
from gencontrol.runs.answers.settings import AnswerSettings, check_answers
from gencontrol.tasks.ask import ask_regions
from gencontrol.tasks.llava.answering import Decoding, model_inputs
from gencontrol.tasks.llava.opening import TINY, open_llava
from gencontrol.tasks.llava.quantised import four_bit

CPU = torch.device("cpu")


@pytest.fixture
def wide_folder(llava_folder: Path, llava_builders: ModuleType, tiny: ModuleType, tmp_path: Path) -> Path:
    """Of matrices whose rows are whole blocks of 64 numbers, which share a scale."""
    folder = tmp_path / "llava"
    shutil.copytree(llava_folder, folder)
    config = llava_builders.config(tiny)
    config.text_config.hidden_size, config.text_config.intermediate_size = 64, 128
    config.text_config.head_dim = 32
    torch.manual_seed(0)
    LlavaForConditionalGeneration(config).save_pretrained(folder)
    return folder


def test_the_language_models_matrices_alone_have_four_bits(wide_folder: Path) -> None:
    opened = open_llava(str(wide_folder), four_bit_on=CPU)
    whole = open_llava(str(wide_folder))
    small = {name for name, p in opened.model.named_parameters() if p.dtype == torch.uint8}
    assert small == {
        name for name, p in whole.model.named_parameters() if ".language_model.layers." in name and p.ndim == 2
    }
    # Two numbers a byte.
    counts = [dict(model.named_parameters()) for model in (opened.model, whole.model)]
    assert all(2 * counts[0][name].numel() == counts[1][name].numel() for name in small)
    assert {p.dtype for name, p in opened.model.named_parameters() if name not in small} == {torch.float32}


def test_odds_of_words_stay_near_with_an_alpha_tower(wide_folder: Path, tiny: ModuleType, tmp_path: Path) -> None:
    AlphaCLIP.from_clip(tiny.vision_tower(channels=4)).save_pretrained(tmp_path / "tower")
    inputs, odds = {}, []
    for where in (None, CPU):
        opened = open_llava(str(wide_folder), alpha_clip=tmp_path / "tower", four_bit_on=where)
        assert opened.has_alpha
        pixels = torch.rand(2, 4, 64, 64, generator=torch.Generator().manual_seed(0))
        inputs = model_inputs(opened, pixels, ["what is it ?", "is it red ?"])
        with torch.no_grad():
            odds.append(functional.log_softmax(opened.model(**inputs).logits, dim=-1))
    difference = (odds[0] - odds[1]).abs().mean()
    assert 1e-4 < difference < 0.1 * odds[0].std()


def test_answers_in_four_bits(wide_folder: Path, tiny: ModuleType) -> None:
    settings = AnswerSettings(model=str(wide_folder), quantize="4bit", focus="zoom", device="cpu", box=("0,0,9,9",))
    check_answers(settings)
    llava = open_answerer(settings)
    assert any(p.dtype == torch.uint8 for p in llava.model.parameters())
    regions = (Region(alpha=tiny.half_mask(60, 90, side="left")),)
    scene = Scene(picture=read_image(tiny.photo(60, 90)), regions=regions)
    (said,) = ask_regions(llava, scene, "what is it ?", decoding=Decoding(max_tokens=6))
    assert said
    assert AnswerSettings().quantize == "none"
    assert not any(p.dtype == torch.uint8 for p in open_llava(str(wide_folder)).model.parameters())


def test_products_are_in_the_weights_format() -> None:
    options = four_bit(torch.bfloat16, CPU)
    config = options["quantization_config"]
    assert config.load_in_4bit and config.bnb_4bit_quant_type == "nf4"
    assert config.bnb_4bit_compute_dtype == torch.bfloat16 and options["device_map"] == {"": CPU}
    assert four_bit(None, CPU)["quantization_config"].bnb_4bit_compute_dtype == torch.float32


def test_what_cannot_be_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(
        ConfigError, match="`quantize` and `offload` both save memory of the GPU, and do not go together"
    ):
        check_answers(AnswerSettings(quantize="4bit", offload="model", box=("0,0,9,9",)))
    with pytest.raises(ConfigError, match="tiny is a language head of a few megabytes: leave `quantize` out"):
        open_llava(TINY, four_bit_on=CPU)
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(MissingDependencyError, match=r"run `pip install 'gencontrol\[quantize\]'`"):
        four_bit(None, CPU)
