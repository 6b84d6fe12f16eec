from collections import Counter

import pytest
import torch

from gencontrol.alpha_clip.text import word_list
from gencontrol.sprites.captions import (
    CONTEXT_LENGTH,
    END,
    PAD,
    START,
    TEMPLATES,
    UNKNOWN,
    build_tokenizer,
    concept_prompts,
    fill_template,
    pick_name,
    random_caption,
    with_article,
)
from gencontrol.sprites.catalog import load_concepts


def test_articles_and_templates():
    assert with_article("ant") == "an ant" and with_article("bear") == "a bear"
    assert fill_template("a picture of {a}", ["cat", "owl"]) == "a picture of a cat and an owl"
    assert concept_prompts(load_concepts())[0] == "an ant"


def test_captions_name_what_they_should_sometimes_by_a_synonym():
    concepts = load_concepts()
    rabbit = next(i for i, c in enumerate(concepts) if c.name == "rabbit")
    generator = torch.Generator().manual_seed(0)
    texts = [random_caption(concepts, [rabbit, 0], generator) for _ in range(200)]
    assert all("ant" in t.split() for t in texts)
    synonyms = sum("bunny" in t or "hare" in t for t in texts)
    assert 20 < synonyms < 90 and len(set(texts)) > 5


def test_every_name_and_template_is_known_and_fits():
    concepts = load_concepts()
    tokenizer = build_tokenizer(concepts)
    words = word_list(tokenizer)
    assert words is not None
    assert {w for c in concepts for n in c.names for w in n.split()} <= words
    four = fill_template("a picture of {a}", sorted((c.name for c in concepts), key=len)[-4:])
    ids = tokenizer(four)["input_ids"]
    assert len(ids) <= CONTEXT_LENGTH and ids[-1] == END != 2
    assert tokenizer.unk_token_id not in ids


def test_the_tokenizer_survives_saving(tmp_path):
    from transformers import AutoTokenizer

    tokenizer = build_tokenizer(load_concepts())
    tokenizer.save_pretrained(tmp_path)
    again = AutoTokenizer.from_pretrained(tmp_path)
    assert again("A Cat and an owl")["input_ids"] == tokenizer("a cat and an owl")["input_ids"]


@pytest.mark.parametrize(
    ("whether", "which", "name"),
    [(0.24, 0.0, "cat"), (0.24, 0.49, "cat"), (0.24, 0.5, "kitten"), (0.24, 0.99, "kitten"), (0.25, 0.9, "tom")],
)
def test_a_synonym_is_any_but_the_first_name(whether: float, which: float, name: str):
    assert pick_name(("tom", "cat", "kitten"), whether, which, share=0.25) == name
    assert pick_name(("tom",), whether, which, share=0.25) == "tom"


def test_every_template_is_as_frequent_as_the_next():
    concepts = load_concepts()
    generator = torch.Generator().manual_seed(0)
    found = Counter(random_caption(concepts, [0], generator, synonyms=0.0) for _ in range(500))
    assert set(found) == {fill_template(template, ["ant"]) for template in TEMPLATES} and min(found.values()) > 70
    # The draws are one for the template, then one pair a name: the fifth concept has a synonym.
    seeded = [random_caption(concepts, [4, 0], torch.Generator().manual_seed(seed)) for seed in (0, 1, 3, 5)]
    assert seeded == [
        "the blowfish and ant",
        "a picture of a pufferfish and an ant",
        "pufferfish and ant",
        "a drawing of a pufferfish and an ant",
    ]


def test_special_tokens_have_their_numbers():
    tokenizer = build_tokenizer(load_concepts())
    special = tokenizer.pad_token_id, tokenizer.unk_token_id, tokenizer.bos_token_id, tokenizer.eos_token_id
    assert special == (PAD, UNKNOWN, START, END) == (0, 1, 2, 3)
    assert tokenizer.model_max_length == CONTEXT_LENGTH == 32
    assert tokenizer("a zzz")["input_ids"][::3] == [START, END] and tokenizer("a zzz")["input_ids"][2] == UNKNOWN
