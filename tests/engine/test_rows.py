"""What is read of a row, and what is said of one that is broken."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from gencontrol.engine.rows import Part, row_of


def read(values: Any):
    return row_of(values, name="a.png", picture=Path("a.png"))


def test_own_boxes() -> None:
    row = read({"caption": " a cat ", "boxes": [{"phrase": " cat ", "box": [1, 2, 3.5, 4], "score": 0.25}], "url": 3})
    assert row.caption == "a cat" and not row.fault
    assert row.parts == (Part(phrase="cat", box=(1.0, 2.0, 3.5, 4.0), score=0.25),)
    assert read({}).caption == "" and read({"caption": None, "boxes": None}).parts == ()


def test_grits_fields() -> None:
    caption = "a dog in the grass"
    values = {"caption": caption, "noun_chunks": [[2.0, 5.0, 0.1, 0.2, 0.3, 0.4, 0.9]]}
    assert read(values).parts == (Part(phrase="dog", box=(0.1, 0.2, 0.3, 0.4), is_share=True, score=0.9),)
    # Expressions say more than the nouns in them, and stand in their place; tables hold arrays.
    both = values | {"ref_exps": np.array([[2, 18, 0, 0, 1, 1, 0.5]])}
    assert [part.phrase for part in read(both).parts] == ["dog in the grass"]
    assert [part.phrase for part in read(values | {"ref_exps": []}).parts] == ["dog"]


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ("text", "expected an object with a caption, got text"),
        ({"caption": 3}, "caption: expected text, got 3"),
        ({"boxes": {}}, "boxes: expected a list, got {}"),
        ({"boxes": [{"phrase": "a"}, 1]}, r"boxes[0]: box: expected x0, y0, x1, y1, got None"),
        ({"boxes": [{"phrase": " ", "box": [1, 2, 3, 4]}]}, "boxes[0]: expected an object with phrase and box"),
        ({"boxes": [{"phrase": "a", "box": [1, 2, 3, float("nan")]}]}, "expected x0, y0, x1, y1"),
        ({"boxes": [{"phrase": "a", "box": [1, 2, 3, True]}]}, "expected x0, y0, x1, y1"),
        ({"boxes": [{"phrase": "a", "box": [1, 2, 3, 4], "score": "x"}]}, "boxes[0]: score: expected a number, got x"),
        ({"caption": "ab", "ref_exps": [[0, 1, 0, 0, 1, 1]]}, "ref_exps[0]: expected start, end, x0"),
        ({"caption": "ab", "noun_chunks": [[2, 9, 0, 0, 1, 1, 1]]}, "characters 2 to 9 of the caption are no phrase"),
        ({"caption": "ab", "noun_chunks": [[-1, 9, 0, 0, 1, 1, 1]]}, "characters -1 to 9"),
    ],
)
def test_what_is_broken_is_said(values: Any, message: str) -> None:
    row = read(values)
    assert message in row.fault and row.parts == () and row.name == "a.png"
