"""The colour that takes the place of what is outside of a part."""

from jaxtyping import Float
from torch import Tensor

from gencontrol.alpha_clip.preprocess import AlphaCLIPProcessor
from gencontrol.errors import ConfigError, InputError
from gencontrol.images.colour import unit_colour

WIDEST = 100.0
"""Largest blur and margin, as shares of a side: beyond, nothing changes but the time that it takes."""


def check_fill(colour: str) -> None:
    """Refuse what `fill_colour` cannot paint with.

    Raises:
        ConfigError: Neither "mean" nor a colour, see `gencontrol.images.colour`.
    """
    if colour == "mean":
        return
    try:
        unit_colour(colour)
    except InputError:
        text = "expected 'mean', '#rrggbb' or a colour's name such as 'black'"
        raise ConfigError(f"colour: {text}, got {colour!r}.") from None


def fill_colour(colour: str, processor: AlphaCLIPProcessor, like: Tensor) -> Float[Tensor, "3 1 1"]:
    """The colour in [0, 1]; "mean" is the mean of the pictures that the encoder was trained on."""
    values = processor.image_mean[:3] if colour == "mean" else unit_colour(colour)
    return like.new_tensor(values)[:, None, None]
