"""How well names fit regions, beside what else a region might be: frozen text towers, one name at a time."""

import math
from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional

from gencontrol.alpha_clip.model import AlphaCLIP
from gencontrol.alpha_clip.text import word_list
from gencontrol.kinds import checked
from gencontrol.relations.vocabulary import ANYTHING, OTHER_THINGS


@checked
def with_article(name: str) -> str:
    """The name after "a" or "an"."""
    return f"{'an' if name[:1].lower() in tuple('aeiou') else 'a'} {name}"


@checked
def scale_of(encoder: AlphaCLIP) -> float:
    """The encoder's inverse temperature; 100, CLIP's own bound, where it has none."""
    return 100.0 if encoder.logit_scale is None else float(encoder.logit_scale.detach().exp())


@checked
def readable(encoder: AlphaCLIP, names: Sequence[str]) -> tuple[str, ...]:
    """Those of the names whose words a word-level tokenizer knows; all of them where any word is read."""
    words = None if encoder.tokenizer is None else word_list(encoder.tokenizer)
    return tuple(name for name in names if words is None or {*with_article(name).split()} <= words)


@checked
def log_names(
    encoder: AlphaCLIP, regions: Float[Tensor, "k d"], names: Sequence[str], *, truncate: bool = False
) -> Float[Tensor, "k n"]:
    """Log-probability that each region is what each name says, and not another of the names or of `OTHER_THINGS`.

    A name has no rival that shares a word with it: a red cup is a cup. A name such as "thing" fits every region.

    Args:
        encoder: Whose text tower reads the names, at its own temperature.
        regions: Embeddings, any norm.
        names: Without article.
        truncate: Cut names that are too long instead of refusing them.

    Raises:
        InputError: Words that the encoder cannot read, or no text tower.
    """
    asked = list(dict.fromkeys(name for name in names if name not in ANYTHING))
    result = torch.zeros(len(regions), len(names), device=regions.device)
    if not asked:
        return result
    others = [name for name in readable(encoder, OTHER_THINGS) if name not in asked]
    texts = encoder.encode_text([with_article(name) for name in (*asked, *others)], truncate=truncate)
    cosines = functional.normalize(regions.float(), dim=-1) @ functional.normalize(texts.float(), dim=-1).T
    logits = scale_of(encoder) * cosines
    for place, name in enumerate(names):
        if name in ANYTHING:
            continue
        rivals = [not _share_a_word(name, other) or name == other for other in (*asked, *others)]
        shut_out = torch.tensor([0.0 if rival else -math.inf for rival in rivals]).to(logits)
        result[:, place] = (logits + shut_out).log_softmax(dim=-1)[:, asked.index(name)]
    return result


def _share_a_word(first: str, second: str) -> bool:
    return bool({*first.split()} & {*second.split()})
