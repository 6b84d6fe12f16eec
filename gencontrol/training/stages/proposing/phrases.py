"""Phrases that name the sprite world's things, and which of them are asked of a scene."""

from collections.abc import Sequence
from typing import Any

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from gencontrol.alpha_clip.model import AlphaCLIP
from gencontrol.sprites.captions import fill_template
from gencontrol.sprites.catalog import Concept
from gencontrol.sprites.compose import Scenes
from gencontrol.training.stages.proposing.owl import owl_tokenizer

TEMPLATES = ("{}", "{a}", "the {}")
"""How a phrase names a thing; `{a}` is the name with its article."""
WITH_ARTICLE = 1
"""Which of them captions have most often."""
LEAST_SEEN = 0.2
"""Visible share of a sprite from which a phrase is said to name it."""
_BATCH = 256


def phrases_of(concepts: Sequence[Concept]) -> tuple[list[str], Int[Tensor, " t"]]:
    """Every phrase, and the concept that each names; the first names in every template come first, a concept's
    together, and then its synonyms'."""
    rows = [(fill_template(t, [c.name]), i) for i, c in enumerate(concepts) for t in TEMPLATES]
    rows += [(fill_template(t, [name]), i) for i, c in enumerate(concepts) for name in c.names[1:] for t in TEMPLATES]
    return [text for text, _ in rows], torch.tensor([concept for _, concept in rows])


@torch.no_grad()
def embedded(owl: Any, encoder: AlphaCLIP, texts: Sequence[str]) -> Float[Tensor, "t d"]:
    """The phrases as the class head takes them.

    Args:
        owl: An `Owlv2ForObjectDetection`.
        encoder: Whose tokenizer it reads with.
        texts: The phrases.
    """
    assert encoder.tokenizer is not None
    length = owl.config.text_config.max_position_embeddings
    read: Any = owl_tokenizer(encoder.tokenizer, length=length)(list(texts), padding=True, return_tensors="pt")
    parts = zip(read["input_ids"].split(_BATCH), read["attention_mask"].split(_BATCH), strict=True)
    found = [owl.owlv2.get_text_features(input_ids=ids, attention_mask=mask).pooler_output for ids, mask in parts]
    rows = torch.cat(found).float()
    return rows / rows.norm(dim=-1, keepdim=True)


def seen_in(scenes: Scenes) -> Bool[Tensor, "b k"]:
    """Which slots hold a sprite that a phrase is said to name."""
    sides = scenes.boxes[..., 2:] - scenes.boxes[..., :2]
    return scenes.used & (scenes.visible >= LEAST_SEEN) & (sides > 0).all(-1)


def asked_of(
    scenes: Scenes,
    concept_of: Int[Tensor, " t"],
    absent: int,
    generator: torch.Generator,
    *,
    template: int | None = None,
) -> Int[Tensor, "b q"]:
    """Phrases by number: one for each slot of a scene, and then some of things that are not there.

    An empty slot is asked for something that is not there as well.

    Args:
        scenes: The scenes.
        concept_of: Of each phrase; see `phrases_of`.
        absent: Of the latter.
        generator: Draws.
        template: Which of `TEMPLATES` is taken, of the first names; any phrase of the concept unless given.
    """
    batch, slots = scenes.concept.shape
    concepts = int(concept_of.max()) + 1
    there = torch.zeros(batch, concepts + 1, dtype=torch.bool)
    there.scatter_(1, torch.where(scenes.used, scenes.concept, concepts), True)
    others = torch.multinomial((~there[:, :concepts]).float(), slots + absent, generator=generator)
    wanted = torch.cat([torch.where(scenes.used, scenes.concept, others[:, :slots]), others[:, slots:]], dim=1)
    if template is not None:
        return wanted * len(TEMPLATES) + template
    order = concept_of.argsort(stable=True)
    count = torch.bincount(concept_of, minlength=concepts)
    first = count.cumsum(0) - count
    drawn = (torch.rand(wanted.shape, generator=generator) * count[wanted]).long().clamp(max=count[wanted] - 1)
    return order[first[wanted] + drawn]
