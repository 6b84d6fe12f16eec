"""The sets of templates are the published ones, and labels go into them."""

from types import ModuleType

import pytest
from open_clip import zero_shot_metadata

from gencontrol.errors import InputError
from gencontrol.tasks.templates import (
    BARE,
    CLIP_7,
    CLIP_80,
    SINGLE,
    TEMPLATES,
    check_templates,
    filled,
    templates_for,
)


def test_the_sets_are_those_of_another_copy() -> None:
    eighty = {template("{}") for template in zero_shot_metadata.OPENAI_IMAGENET_TEMPLATES}
    assert len(CLIP_80) == 80 and set(CLIP_80) == eighty
    assert CLIP_7 == tuple(template("{}") for template in zero_shot_metadata.SIMPLE_IMAGENET_TEMPLATES)
    assert set(CLIP_7) <= eighty and set(SINGLE) <= eighty


@pytest.mark.parametrize("name", TEMPLATES)
def test_every_set_can_be_used(name: str) -> None:
    check_templates(TEMPLATES[name])


def test_labels_go_into_templates() -> None:
    assert filled("itap of a {}.", "grey cat") == "itap of a grey cat."
    assert filled("{a} in a box", "apple") == "an apple in a box"


@pytest.mark.parametrize(
    ("templates", "message"),
    [
        ((), "at least one"),
        (("a photo",), r"one \{\} .* got 'a photo'"),
        (("{} {}",), r"got '\{\} \{\}'"),
        (("{a} {}",), r"got '\{a\} \{\}'"),
        (("a {}", "the {}", "a {}"), r"'a \{\}' is given twice"),
    ],
)
def test_templates_that_cannot_be_used(templates: tuple[str, ...], message: str) -> None:
    with pytest.raises(InputError, match=message):
        check_templates(templates)


def test_a_tokenizer_of_few_words_gets_the_bare_label(tiny: ModuleType) -> None:
    assert templates_for(tiny.tokenizer()) == BARE == ("{a}",)
    assert templates_for(None) == SINGLE == ("a photo of a {}.",)


def test_a_label_without_a_word_says_nothing() -> None:
    with pytest.raises(InputError, match=r"label: expected a word or more to put into '\{a\}', got ' '"):
        filled("{a}", " ")
