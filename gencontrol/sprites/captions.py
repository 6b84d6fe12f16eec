"""Texts that name what a scene shows, and the small word-level tokenizer that reads these and `descriptions`."""

from collections.abc import Iterable, Sequence

import torch
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors
from transformers import PreTrainedTokenizerFast

from gencontrol.sprites.catalog import Concept

TEMPLATES = ("{}", "{a}", "the {}", "a picture of {a}", "a drawing of {a}")
"""How one thing is spoken of; `{a}` is the name with its article."""

EVALUATION_TEMPLATE = "{a}"
"""How names are written where they are compared."""

# Words of relations, sizes, colours and views that no name holds: `descriptions` uses them.
_FURTHER_WORDS = """a an and the of in on with to picture drawing photo left right above below behind front under over
between beside near next top bottom middle small big large little red green blue yellow orange purple pink brown black
white grey view side back from seen overhead bigger smaller than at""".split()

CONTEXT_LENGTH = 32
"""Tokens that the text tower takes: four names with articles, start and end."""

# transformers pools at the largest token id where the end token is 2, a legacy; ours must be another.
PAD, UNKNOWN, START, END = 0, 1, 2, 3


def with_article(name: str) -> str:
    """The name after "a" or "an"."""
    return f"{'an' if name[0] in 'aeiou' else 'a'} {name}"


def fill_template(template: str, names: Sequence[str]) -> str:
    """The template about one or several things, joined by "and"."""
    plain = " and ".join(names)
    return template.format(plain, a=" and ".join(map(with_article, names)))


def random_caption(
    concepts: Sequence[Concept], indices: Sequence[int], generator: torch.Generator, *, synonyms: float = 0.25
) -> str:
    """A caption that names the given concepts in their order, with a random template and sometimes a synonym."""
    draw = torch.rand(len(indices) + 1, 2, generator=generator).tolist()
    names = [pick_name(concepts[i].names, *d, share=synonyms) for i, d in zip(indices, draw[1:], strict=True)]
    return fill_template(TEMPLATES[int(draw[0][0] * len(TEMPLATES))], names)


def concept_prompts(concepts: Iterable[Concept], template: str = EVALUATION_TEMPLATE) -> list[str]:
    """One text per concept, with its first name."""
    return [fill_template(template, [c.name]) for c in concepts]


def build_tokenizer(concepts: Sequence[Concept]) -> PreTrainedTokenizerFast:
    """A word-level tokenizer of every word in the concepts' names, in transformers' format."""
    words = sorted({w for c in concepts for n in c.names for w in n.split()} | set(_FURTHER_WORDS))
    specials = ["<pad>", "<unknown>", "<start>", "<end>"]
    vocabulary = {word: index for index, word in enumerate(specials + words)}
    tokenizer = Tokenizer(models.WordLevel(vocabulary, unk_token="<unknown>"))
    tokenizer.normalizer = normalizers.Sequence([normalizers.Lowercase(), normalizers.Strip()])
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    tokenizer.post_processor = processors.TemplateProcessing(
        single="<start> $A <end>", special_tokens=[("<start>", START), ("<end>", END)]
    )
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        pad_token="<pad>",
        unk_token="<unknown>",
        bos_token="<start>",
        eos_token="<end>",
        model_max_length=CONTEXT_LENGTH,
    )


def pick_name(names: Sequence[str], whether: float, which: float, *, share: float) -> str:
    """The first name, or a synonym in a `share` of cases; `whether` and `which` are draws from [0, 1)."""
    if len(names) > 1 and whether < share:
        return names[1 + int(which * (len(names) - 1))]
    return names[0]
