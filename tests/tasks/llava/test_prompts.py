"""Questions as token ids."""

from pathlib import Path
from types import ModuleType

import pytest
import torch

from gencontrol.errors import InputError
from gencontrol.tasks.llava.model import RegionLlava
from gencontrol.tasks.llava.opening import open_llava
from gencontrol.tasks.llava.prompts import check_question, pad_id, padded, prompt_ids


@pytest.fixture
def llava(llava_folder: Path) -> RegionLlava:
    return open_llava(str(llava_folder))


def test_a_question_is_put_as_llava_was_trained(llava: RegionLlava, llava_builders: ModuleType) -> None:
    words = {word: 5 + place for place, word in reversed(list(enumerate(llava_builders.WORDS)))}
    ids = prompt_ids(llava, "  what is it ? ")
    asked = [words[word] for word in ("what", "is", "it", "?")]
    assert ids == [1, words["USER"], words[":"], *[3] * 16, *asked, words["ASSISTANT"], words[":"]]


def test_a_model_may_say_how_it_is_asked(llava: RegionLlava) -> None:
    llava.model.config.region_prompt = "<image> {}"
    assert prompt_ids(llava, "cat")[:17] == [1, *[3] * 16] and len(prompt_ids(llava, "cat")) == 18


def test_an_end_behind_the_question_is_taken_off(llava: RegionLlava) -> None:
    llava.model.config.region_prompt = "<image> {} </s>"
    assert prompt_ids(llava, "cat")[-1] != 2 and len(prompt_ids(llava, "cat")) == 18


@pytest.mark.parametrize(
    ("question", "message"),
    [
        (" ", "The question is empty: ask something"),
        ("what is <image> ?", "holds <image>, which stands for the picture"),
        ("is <region 1> left of <Region 2>?", "names regions by number, and LLaVA-1.5 sees one alpha map"),
        ("what is a banjo ?", "does not know every word"),
    ],
)
def test_what_cannot_be_asked(question: str, message: str, llava: RegionLlava) -> None:
    with pytest.raises(InputError, match=message):
        check_question(llava, question)


def test_a_question_and_its_answer_have_to_fit(llava: RegionLlava) -> None:
    ids = prompt_ids(llava, "cat")
    assert prompt_ids(llava, "cat", room=96 - len(ids)) == ids
    with pytest.raises(InputError, match=f"is {len(ids)} tokens long, 16 of them the picture's, .* the model reads 96"):
        prompt_ids(llava, "cat", room=97 - len(ids))


def test_padding_is_on_the_left() -> None:
    ids, mask = padded([[1, 2], [1, 2, 3, 4]], pad=9)
    assert torch.equal(ids, torch.tensor([[9, 9, 1, 2], [1, 2, 3, 4]]))
    assert torch.equal(mask, torch.tensor([[0, 0, 1, 1], [1, 1, 1, 1]]))


def test_what_pads(llava_builders: ModuleType) -> None:
    tokenizer = llava_builders.tokenizer()
    assert pad_id(tokenizer) == 0
    tokenizer.pad_token = None
    assert pad_id(tokenizer) == 2
