"""The small closed vocabulary of captions, questions and answers, as a stock word-level tokenizer."""

from collections.abc import Sequence

from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors
from transformers import PreTrainedTokenizerFast

from gencontrol.sprites.descriptions import COLOURS

PROMPT = "<image> {} :"
"""How a question is put: behind the picture, and the answer behind a colon."""
_SPECIALS = ("<pad>", "<unknown>", "<start>", "<end>", "<image>")
START = 2
_WORDS = """? : a an the and is are it this that of in on at to there what which how many where who describe
thing things marked nothing none no yes one two three four five six seven eight picture whole takes
colour does have stand stands front covers cover behind big small bigger smaller than
left right above below top bottom middle""".split()
LONGEST = 256
"""Tokens that are read at once."""


def language_tokenizer(names: Sequence[str]) -> PreTrainedTokenizerFast:
    """Knows every word of captions, questions and answers about things of these names, and `<image>`.

    Args:
        names: Of things.
    """
    words = list(dict.fromkeys([*_WORDS, *COLOURS, *sorted({word for name in names for word in name.split()})]))
    vocabulary = {word: index for index, word in enumerate([*_SPECIALS, *words])}
    inner = Tokenizer(models.WordLevel(vocabulary, unk_token="<unknown>"))
    inner.normalizer = normalizers.Sequence([normalizers.Lowercase(), normalizers.Strip()])
    inner.pre_tokenizer = pre_tokenizers.Whitespace()
    inner.post_processor = processors.TemplateProcessing(single="<start> $A", special_tokens=[("<start>", START)])
    return PreTrainedTokenizerFast(
        tokenizer_object=inner,
        pad_token="<pad>",
        unk_token="<unknown>",
        bos_token="<start>",
        eos_token="<end>",
        additional_special_tokens=["<image>"],
        model_max_length=LONGEST,
    )
