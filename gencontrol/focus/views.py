"""What several strategies share: looking at a whole picture, a part's box, fill colours."""

import torch
from jaxtyping import Float
from torch import Tensor

from gencontrol.alpha_clip.model import AlphaCLIP
from gencontrol.alpha_clip.preprocess import AlphaCLIPProcessor
from gencontrol.errors import ConfigError, InputError
from gencontrol.images.colour import unit_colour

Box = tuple[int, int, int, int]


def pixels(
    encoder: AlphaCLIP, rgb: Float[Tensor, "b 3 h w"], alpha: Float[Tensor, "b h w"] | None = None
) -> Float[Tensor, "b 4 s s"]:
    """Through the encoder's processor, in its dtype; without an alpha map it looks at the whole image, all ones."""
    # The device is left alone: an encoder that is offloaded between calls names none.
    planes = whole(encoder.processor, rgb) if alpha is None else encoder.processor(rgb, alpha)
    return planes.to(encoder.dtype)


def whole(processor: AlphaCLIPProcessor, rgb: Float[Tensor, "b 3 h w"]) -> Float[Tensor, "b 4 s s"]:
    """Normalised planes of pictures that are looked at all over: alpha 1 everywhere."""
    return processor(rgb, torch.ones_like(rgb[:, 0]))


def part_box(alpha: Float[Tensor, "h w"]) -> Box:
    """The smallest box (x0, y0, x1, y1) of whole pixels around the part: where the map reaches half of its maximum.

    Raises:
        InputError: The map is 0 everywhere.
    """
    inside = alpha.detach() >= 0.5 * alpha.detach().amax()
    if not bool((alpha > 0).any()):
        raise InputError("The region is empty: no pixel is marked, so there is no place to look at.")
    columns, rows = inside.any(dim=0).nonzero(), inside.any(dim=1).nonzero()
    return int(columns[0]), int(rows[0]), int(columns[-1]) + 1, int(rows[-1]) + 1


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
