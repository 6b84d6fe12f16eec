"""Running a vision tower of four channels."""

from typing import Any

from jaxtyping import Float
from torch import Tensor
from transformers import CLIPVisionModelWithProjection

from gencontrol.alpha_clip.alpha_slice import patch_convolution
from gencontrol.alpha_clip.inputs import fitting_bias
from gencontrol.alpha_clip.patch_product import patch_product_in
from gencontrol.errors import InputError


def run_vision(
    vision: CLIPVisionModelWithProjection,
    pixels: Float[Tensor, "n c h w"],
    bias: Float[Tensor, "..."] | None = None,
    **options: bool,
) -> Any:
    """A tower's own output, its patches right in every precision; the tower is left as it was.

    Args:
        vision: Of four channels.
        pixels: Normalised, at the tower's size.
        bias: Added to the attention logits of every layer, see `AlphaCLIP.encode_pixels`.
        options: Of the tower's call, such as `output_hidden_states`.

    Raises:
        InputError: No picture, another number of channels, another size, or a bias that does not broadcast.
    """
    expected = (4, vision.config.image_size, vision.config.image_size)
    if tuple(pixels.shape[1:]) != expected or not len(pixels):
        shape = f"(n, {', '.join(map(str, expected))})"
        raise InputError(f"Expected pixel values {shape} of at least one picture, got {tuple(pixels.shape)}.")
    # Weights that are offloaded to disk or loaded layer by layer have no device to go by; the pixels have.
    mask = {}
    if bias is not None:
        bias = fitting_bias(bias, vision.config, count=len(pixels))
        mask["attention_mask"] = bias.to(device=pixels.device, dtype=vision.dtype)
    with patch_product_in(patch_convolution(vision)):
        return vision(pixel_values=pixels, **mask, **options)
