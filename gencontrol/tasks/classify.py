"""Zero-shot classification of regions: how well texts describe them."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional

from gencontrol.alpha_clip.model import AlphaCLIP
from gencontrol.conditioning.each_region import embed_each_region, region_labels
from gencontrol.errors import InputError
from gencontrol.focus.strategy import FocusStrategy
from gencontrol.kinds import checked
from gencontrol.regions.scene import Scene


@dataclass(frozen=True, kw_only=True)
class Classification:
    """How well each text describes each region."""

    regions: tuple[str, ...]
    """The regions' labels; `whole picture` alone where the scene shows none."""
    cosines: Float[Tensor, "k t"]
    """Cosine similarity of region and text; [-1, 1], float32."""
    shares: Float[Tensor, "k t"]
    """A region's softmax over the texts at the encoder's temperature; [0, 1], each row sums to 1, float32."""


@checked
def check_distinct(texts: Sequence[str]) -> None:
    """Refuse a text that is given twice, be it in other letters: it would take its share of the softmax twice.

    Raises:
        InputError: Names it.
    """
    counts = Counter(map(_plain, texts))
    twice = next((text for text in texts if counts[_plain(text)] > 1), None)
    if twice is not None:
        raise InputError(f"`text` {twice!r} is given twice: give each text once, since their shares add up to 1.")


def _plain(text: str) -> str:
    """Text towers read neither capital letters nor the width of blanks."""
    return " ".join(text.casefold().split())


@torch.no_grad()
@checked
def classify(
    encoder: AlphaCLIP,
    scene: Scene,
    texts: Sequence[str] | Float[Tensor, "t d"],
    *,
    focus: FocusStrategy | None = None,
) -> Classification:
    """Score texts against each region of a picture by itself.

    Args:
        encoder: With a text tower, behind the geometry in which it is to see the picture.
        scene: The picture and its regions; weights and negative regions play no part.
        texts: At least one; or their embeddings, un-normalised or not, where they are scored against many pictures.
        focus: How the encoder is made to look; None is its alpha channel if it has been trained, else attention.

    Raises:
        InputError: No text, one that is given twice, one that the encoder cannot read, or a region that the encoder's
            centre crop leaves out.
        PairingError: The focus `alpha` with an encoder whose alpha weights are zero.
    """
    embeds = text_embeds(encoder, texts)
    regions = embed_each_region(encoder, scene, focus=focus)
    return classified(encoder, regions, embeds, labels=region_labels(scene))


@checked
def text_embeds(encoder: AlphaCLIP, texts: Sequence[str] | Float[Tensor, "t d"]) -> Float[Tensor, "t d"]:
    """Embeddings of texts that are to be scored; what is embedded already stays.

    Raises:
        InputError: No text, one that is given twice, or one that the encoder cannot read.
    """
    if len(texts) == 0:
        raise InputError("texts: expected at least one text to score, got none.")
    if isinstance(texts, Tensor):
        if texts.shape[1] != encoder.embed_dim:
            raise InputError(f"texts: expected embeddings of width {encoder.embed_dim}, got {tuple(texts.shape)}.")
        return texts
    check_distinct(texts)
    return encoder.encode_text(list(texts))


def classified(
    encoder: AlphaCLIP, regions: Float[Tensor, "k d"], texts: Float[Tensor, "t d"], *, labels: tuple[str, ...]
) -> Classification:
    """Cosines and shares of embeddings, un-normalised or not, of regions and of texts.

    Args:
        encoder: Whose temperature it is.
        regions: A row for each label.
        texts: See `text_embeds`.
        labels: What the rows are called.
    """
    cosines = functional.normalize(regions.float(), dim=-1) @ functional.normalize(texts.float(), dim=-1).T
    scale = 1.0 if encoder.logit_scale is None else encoder.logit_scale.exp().float()
    return Classification(regions=labels, cosines=cosines, shares=(scale * cosines).softmax(dim=-1))
