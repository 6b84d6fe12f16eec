"""Whether a value is of the kind that an annotation says; the words about one that is not are `kinds`'."""

import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from gencontrol.errors import InputError
from gencontrol.fits import fits, is_of
from gencontrol.focus import AlphaFocus
from gencontrol.focus.strategy import FocusStrategy
from gencontrol.kinds import check_kind


def test_a_class_does_nothing_that_its_instances_do() -> None:
    assert fits(AlphaFocus(), FocusStrategy) and is_of(AlphaFocus(), FocusStrategy)
    assert not fits(AlphaFocus, FocusStrategy)
    with pytest.raises(InputError, match=r"^focus: expected .*FocusStrategy.*, got the class AlphaFocus\.$"):
        check_kind(AlphaFocus, str | FocusStrategy | None, name="focus")
    # What makes something is called, as a class can be.
    assert fits(AlphaFocus, Callable)


@pytest.mark.parametrize("value", [np.int64(3), np.uint8(3), np.float32(0.5), 3, 0.5])
def test_numbers_of_numpys_are_numbers(value: Any) -> None:
    assert fits(value, float) and fits(value, int | float)
    assert fits(value, int) == (value == 3)


@pytest.mark.parametrize(
    ("value", "mend"),
    [
        (io.BytesIO(b"x"), "PIL.Image.open reads it"),
        (b"x", r"PIL.Image.open\(io.BytesIO\(...\)\) reads them"),
    ],
)
def test_pictures_that_are_still_bytes(value: Any, mend: str) -> None:
    # An open file is a list of lines, too, and is meant as none.
    with pytest.raises(InputError, match=rf"^image: .* \({mend}\)\.$"):
        check_kind(value, str | Path | Image.Image | list[Any] | None, name="image")
