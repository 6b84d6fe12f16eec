"""The closed vocabulary: nothing that is said or asked is unknown to it."""

from pathlib import Path
from random import Random
from typing import Any

from transformers import AutoTokenizer

from gencontrol.sprites.catalog import load_concepts
from gencontrol.training.language.captions import caption_of
from gencontrol.training.language.questions import CAPTION, KINDS, ask
from gencontrol.training.language.shown import LOOKS, Shown, Thing
from gencontrol.training.language.words import PROMPT, language_tokenizer

NAMES = tuple(concept.name for concept in load_concepts())


def test_every_word_is_known() -> None:
    tokenizer: Any = language_tokenizer(NAMES)
    random, texts = Random(0), {CAPTION}
    for number in range(300):
        things = tuple(
            Thing(
                name=random.choice(NAMES),
                place=(random.random(), random.random()),
                area=random.random() / 4,
                colour=random.choice(("red", "blue", "")),
                recoloured=True,
                behind=random.randrange(-1, 2),
                covered=random.random() / 8,
            )
            for _ in range(1 + number % 8)
        )
        marked = tuple(range(min(number % 3, len(things))))
        behind = tuple(t if t.behind < len(things) else Thing(name="cat", place=(0.0, 0.0), area=0.1) for t in things)
        shown = Shown(things=behind, marked=marked, look=LOOKS[number % 5])
        texts.add(caption_of(shown))
        for kind in KINDS:
            asked = ask(shown, kind, names=NAMES, random=random)
            texts |= {asked.question, asked.answer} if asked else set()
    assert len(texts) > 500
    for text in texts:
        assert tokenizer.unk_token_id not in tokenizer(text)["input_ids"], text


def test_round_trip(tmp_path: Path) -> None:
    tokenizer: Any = language_tokenizer(NAMES)
    tokenizer.save_pretrained(tmp_path)
    again: Any = AutoTokenizer.from_pretrained(tmp_path)
    for each in (tokenizer, again):
        text = PROMPT.replace("<image>", "<image>" * 3).format("Is it bigger than the hot dog?")
        ids = each(text)["input_ids"]
        image = each.convert_tokens_to_ids("<image>")
        assert ids[0] == each.bos_token_id == 2 and ids[1:4] == [image] * 3 and ids[4] != image
        assert each.decode(ids, skip_special_tokens=True) == "is it bigger than the hot dog ? :"
        assert each.decode(
            [*each("a hot dog", add_special_tokens=False)["input_ids"], 3], skip_special_tokens=True
        ) == ("a hot dog")
    assert again.get_vocab() == tokenizer.get_vocab()
