"""Losses of CLIP-guided rendering: pure, differentiable, one value per sample (never reduced over the batch)."""

import torch
from jaxtyping import Bool, Float
from torch import Tensor
from torch.nn import functional as F

from gencontrol.errors import InputError
from gencontrol.images.bounds import bounded
from gencontrol.kinds import checked
from gencontrol.numbers import check_number
from gencontrol.sides import matched

# Below this, a difference of embeddings has no direction: cosine similarity returns 0 there instead of noise.
_EPS = 1e-8


@matched
def similarity_loss(image: Float[Tensor, "*b d"], target: Float[Tensor, "*#b d"]) -> Float[Tensor, "*b"]:
    """One minus the cosine of image and target embeddings; broadcasts.

    Args:
        image: Embeddings of pictures, any norm.
        target: Embeddings of texts, or of regions of reference pictures, any norm.

    Returns:
        [0, 2]; 0 where both point the same way.
    """
    return 1 - F.cosine_similarity(image, target, dim=-1, eps=_EPS)


@matched
def directional_loss(
    image: Float[Tensor, "*b d"],
    image_before: Float[Tensor, "*#b d"],
    text: Float[Tensor, "*#b d"],
    text_before: Float[Tensor, "*#b d"],
) -> Float[Tensor, "*b"]:
    """One minus the cosine of the change in the picture and the change in the text.

    All four are normalised first, as in StyleGAN-NADA (Gal et al. 2021, equation 2) and its uses in 3D editing.

    Returns:
        [0, 2]; 1 while the picture has not changed (a zero vector has no direction).
    """
    step = F.normalize(image, dim=-1) - F.normalize(image_before, dim=-1)
    wanted = F.normalize(text, dim=-1) - F.normalize(text_before, dim=-1)
    return similarity_loss(step, wanted)


@matched
def contrastive_loss(
    image: Float[Tensor, "*b d"], target: Float[Tensor, "*#b d"], others: Float[Tensor, "k d"], *, scale: float = 50.0
) -> Float[Tensor, "*b"]:
    """Cross-entropy of the target among other texts: CLIP's own training loss, for one picture.

    A picture that pleases every text (what an adversarial pattern often does) gains nothing here.

    Args:
        image: Embeddings of pictures, any norm.
        target: The text that should win, any norm.
        others: Texts that should lose, any norm; the target must not be among them.
        scale: Inverse temperature on the cosine; CLIP's learnt one is up to 100.

    Returns:
        Natural logarithm units (nats), at least 0.
    """
    check_number(scale, name="scale")
    image = F.normalize(image, dim=-1)
    wanted = float(scale) * (image * F.normalize(target, dim=-1)).sum(-1)
    unwanted = float(scale) * image @ F.normalize(others, dim=-1).T
    return torch.logsumexp(torch.cat([wanted[..., None], unwanted], dim=-1), dim=-1) - wanted


@matched
def transmittance_loss(
    opacity: Float[Tensor, " b *r"], *, ceiling: float, among: Bool[Tensor, " b *r"] | None = None
) -> Float[Tensor, " b"]:
    """Reward for empty space, up to a ceiling: the clipped additive form of Dream Fields (Jain et al. 2022, eq. 6).

    Args:
        opacity: Accumulated opacity of each ray, [0, 1]; all dimensions but the first are averaged.
        ceiling: Mean transmittance above which more emptiness earns nothing, [0, 1].
        among: Rays that are counted; all by default. A view without any is taken for full: it earns nothing.

    Returns:
        [-ceiling, 0], one a view.
    """
    check_number(ceiling, name="ceiling", at_least=0, at_most=1)
    # A view of a single ray may come without an axis for it.
    opacity = opacity.reshape(len(opacity), -1)
    if among is None:
        transmittance = 1 - opacity.mean(dim=1)
    else:
        counted = among.reshape(len(opacity), -1).to(opacity)
        transmittance = ((1 - opacity) * counted).sum(dim=1) / counted.sum(dim=1).clamp(min=1)
    return -bounded(transmittance, high=ceiling)


@checked
def opacity_entropy(opacity: Float[Tensor, "*r"]) -> Float[Tensor, "*r"]:
    """Binary entropy of each ray's opacity, in nats: 0 where a ray is fully hit or fully missed.

    The background-transmittance entropy of DVGO (Sun et al. 2022), which PureCLIPNeRF keeps.
    """
    # The derivative is infinite at 0 and 1; a ray that misses everything must not turn the gradient into NaN.
    p = opacity.clamp(1e-6, 1 - 1e-6)
    return -(p * p.log() + (1 - p) * (1 - p).log())


@checked
def total_variation(grid: Float[Tensor, "b c *s"]) -> Float[Tensor, "b c"]:
    """Mean squared difference of neighbours, summed over the spatial axes.

    Args:
        grid: Values on a lattice with any number of spatial axes, each at least 2 long. Voxels or pixels.

    Returns:
        One value per sample and channel, at least 0; unit of the values squared.

    Raises:
        InputError: No spatial axis, or one that is too short.
    """
    spatial = range(2, grid.dim())
    if min(grid.shape[2:], default=0) < 2:
        raise InputError(
            "total_variation: grid: expected samples, channels, and spatial axes of at least 2 values each, got shape "
            f"{tuple(grid.shape)}."
        )
    return torch.stack([grid.diff(dim=axis).square().flatten(2).mean(dim=2) for axis in spatial]).sum(dim=0)
