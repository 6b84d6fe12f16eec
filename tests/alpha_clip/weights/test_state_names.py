"""What is taken off a state dict, and what is refused instead."""

import pytest
import torch

from gencontrol.alpha_clip.weights.state_names import CheckpointWarning, tidy
from gencontrol.errors import CheckpointError

ONE, TWO = torch.zeros(1), torch.ones(1)


def test_plain_names_stay_without_a_word() -> None:
    assert tidy({"a": ONE, "b.module.c": TWO}, source="x") == {"a": ONE, "b.module.c": TWO}
    assert tidy({}, source="x") == {}
    # As the Alpha-CLIP authors' own files are.
    assert tidy({"module.a": ONE, "module.b": TWO}, source="x") == {"a": ONE, "b": TWO}


def test_a_prefix_is_taken_off_wherever_it_stands() -> None:
    with pytest.warns(CheckpointWarning, match=r"x: the prefix `module\.` is taken off") as said:
        assert tidy({"module.a": ONE, "b": TWO}, source="x") == {"a": ONE, "b": TWO}
    assert len(said) == 1
    with pytest.raises(CheckpointError, match="x holds two weights called a once their prefixes are off"):
        tidy({"module.a": ONE, "a": TWO}, source="x")


def test_the_numbers_of_openai_are_left_out() -> None:
    numbers = {"input_resolution": torch.tensor(224), "context_length": 77, "vocab_size": torch.tensor(9)}
    assert tidy({"a": ONE} | numbers, source="x") == {"a": ONE}


def test_modules_of_an_archive_get_dotted_names() -> None:
    block = {"training": False, "weight": ONE, "attn_mask": TWO, "names": [1]}
    archive = {"training": True, "visual": {"training": True, "0": block}, "logit_scale": TWO, "other": "text"}
    assert tidy(archive, source="x") == {"visual.0.weight": ONE, "logit_scale": TWO}


def test_names_that_a_terminal_would_obey() -> None:
    with pytest.raises(CheckpointError, match=r"whose name cannot be shown \(\?\[31ma\)"):
        tidy({"\x1b[31ma": ONE}, source="x")
