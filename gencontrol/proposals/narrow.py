"""Pictures that are so narrow that models which keep their proportions would see less than a pixel of them."""

from gencontrol.errors import InputError

NARROWEST = 100
"""Times that a picture may be as long as it is wide: SAM takes its longer side to 1024 pixels, and `tiny`'s to 64."""


def is_narrow(size: tuple[int, int]) -> bool:
    """Whether a picture of that (height, width) is too narrow."""
    return max(size) > NARROWEST * min(size)


def check_proportions(size: tuple[int, int]) -> None:
    """Refuse a picture of that (height, width) if it is too narrow.

    Raises:
        InputError: Says how wide and how high it is.
    """
    if is_narrow(size):
        height, width = size
        raise InputError(
            f"The picture is {width} x {height} (width x height), and models that find things see nothing of one that "
            f"is more than {NARROWEST} times as long as it is wide: cut out a part of it."
        )
