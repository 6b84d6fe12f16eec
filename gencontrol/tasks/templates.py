"""Prompt templates of zero-shot classification: the sentences that a label is put into before it is embedded.

Their wording is data: models are compared on exactly these. Source: https://github.com/openai/CLIP, commit d05afc4,
`notebooks/Prompt_Engineering_for_ImageNet.ipynb` and `data/prompts.md` (MIT).
"""

from collections.abc import Mapping, Sequence
from types import MappingProxyType

from transformers import PreTrainedTokenizerBase

from gencontrol.alpha_clip.text import check_words
from gencontrol.errors import InputError
from gencontrol.kinds import checked
from gencontrol.sprites.captions import with_article

PLACE, WITH_ARTICLE = "{}", "{a}"
"""What stands for a label in a template, and what for a label behind "a" or "an"."""

SINGLE = ("a photo of a {}.",)
"""The one sentence of the figures that Alpha-CLIP's authors published for ImageNet-S.

Source: https://github.com/SunzeY/AlphaCLIP, commit e5676c9, `eval/imagenet_s_zs_test/imagenet_s_zs_test.py`.
"""
BARE = (WITH_ARTICLE,)
"""For text towers that know few words."""
CLIP_7 = (
    "itap of a {}.",
    "a bad photo of the {}.",
    "a origami {}.",
    "a photo of the large {}.",
    "a {} in a video game.",
    "art of the {}.",
    "a photo of the small {}.",
)
"""The seven that CLIP's authors found by forward selection to do about as well as the eighty."""
_BOTH = (
    "a bad photo of {} {{}}.",
    "a sculpture of {} {{}}.",
    "a low resolution photo of {} {{}}.",
    "a rendering of {} {{}}.",
    "graffiti of {} {{}}.",
    "a cropped photo of {} {{}}.",
    "a tattoo of {} {{}}.",
    "{} embroidered {{}}.",
    "a bright photo of {} {{}}.",
    "a photo of {} clean {{}}.",
    "a photo of {} dirty {{}}.",
    "a dark photo of {} {{}}.",
    "a drawing of {} {{}}.",
    "{} plastic {{}}.",
    "a photo of {} cool {{}}.",
    "a close-up photo of {} {{}}.",
    "a black and white photo of {} {{}}.",
    "a painting of {} {{}}.",
    "a pixelated photo of {} {{}}.",
    "a jpeg corrupted photo of {} {{}}.",
    "a blurry photo of {} {{}}.",
    "a photo of {} {{}}.",
    "a good photo of {} {{}}.",
    "{} {{}} in a video game.",
    "a doodle of {} {{}}.",
    "{} origami {{}}.",
    "a sketch of {} {{}}.",
    "{} toy {{}}.",
    "a rendition of {} {{}}.",
    "a photo of {} large {{}}.",
    "a photo of {} nice {{}}.",
    "a photo of {} weird {{}}.",
    "{} cartoon {{}}.",
    "art of {} {{}}.",
    "{} plushie {{}}.",
    "itap of {} {{}}.",
    "a photo of {} small {{}}.",
    "a photo of {} hard to see {{}}.",
)
# Of the eighty, 76 are 38 sentences with either article, and four stand alone.
CLIP_80 = (
    *(sentence.format(article) for sentence in _BOTH for article in ("a", "the")),
    "a photo of many {}.",
    "a photo of my {}.",
    "a photo of one {}.",
    "itap of my {}.",
)
"""The eighty of CLIP's ImageNet figures."""

TEMPLATES: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {"single": SINGLE, "bare": BARE, "clip-7": CLIP_7, "clip-80": CLIP_80}
)
"""The sets by name."""


@checked
def check_templates(templates: Sequence[str]) -> None:
    """Refuse templates that no label can be put into, or that are given twice.

    Raises:
        InputError: No template, or the first that cannot be used.
    """
    if not templates:
        raise InputError("templates: expected at least one, such as 'a photo of a {}.', got none.")
    for place, template in enumerate(templates):
        if template.count(PLACE) + template.count(WITH_ARTICLE) != 1:
            raise InputError(f"templates: expected one {{}} (or {{a}}, with its article) in each, got {template!r}.")
        if template in templates[:place]:
            raise InputError(f"templates: {template!r} is given twice: it would count twice in the mean.")


@checked
def filled(template: str, label: str) -> str:
    """The template about a label.

    Raises:
        InputError: A label without a word.
    """
    if not label.strip():
        raise InputError(f"label: expected a word or more to put into {template!r}, got {label!r}.")
    return template.replace(WITH_ARTICLE, with_article(label)).replace(PLACE, label)


def templates_for(tokenizer: PreTrainedTokenizerBase | None) -> tuple[str, ...]:
    """The single sentence where a tokenizer knows its words, else the bare label behind its article."""
    if tokenizer is None:
        return SINGLE
    try:
        check_words(tokenizer, SINGLE[0].replace(PLACE, ""))
    except InputError:
        return BARE
    return SINGLE
