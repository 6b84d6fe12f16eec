"""Zero-shot classification: which of many labels a region has, by the embeddings of sentences about them."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional

from gencontrol.alpha_clip.model import AlphaCLIP
from gencontrol.errors import InputError
from gencontrol.focus.strategy import FocusStrategy
from gencontrol.kinds import checked
from gencontrol.numbers import check_number
from gencontrol.regions.scene import Scene
from gencontrol.tasks.classify import Classification, classify
from gencontrol.tasks.labels import check_labels
from gencontrol.tasks.templates import check_templates, filled, templates_for

BATCH = 256
"""Sentences that the text tower is given at once."""


@dataclass(frozen=True, kw_only=True)
class Guess:
    """A label, and how well it describes a region."""

    label: str
    """The label."""
    share: float
    """Among all labels; [0, 1]."""
    cosine: float
    """Between the region's embedding and the label's; [-1, 1]."""


@torch.no_grad()
@checked
def zero_shot_weights(
    encoder: AlphaCLIP,
    labels: Sequence[str],
    *,
    templates: Sequence[str] | None = None,
    truncate: bool = False,
    batch: int = BATCH,
) -> Float[Tensor, "t d"]:
    """One embedding for each label: the mean, over templates, of its sentences' embeddings, each at unit length.

    Source: Radford et al., "Learning Transferable Visual Models From Natural Language Supervision", ICML 2021, section
    3.1.4 (prompt ensembles are made in the space of embeddings, not of probabilities).

    Args:
        encoder: With a text tower.
        labels: At least one, no two the same.
        templates: Sentences with `{}` for the label, or `{a}` for it behind its article; None chooses by the words that
            the encoder's tokenizer knows (see `templates_for`). `TEMPLATES` holds the known sets.
        truncate: Cut sentences that are too long instead of refusing them.
        batch: Sentences that the text tower is given at once; changes speed and memory alone.

    Returns:
        Of unit length; float32.

    Raises:
        InputError: No label, one that is given twice, a template without a place for it, or a sentence that the encoder
            cannot read.
    """
    templates = templates_for(encoder.tokenizer) if templates is None else templates
    check_labels(labels)
    check_templates(templates)
    check_number(batch, name="batch", at_least=1)
    sentences = [filled(template, label) for label in labels for template in templates]
    parts = [sentences[start : start + batch] for start in range(0, len(sentences), batch)]
    embeds = torch.cat([encoder.encode_text(part, truncate=truncate).float() for part in parts])
    each = functional.normalize(embeds, dim=-1).unflatten(0, (len(labels), len(templates)))
    return functional.normalize(each.mean(dim=1), dim=-1)


@torch.no_grad()
@checked
def classify_labels(
    encoder: AlphaCLIP,
    scene: Scene,
    labels: Sequence[str],
    *,
    templates: Sequence[str] | None = None,
    focus: FocusStrategy | None = None,
    truncate: bool = False,
) -> Classification:
    """Which of some labels each region of a picture has: `classify`, with sentences about labels as the texts.

    For many pictures, make `zero_shot_weights` once and give these to `classify`.

    Args:
        encoder: With a text tower, behind the geometry in which it is to see the picture.
        scene: The picture and its regions; without one, the whole picture.
        labels: See `zero_shot_weights`.
        templates: See `zero_shot_weights`.
        focus: See `classify`.
        truncate: See `zero_shot_weights`.

    Raises:
        InputError: See `zero_shot_weights` and `classify`.
        PairingError: See `classify`.
    """
    return classify(
        encoder, scene, zero_shot_weights(encoder, labels, templates=templates, truncate=truncate), focus=focus
    )


@checked
def top_k(result: Classification, labels: Sequence[str], k: int = 5) -> tuple[tuple[Guess, ...], ...]:
    """The best labels of each region, best first.

    Args:
        result: Of `classify` or `classify_labels`.
        labels: Those that it is about, in their order.
        k: How many; all where there are fewer.

    Raises:
        InputError: Another number of labels, or no place for one.
    """
    check_number(k, name="k", at_least=1)
    if len(labels) != result.shares.shape[1]:
        raise InputError(f"labels: the result is about {result.shares.shape[1]} of them, got {len(labels)}.")
    # By cosine: shares of labels that are far behind round to one and the same.
    order = result.cosines.argsort(dim=1, descending=True, stable=True)[:, :k]
    return tuple(
        tuple(
            Guess(label=labels[place], share=result.shares[row, place].item(), cosine=result.cosines[row, place].item())
            for place in map(int, places)
        )
        for row, places in enumerate(order)
    )
