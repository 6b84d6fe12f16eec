"""What encoders with an alpha channel have in common, whatever their towers: pictures with maps in, embeddings out."""

from typing import Any, TypeVar

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional
from transformers import PreTrainedTokenizerBase

from gencontrol.alpha_clip.alpha_slice import patch_weight
from gencontrol.alpha_clip.inputs import MaskedImage, pair_up
from gencontrol.alpha_clip.preprocess import AlphaCLIPProcessor
from gencontrol.errors import InputError
from gencontrol.finite import check_finite, check_finite_weights, mend_of
from gencontrol.kinds import checked
from gencontrol.regions.geometry import fit_planes, of_alpha

Made = TypeVar("Made", bound="AlphaEncoder")


class AlphaEncoder(nn.Module):
    """An image encoder that can be told where to look, beside a text encoder of the same space or alone."""

    vision: Any
    text: Any
    tokenizer: PreTrainedTokenizerBase | None
    processor: AlphaCLIPProcessor

    @classmethod
    def _from_parts(cls: type[Made], parts: Any, *, source: str) -> Made:
        """Where all doors meet: of a record of parts, whose fields are the constructor's arguments."""
        made = cls(**vars(parts)).eval()
        # After they have been cast: float16 may not hold what a file does.
        check_finite_weights(made, source=source)
        return made

    @property
    def device(self) -> torch.device:
        """Where the vision tower is."""
        return self.vision.device

    @property
    def dtype(self) -> torch.dtype:
        """Of the vision tower's weights."""
        return self.vision.dtype

    @property
    def image_size(self) -> int:
        """Side of the vision tower's input in pixels."""
        return self.processor.geometry.size

    @property
    def has_alpha(self) -> bool:
        """Whether any alpha weight is not zero; otherwise this is the plain encoder."""
        return bool(patch_weight(self.vision)[:, 3:].any())

    @checked
    def preprocess(self, image: Any, alpha: Any = None) -> Float[Tensor, "n 4 s s"]:
        """Fit and normalise images together with their alpha maps.

        Args:
            image: One image (a path, PIL image, array, tensor (3, h, w) or Picture), a list of them, or a tensor
                (b, 3, h, w). Tensors are sRGB in [0, 1].
            alpha: Where to look, 1 inside and 0 outside, [0, 1], not normalised, at the image's own size. None is the
                whole image: an image's own alpha channel is not used (see `regions.from_image_alpha`). One image takes
                (h, w) or (k, h, w); several take (h, w) for all, (b, h, w), (b, k, h, w), or a list.

        Returns:
            Pixel values on the encoder's device and in its dtype, the maps of one image after another; differentiable
            in tensors.

        Raises:
            InputError: An image or map that cannot be used.
        """
        pixels = torch.cat([self._fit(masked) for masked in pair_up(image, alpha)])
        return pixels.to(device=self.device, dtype=self.dtype)

    def _fit(self, image: MaskedImage) -> Float[Tensor, "k 4 s s"]:
        geometry = self.processor.geometry
        rgb, alphas = fit_planes(image.rgb, geometry), fit_planes(image.alphas, of_alpha(geometry))
        return self.processor.normalize(torch.cat([rgb.expand(len(alphas), -1, -1, -1), alphas[:, None]], dim=1))

    def encode_pixels(self, pixel_values: Float[Tensor, "n c h w"]) -> Float[Tensor, "n d"]:
        """Embed pixel values that `preprocess` or `processor` made; not normalised."""
        raise NotImplementedError

    @checked
    def encode_image(self, image: Any, alpha: Any = None, *, normalize: bool = False) -> Float[Tensor, "n d"]:
        """Embed images, looking where their alpha maps say.

        Args:
            image: See `preprocess`.
            alpha: See `preprocess`; None is the whole image.
            normalize: Scale each embedding to length one.

        Returns:
            One embedding per image and map, the maps of one image after another.

        Raises:
            InputError: An image or map that cannot be used, or embeddings that are not finite.
        """
        embeds = self.encode_pixels(self.preprocess(image, alpha))
        check_finite(embeds, name="What the encoder made of the picture", mend=mend_of(embeds.dtype))
        return functional.normalize(embeds, dim=-1) if normalize else embeds

    def _text_tower(self) -> Any:
        if self.text is None:
            raise InputError("This encoder has no text tower: it was made from a vision tower alone.")
        return self.text
