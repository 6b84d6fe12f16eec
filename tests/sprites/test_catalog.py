import pytest

from gencontrol.errors import ConfigError
from gencontrol.sprites.catalog import (
    SPRITE_SETS,
    Concept,
    further_styles,
    held_out_styles,
    load_concepts,
    training_styles,
    vocabulary,
    with_categories,
)


def test_the_shipped_concepts_are_many_and_distinct():
    concepts = load_concepts()
    assert 300 <= len(concepts) <= 500
    assert len({c.slug for c in concepts}) == len(concepts)
    assert vocabulary(concepts)["bunny"] == vocabulary(concepts)["rabbit"]


def test_the_held_out_style_is_fxemoji_and_no_share_alike_set_is_used():
    assert held_out_styles() == ("fxemoji",)
    assert "fxemoji" not in training_styles() and len(training_styles()) == 6
    assert all("SA" not in s.licence for s in SPRITE_SETS)


def test_two_concepts_with_one_name_are_refused(tmp_path):
    path = tmp_path / "c.yaml"
    path.write_text("cat: [cat]\nkitten: [kitten, cat]\n")
    with pytest.raises(ConfigError, match="'cat' belongs to both 'cat' and 'kitten'"):
        load_concepts(path)


@pytest.mark.parametrize("names", ["cat", "[]", "[1]"])
def test_a_concept_without_names_is_refused(tmp_path, names):
    path = tmp_path / "c.yaml"
    path.write_text(f"cat: {names}\n")
    with pytest.raises(ConfigError, match="'cat': expected a list of names"):
        load_concepts(path)


@pytest.mark.parametrize("name", ["T-rex", "Cat", "cat ", "big  cat", "cat_like", "o'clock"])
def test_a_name_that_the_tokenizer_would_read_otherwise_is_refused(tmp_path, name):
    path = tmp_path / "c.yaml"
    path.write_text(f'cat: ["{name}"]\n')
    with pytest.raises(ConfigError, match=f"'cat': expected names of lower-case words with single spaces, got .{name}"):
        load_concepts(path)


@pytest.mark.parametrize(
    ("text", "message"), [("", "lists no concepts"), ("- cat", "expected a mapping"), ("{", "YAML")]
)
def test_a_file_that_lists_no_concepts_is_refused(tmp_path, text, message):
    path = tmp_path / "c.yaml"
    path.write_text(text)
    with pytest.raises(ConfigError, match=message):
        load_concepts(path)


def test_categories_are_filled_in_by_slug():
    filled = with_categories((Concept(slug="cat", names=("cat",)), Concept(slug="x", names=("x",))), {"cat": "Animals"})
    assert [c.category for c in filled] == ["Animals", ""]


def test_further_styles_are_neither_known_nor_held_out():
    assert further_styles() == ("fluent-emoji-high-contrast", "emojione-monotone", "streamline-emojis")
    assert (
        Concept(slug="cat", names=("tom", "cat")).name == "tom" and Concept(slug="cat", names=("tom",)).category == ""
    )
