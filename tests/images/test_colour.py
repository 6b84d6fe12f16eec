"""What a colour is, wherever one is said: numbers, bytes, #rrggbb and names."""

import math

import pytest

from gencontrol.errors import ConfigError, InputError
from gencontrol.images.colour import check_colour, colour_levels, hex_code, unit_colour


@pytest.mark.parametrize("colour", [(0, 0, 0), (1.0, 1.0, 1.0), (0.25, 0.5, 1)])
def test_check_colour_takes_numbers_from_0_to_1(colour: tuple[float, ...]) -> None:
    check_colour(colour, name="background")


@pytest.mark.parametrize(
    "colour", [(255.0, 255.0, 255.0), (0, 0, 1.001), (-0.001, 0, 0), (0, math.nan, 0), (1, 1), (1, 1, 1, 1)]
)
def test_check_colour_names_what_it_refuses(colour: tuple[float, ...]) -> None:
    with pytest.raises(ConfigError, match=r"behind takes red, green and blue from 0 to 1 \(white is 1 1 1\); got \("):
        check_colour(colour, name="behind")


@pytest.mark.parametrize(
    ("colour", "levels"),
    [
        ("#ff8000", (255, 128, 0)),
        ("#0F0", (0, 255, 0)),
        ("navy", (0, 0, 128)),
        ("#11223344", (17, 34, 51)),
        ((0, 7, 255), (0, 7, 255)),
    ],
)
def test_levels(colour: str | tuple[int, int, int], levels: tuple[int, int, int]) -> None:
    assert colour_levels(colour) == levels
    assert unit_colour(colour) == pytest.approx([level / 255 for level in levels])
    assert hex_code(levels) == "#" + bytes(levels).hex()


@pytest.mark.parametrize(
    ("colour", "message"),
    [
        ("#12", r"'#12' is not a colour; expected '#rrggbb' or a name such as 'red'"),
        ("reddish", "'reddish' is not a colour"),
        ((0, 0, 256), r"\(0, 0, 256\) is not a colour; expected \(r, g, b\), each 0 to 255"),
        ((-1, 0, 0), r"\(-1, 0, 0\) is not a colour"),
        ((1, 2), r"\(1, 2\) is not a colour"),
    ],
)
def test_what_is_no_colour(colour: str | tuple[int, ...], message: str) -> None:
    with pytest.raises(InputError, match=message):
        colour_levels(colour)
    with pytest.raises(InputError, match=message):
        unit_colour(colour)
