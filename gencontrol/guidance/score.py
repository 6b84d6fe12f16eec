"""Scores of pictures with alpha maps against texts or reference regions, under one or several encoders."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol, runtime_checkable

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional as F

from gencontrol.errors import InputError
from gencontrol.guidance.losses import contrastive_loss, similarity_loss
from gencontrol.kinds import check_fields, checked
from gencontrol.schedules import Schedule, constant, value_at
from gencontrol.sides import matched


@runtime_checkable
class Encoder(Protocol):
    """What guidance needs of an encoder; `gencontrol.AlphaCLIP` has it."""

    @property
    def processor(self) -> Any:
        """`processor(rgb "b 3 h w", alpha "b h w") -> "b 4 s s"`: values in [0, 1] in, model input out."""

    def encode_pixels(self, pixel_values: Float[Tensor, "n 4 s s"]) -> Float[Tensor, "n d"]:
        """Projected embeddings, differentiable."""
        ...

    def encode_text(self, text: str | Sequence[str]) -> Float[Tensor, "t d"]:
        """Projected embeddings of texts."""
        ...


@dataclass(frozen=True, kw_only=True)
class Guide:
    """One encoder of an ensemble."""

    encoder: Encoder
    """Its parameters should not require gradients; pictures and alpha maps may."""
    weight: Schedule = field(default_factory=lambda: constant(1.0))
    """How much its loss counts at a step."""
    start: int = 0
    """First step at which it takes part; a large encoder may join late."""

    def __post_init__(self) -> None:
        check_fields(self)


@matched
def embed(
    encoder: Encoder, rgb: Float[Tensor, "n 3 h w"], alpha: Float[Tensor, "n 1 h w"] | None = None
) -> Float[Tensor, "n d"]:
    """Encode pictures, looking where alpha says; differentiable in both.

    Args:
        encoder: An Alpha-CLIP.
        rgb: Straight colour, [0, 1].
        alpha: [0, 1]; None looks at the whole picture (ones).

    Raises:
        InputError: No picture.
    """
    looked = torch.ones_like(rgb[:, 0]) if alpha is None else alpha[:, 0]
    return encoder.encode_pixels(encoder.processor(rgb, looked))


@torch.no_grad()
@checked
def text_targets(encoder: Encoder, texts: str | Sequence[str]) -> Float[Tensor, "t d"]:
    """Unit embeddings of one or several texts."""
    return F.normalize(encoder.encode_text(texts), dim=-1)


@torch.no_grad()
@matched
def region_target(
    encoder: Encoder, rgb: Float[Tensor, "n 3 h w"], alpha: Float[Tensor, "n 1 h w"] | None = None
) -> Float[Tensor, "n d"]:
    """Unit embeddings of reference pictures' regions, to steer towards instead of a text."""
    return F.normalize(embed(encoder, rgb, alpha), dim=-1)


def active(guides: Sequence[Guide], step: int) -> list[tuple[int, float]]:
    """(index, weight) of the guides that take part at a step."""
    weights = [value_at(guide.weight, step) for guide in guides]
    return [(i, w) for i, (guide, w) in enumerate(zip(guides, weights, strict=True)) if step >= guide.start and w != 0]


@matched
def alpha_similarity_loss(
    guides: Sequence[Guide],
    targets: Sequence[Float[Tensor, "..."]],
    rgb: Float[Tensor, "n 3 h w"],
    alpha: Float[Tensor, "n 1 h w"] | None = None,
    *,
    step: int = 0,
) -> Float[Tensor, " n"]:
    """Sum over encoders of weight times (1 - cosine), one value a picture.

    Args:
        guides: The ensemble.
        targets: For each guide, in its own embedding space: (d) or (1, d) for one target, (n, d) for one a picture, or
            (n or 1, t, d) for several, over which the loss is averaged.
        rgb: Straight colour, [0, 1].
        alpha: Where to look, [0, 1]; None is the whole picture.
        step: Decides which guides take part and with which weights.

    Raises:
        InputError: There is not one target per guide, or its shape fits neither the pictures nor the embedding.
    """
    return guide_losses(guides, targets, rgb, alpha, step=step)[0]


@matched
def guide_losses(
    guides: Sequence[Guide],
    targets: Sequence[Float[Tensor, "..."]],
    rgb: Float[Tensor, "n 3 h w"],
    alpha: Float[Tensor, "n 1 h w"] | None = None,
    *,
    others: Sequence[Float[Tensor, "_ _"]] | None = None,
    scale: float = 50.0,
    step: int = 0,
) -> tuple[Float[Tensor, " n"], Float[Tensor, " n"]]:
    """`alpha_similarity_loss`, and beside it the contrastive loss against other texts, from one pass per encoder.

    Args:
        guides: The ensemble.
        targets: See `alpha_similarity_loss`.
        rgb: Straight colour, [0, 1].
        alpha: Where to look, [0, 1]; None is the whole picture.
        others: For each guide, embeddings of texts that the target is told apart from, (k, d); none adds nothing.
        scale: See `contrastive_loss`.
        step: Decides which guides take part and with which weights.

    Returns:
        Both losses of each picture, summed over encoders times their weights.

    Raises:
        InputError: See `alpha_similarity_loss`.
    """
    if len(guides) != len(targets) or (others is not None and len(others) != len(guides)):
        raise InputError(
            f"Expected one target per guide, in its own space: {len(guides)} guides, {len(targets)} targets"
            f"{'' if others is None else f', {len(others)} sets of other texts'}."
        )
    similarity, contrast = rgb.new_zeros(len(rgb)), rgb.new_zeros(len(rgb))
    for index, weight in active(guides, step):
        image = embed(guides[index].encoder, rgb, alpha)
        wanted = _several(targets[index], image)
        image = image[:, None].expand(-1, wanted.shape[1], -1)
        similarity = similarity + weight * similarity_loss(image, wanted).mean(dim=1)
        if others is not None and len(others[index]):
            apart = contrastive_loss(image, wanted, others[index], scale=scale)
            contrast = contrast + weight * apart.mean(dim=1)
    return similarity, contrast


def _several(target: Tensor, image: Float[Tensor, "n d"]) -> Float[Tensor, "_ t d"]:
    """Bring a target to (n or 1, t, d)."""
    shaped = target[None, None] if target.dim() == 1 else target[:, None] if target.dim() == 2 else target
    if shaped.shape[-1] != image.shape[-1] or shaped.shape[0] not in (1, len(image)) or shaped.dim() != 3:
        raise InputError(
            f"A target of shape {tuple(target.shape)} fits neither {len(image)} pictures nor an embedding of "
            f"{image.shape[-1]}: give (d), (n, d) or (n, t, d)."
        )
    return shaped
