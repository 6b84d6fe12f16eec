"""A denoiser moved to another encoder's embeddings: what it has learnt of drawing is kept.

Two encoders' embeddings of the same pictures are nearly a linear map apart. Folded into the layers that read the
condition, it lets a trained denoiser draw from the new encoder at once, and training goes on from there.
"""

from collections.abc import Sequence

import torch
from diffusers.models.unets.unet_2d_condition import UNet2DConditionModel
from jaxtyping import Float
from torch import Tensor

from gencontrol.errors import PairingError
from gencontrol.sprites.store import SpriteStore
from gencontrol.training.data.variations import BATCH, CacheConfig, Look, draw_pictures

RIDGE = 1e-3
"""Of the fit, as a share of the embeddings' mean square: 1e-4 to 1e-2 differ by less than a hundredth in cosine."""
PICTURES = 2048
"""To fit on: ten for each dimension of `tiny`'s embeddings."""


def fit_map(given: Float[Tensor, "n d"], wanted: Float[Tensor, "n e"], *, ridge: float = RIDGE) -> Float[Tensor, "d e"]:
    """The matrix that brings rows of `given` nearest to those of `wanted`, in the mean square.

    Args:
        given: Embeddings of the new encoder.
        wanted: The old one's, of the same pictures.
        ridge: Weight of the matrix's own square, as a share of the mean square of `given`'s entries.
    """
    given, wanted = given.double(), wanted.double()
    square = given.T @ given
    square += ridge * square.diagonal().mean() * torch.eye(len(square), dtype=square.dtype)
    return torch.linalg.solve(square, given.T @ wanted).float()


@torch.no_grad()
def moved(unet: UNet2DConditionModel, matrix: Float[Tensor, "d e"]) -> UNet2DConditionModel:
    """A copy that takes embeddings which the matrix brings to those that the denoiser knows. Zeros stay zeros.

    Raises:
        PairingError: A denoiser that takes embeddings of another width than the matrix makes.
    """
    if unet.config["cross_attention_dim"] != matrix.shape[1]:
        raise PairingError(
            f"The denoiser to start from takes embeddings of width {unet.config['cross_attention_dim']}, and those of "
            f"the encoder that is said to be its own have {matrix.shape[1]}: name the encoder that it was trained with."
        )
    copy = UNet2DConditionModel(**{**dict(unet.config), "cross_attention_dim": matrix.shape[0]})
    state = {
        name: values @ matrix.T.to(values) if name.endswith((".attn2.to_k.weight", ".attn2.to_v.weight")) else values
        for name, values in unet.state_dict().items()
    }
    copy.load_state_dict(state)
    return copy


@torch.no_grad()
def map_between(
    config: CacheConfig, store: SpriteStore, *, new: Sequence[Look], old: Sequence[Look], pictures: int = PICTURES
) -> Float[Tensor, "d e"]:
    """The map from one encoder's embeddings to another's, fitted on what the cache is made of.

    Args:
        config: What is drawn.
        store: The sprites.
        new: One for each view of each of the configuration's looks.
        old: The same looks of the old encoder.
        pictures: How many, a multiple of 64; each gives an embedding for every look.
    """
    given, wanted = [], []
    for index in range(pictures // BATCH):
        _, shown = draw_pictures(config, store, index, BATCH)
        for look, other, scene in zip(new, old, shown, strict=True):
            given.append(look(scene.rgb, scene.alpha).cpu())
            wanted.append(other(scene.rgb, scene.alpha).cpu())
    return fit_map(torch.cat(given), torch.cat(wanted))
