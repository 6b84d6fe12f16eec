"""Focus by biasing attention: no training, for encoders without alpha weights."""

import typing
from dataclasses import dataclass
from typing import ClassVar, Literal

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional

from gencontrol.alpha_clip.model import AlphaCLIP
from gencontrol.alpha_clip.preprocess import AlphaCLIPProcessor
from gencontrol.errors import ConfigError
from gencontrol.focus.pixels import whole
from gencontrol.images.bounds import bounded
from gencontrol.images.picture import Colours
from gencontrol.kinds import check_fields
from gencontrol.numbers import is_finite, number_text
from gencontrol.regions.geometry import Geometry, fit_planes

Rows = Literal["class", "all"]


@dataclass(frozen=True, kw_only=True)
class AttentionFocus:
    """The class token attends to each patch times alpha^scale, in every layer; patches attend to each other as ever.

    So the answer is about the part, while the part's patches still know their surroundings. Biasing the class token's
    row alone works best among rows (Zhuang et al., "FALIP", ECCV 2024, arXiv 2407.05578). That does nothing for a host
    that takes the patches' tokens: there, no token may read what is outside (`rows="all"`).
    """

    name: ClassVar[str] = "attention"
    takes_bytes: ClassVar[bool] = True
    scale: float = 1.0
    """Exponent of alpha; 0 does nothing."""
    floor: float = 1e-3
    """The least alpha that is used: patches outside keep this share of their attention, to the power `scale`."""
    rows: Rows = "class"
    """Whose attention is biased: the class token's, or that of `all` tokens."""

    def __post_init__(self) -> None:
        check_fields(self)
        if self.rows not in typing.get_args(Rows):
            raise ConfigError(f"rows: expected one of {', '.join(typing.get_args(Rows))}, got {self.rows!r}.")
        if not (is_finite(self.scale) and self.scale >= 0):
            raise ConfigError(f"scale: expected 0 or more, got {number_text(self.scale)}.")
        if not 0 < self.floor <= 1:
            raise ConfigError(f"floor: expected above 0 and at most 1, got {number_text(self.floor)}.")

    def embed(self, encoder: AlphaCLIP, rgb: Colours, alpha: Float[Tensor, "b h w"]) -> Float[Tensor, "b d"]:
        """See `FocusStrategy.embed`. Differentiable in both."""
        patch_size = encoder.vision.config.patch_size
        assert isinstance(patch_size, int)
        patches = patch_alphas(alpha, encoder.processor.geometry, patch_size)
        make = class_token_bias if self.rows == "class" else all_tokens_bias
        bias = make(patches, scale=self.scale, floor=self.floor)
        pixels = self.view(encoder.processor, rgb, alpha).to(encoder.dtype)
        return encoder.encode_pixels(pixels, attention_bias=bias)

    def view(
        self, processor: AlphaCLIPProcessor, rgb: Colours, alpha: Float[Tensor, "b h w"]
    ) -> Float[Tensor, "b 4 s s"]:
        """See `FocusStrategy.view`: the whole picture."""
        return whole(processor, rgb)


def patch_alphas(alpha: Float[Tensor, "b h w"], geometry: Geometry, patch_size: int) -> Float[Tensor, "b p"]:
    """The mean of the alpha map in each patch of the encoder's view, row by row.

    Padding takes the map's least value: it is outside of any part, yet no less inside than the rest when the part is
    the whole image.
    """
    return functional.avg_pool2d(shown_alphas(alpha, geometry), patch_size).flatten(1)


def shown_alphas(alpha: Float[Tensor, "b h w"], geometry: Geometry) -> Float[Tensor, "b s s"]:
    """The alpha map as it lies over the encoder's view; padding takes the map's least value."""
    least = alpha.amin(dim=(1, 2), keepdim=True)
    return fit_planes((alpha - least)[:, None], geometry)[:, 0] + least


def class_token_bias(patches: Float[Tensor, "b p"], *, scale: float, floor: float) -> Float[Tensor, "b 1 n n"]:
    """What to add to attention logits: scale log(max(alpha, floor)) on the class token's row, 0 elsewhere.

    Args:
        patches: Mean alpha of each patch, [0, 1].
        scale: Exponent of alpha.
        floor: Least alpha.

    Returns:
        For the class token and the patches, in that order; to be broadcast over heads.
    """
    row = all_tokens_bias(patches, scale=scale, floor=floor)
    return functional.pad(row, (0, 0, 0, patches.shape[1]))


def all_tokens_bias(
    patches: Float[Tensor, "b p"], *, scale: float, floor: float, class_token: bool = True
) -> Float[Tensor, "b 1 1 n"]:
    """What to add to every token's attention logits: scale log(max(alpha, floor)) for each patch that is read.

    Args:
        patches: Mean alpha of each patch, [0, 1].
        scale: Exponent of alpha.
        floor: Least alpha.
        class_token: Whether a class token stands before the patches; it is read as ever.

    Returns:
        For what is read; to be broadcast over heads and readers.
    """
    logs = scale * torch.log(bounded(patches, floor))
    return functional.pad(logs, (int(class_token), 0))[:, None, None]
