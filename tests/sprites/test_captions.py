import torch

from gencontrol.alpha_clip.text import word_list
from gencontrol.sprites.captions import (
    CONTEXT_LENGTH,
    END,
    build_tokenizer,
    concept_prompts,
    fill_template,
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
