"""What a colour is: a name, #rrggbb, three levels in 0 to 255, or three numbers in [0, 1]."""

from collections.abc import Sequence

from PIL import ImageColor

from gencontrol.errors import ConfigError, InputError

Colour = tuple[float, float, float]
"""Red, green and blue, sRGB, [0, 1]."""
Levels = tuple[int, int, int]
"""Red, green and blue as bytes, 0 to 255."""
LUMA = (0.299, 0.587, 0.114)
"""Weights of red, green and blue in brightness, of Rec. 601."""


def check_colour(colour: Sequence[int | float], *, name: str) -> None:
    """Refuse what is not red, green and blue from 0 to 1, such as a colour in bytes.

    Args:
        colour: The three numbers.
        name: Of the argument or setting, for the message.

    Raises:
        ConfigError: Another count of numbers, or one outside [0, 1] or NaN.
    """
    if len(colour) != 3 or not all(0 <= value <= 1 for value in colour):
        raise ConfigError(f"{name} takes red, green and blue from 0 to 1 (white is 1 1 1); got {colour}.")


def colour_levels(colour: str | Sequence[int]) -> Levels:
    """Read a colour as bytes.

    Args:
        colour: "#rrggbb", a name that Pillow (and so CSS) knows, such as "red", or (r, g, b), each 0 to 255.

    Raises:
        InputError: Neither.
    """
    if isinstance(colour, str):
        try:
            red, green, blue = ImageColor.getrgb(colour)[:3]
        except ValueError:
            raise InputError(f"{colour!r} is not a colour; expected '#rrggbb' or a name such as 'red'.") from None
        return red, green, blue
    if len(colour) != 3 or not all(0 <= value <= 255 for value in colour):
        raise InputError(f"{colour!r} is not a colour; expected (r, g, b), each 0 to 255.")
    red, green, blue = colour
    return red, green, blue


def unit_colour(colour: str | Sequence[int]) -> Colour:
    """A colour as `colour_levels` reads it, in [0, 1].

    Raises:
        InputError: See `colour_levels`.
    """
    red, green, blue = colour_levels(colour)
    return red / 255, green / 255, blue / 255


def hex_code(levels: Sequence[int]) -> str:
    """Levels in 0 to 255 as "#rrggbb"."""
    return "#" + "".join(f"{level:02x}" for level in levels)
