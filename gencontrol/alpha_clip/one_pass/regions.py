"""`AlphaCLIP.encode_regions`: an embedding for each of several regions, in one pass where that is possible."""

import warnings
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional
from transformers import CLIPVisionModelWithProjection

from gencontrol.alpha_clip.inputs import MaskedImage, pair_up
from gencontrol.alpha_clip.one_pass.change import OnePass, OnePassConfig
from gencontrol.alpha_clip.one_pass.forward import encode_together, united
from gencontrol.alpha_clip.preprocess import AlphaCLIPProcessor
from gencontrol.alpha_clip.vision import run_vision
from gencontrol.errors import InputError
from gencontrol.finite import check_finite, mend_of
from gencontrol.kinds import checked
from gencontrol.regions.geometry import fit_planes, of_alpha
from gencontrol.regions.region import RegionWarning


class ApproximateWarning(RegionWarning):
    """Embeddings of regions come of one pass that the encoder was not trained for."""


class SeveralRegions:
    """What `AlphaCLIP` makes of several regions of one picture."""

    vision: CLIPVisionModelWithProjection
    processor: AlphaCLIPProcessor
    one_pass: OnePass | None

    @checked
    def encode_regions(
        self, image: Any, alphas: Any, *, approximate: bool | None = None, normalize: bool = False
    ) -> Float[Tensor, "n d"]:
        """Embed several regions of a picture: in one pass if the encoder was trained for it, else in one for each.

        One pass takes hardly longer for sixteen regions than for one. Its embeddings are near those of `encode_image`
        with each map by itself, and not equal to them; a single region is always `encode_image`'s.

        Args:
            image: One image or several, see `preprocess`.
            alphas: (k, h, w), or for several images (b, k, h, w) or a list of (k, h, w); see `preprocess`. A map is
                [0, 1], 1 inside and not normalised, at its image's own size.
            approximate: True makes one pass of an encoder that was not trained for it, with an `ApproximateWarning`;
                False makes a pass for each region whatever the encoder is trained for.
            normalize: Scale each embedding to length one.

        Returns:
            One embedding for each map, un-normalised unless asked, the maps of one image after another.

        Raises:
            InputError: An image or map that cannot be used, or embeddings that are not finite.
        """
        if alphas is None:
            raise InputError("encode_regions: expected a map for each region, got None; encode_image sees it whole.")
        found = [self._each(masked, approximate=approximate) for masked in pair_up(image, alphas)]
        embeds = torch.cat(found)
        check_finite(embeds, name="What the encoder made of the picture", mend=mend_of(embeds.dtype))
        return functional.normalize(embeds, dim=-1) if normalize else embeds

    def _each(self, image: MaskedImage, *, approximate: bool | None) -> Float[Tensor, "k d"]:
        geometry = self.processor.geometry
        device = self.vision.device
        rgb = fit_planes(image.rgb, geometry).to(device)
        alphas = fit_planes(image.alphas, of_alpha(geometry)).to(device)
        if len(alphas) > 1 and approximate is not False and (approximate or self.one_pass is not None):
            if self.one_pass is None:
                warn_approximate()
            return encode_fitted(self, rgb[None], alphas[None], approximate=True)[0]
        planes = torch.cat([rgb.expand(len(alphas), -1, -1, -1), alphas[:, None]], dim=1)
        pixels = self.processor.normalize(planes).to(self.vision.dtype)
        return run_vision(self.vision, pixels).image_embeds


def encode_fitted(
    encoder: SeveralRegions,
    rgb: Float[Tensor, "b 3 s s"],
    alphas: Float[Tensor, "b k s s"],
    *,
    approximate: bool = False,
) -> Float[Tensor, "b k d"]:
    """One pass for each of several pictures of the tower's size; differentiable in all.

    Args:
        encoder: An `AlphaCLIP`.
        rgb: sRGB in [0, 1].
        alphas: Maps in [0, 1]; those that are 0 everywhere fill rows up, and what comes of them means nothing.
        approximate: Whether an encoder that was not trained for it may be asked.

    Raises:
        InputError: The encoder was not trained for it.
    """
    one_pass = encoder.one_pass
    if one_pass is None and not approximate:
        raise InputError(
            "This encoder was not trained for several regions in one pass: train it (gencontrol train one-pass), or "
            "allow what is approximate."
        )
    pixels = encoder.processor.normalize(torch.cat([rgb, united(alphas)[:, None]], dim=1))
    return encode_together(encoder.vision, one_pass or untrained(encoder.vision), pixels, alphas)


def untrained(vision: CLIPVisionModelWithProjection) -> OnePass:
    """Weights that change nothing, for a tower that was not trained for one pass."""
    # Their random halves are multiplied by zeros; a generator of their own leaves the caller's where it was.
    with torch.random.fork_rng(devices=[]):
        return OnePass(vision.config, OnePassConfig(rank=1, features=1)).to(vision.device, vision.dtype).eval()


def warn_approximate() -> None:
    """Say that the encoder was not trained for what it is asked."""
    text = (
        "The regions' embeddings are approximate: this encoder was not trained for several in one pass "
        "(gencontrol train one-pass)."
    )
    warnings.warn(text, ApproximateWarning, stacklevel=3)
