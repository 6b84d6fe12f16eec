"""What is drawn in the page becomes alpha maps."""

import json
from typing import Any

import pytest
import torch

from gencontrol.errors import InputError
from gencontrol.studio.scene import marks
from gencontrol.studio.scene.marks import Drawn, Mark, paint, read_drawn

SIZE = (20, 30)
BOX = {"tool": "box", "points": [[10, 15], [4, 5]]}
STROKE = {"tool": "brush", "points": [[5, 5], [15, 5]], "radius": 2}


def region(*drawn: Any, **more: Any) -> dict[str, Any]:
    return {"name": "cat", "marks": list(drawn), **more}


def read_one(entry: Any) -> Drawn:
    (drawn,) = read_drawn(json.dumps([entry]))
    return drawn


def test_a_region_is_read_with_all_that_it_says() -> None:
    found = read_one(region(STROKE, weight=2, level=0.5, negative=True, mask="mask-1"))
    stroke = Mark(tool="brush", points=((5.0, 5.0), (15.0, 5.0)), radius=2)
    assert found == Drawn(name="cat", marks=(stroke,), mask="mask-1", weight=2.0, level=0.5, negative=True)


def test_what_is_not_said_is_as_usual_and_empty_regions_are_left_out() -> None:
    assert read_drawn(json.dumps([region(), region(BOX)])) == (
        Drawn(name="cat", marks=(Mark(tool="box", points=((10.0, 15.0), (4.0, 5.0))),)),
    )
    assert read_drawn("") == read_drawn("[]") == ()
    assert read_one({"mask": "mask-2"}).mask == "mask-2"


@pytest.mark.parametrize(
    ("entry", "message"),
    [
        (3, "Expected a region as an object, got 3."),
        (region(name=4), "Expected a region with `name`"),
        (region(BOX, weight=0), "Region 'cat': expected a weight above 0"),
        (region(BOX, weight=-1), "Region 'cat': weight: expected 0 or more"),
        (region(BOX, weight="2"), "Region 'cat': weight: expected 0 or more"),
        (region(BOX, level=1.5), "Region 'cat': level: expected 0 or more and at most 1, got 1.5."),
        (region({"tool": "pen", "points": [[1, 1]]}), "Expected a mark with `tool` (brush, eraser, box, point)"),
        (region({"tool": "box", "points": [[1, 1]]}), "A mark of the box: expected points [x, y]"),
        (region({"tool": "point", "points": [[1, 1], [2, 2]]}), "A mark of the point: expected points [x, y]"),
        (region({"tool": "point", "points": [[1, "1"]]}), "A mark of the point: expected points [x, y]"),
        (region({"tool": "point", "points": [[1, True]]}), "A mark of the point: expected points [x, y]"),
        (region({"tool": "point", "points": [[1, 2e6]]}), "A mark of the point: expected points [x, y]"),
        (region({"tool": "brush", "points": [[1, 1]]}), "A mark of the brush has no radius."),
        (region({"tool": "brush", "points": [[1, 1]], "radius": 0}), "expected a radius in pixels, got 0."),
        (region({"tool": "brush", "points": [[1, 1]], "radius": 10_001}), "expected a radius in pixels, got 10001."),
    ],
)
def test_what_the_page_does_not_send_is_refused(entry: Any, message: str) -> None:
    with pytest.raises(InputError) as refused:
        read_one(entry)
    assert message in str(refused.value)
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize("text", ["{", "3", "{}", "null", "[" * 100_000, json.dumps([region()] * 33)])
def test_what_is_no_list_of_regions_is_refused(text: str) -> None:
    with pytest.raises(InputError, match="Expected a list of at most 32 regions as JSON"):
        read_drawn(text)


def test_more_than_anybody_draws_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(marks, "MOST_POINTS", 3)
    assert len(read_drawn(json.dumps([region(STROKE)]))) == 1
    with pytest.raises(InputError, match="More is drawn than can be taken"):
        read_drawn(json.dumps([region(STROKE), region(STROKE)]))
    monkeypatch.setattr(marks, "LONGEST_SCENE", 10)
    with pytest.raises(InputError, match="More is drawn than can be sent"):
        read_drawn(json.dumps([region()]))
    monkeypatch.setattr(marks, "MOST_PAINTED", 11 * 8 - 1)
    with pytest.raises(InputError, match="than can be painted"):
        paint([Mark(tool="brush", points=((5, 5), (9, 9)), radius=3.5)], SIZE)


def test_a_box_covers_its_pixels_whatever_corner_comes_first() -> None:
    alpha = paint([Mark(tool="box", points=((10, 15), (4, 5)))], SIZE)
    expected = torch.zeros(SIZE)
    expected[5:15, 4:10] = 1
    assert torch.equal(alpha, expected)


def test_a_stroke_is_as_wide_as_its_brush_and_an_eraser_takes_it_away() -> None:
    stroke = Mark(tool="brush", points=((5, 10), (25, 10)), radius=3)
    alpha = paint([stroke], SIZE)
    assert alpha[:, 15].tolist() == [0] * 7 + [1] * 6 + [0] * 7
    rubbed = paint([stroke, Mark(tool="eraser", points=((20, 10),), radius=4)], SIZE)
    assert rubbed[10, 20] == 0 and rubbed[10, 10] == 1
    again = paint([stroke, Mark(tool="eraser", points=((20, 10),), radius=4), stroke], SIZE)
    assert torch.equal(again, alpha)


def test_a_point_is_a_disc_of_its_radius_or_of_the_usual_one() -> None:
    usual, wide = (paint([Mark(tool="point", points=((15, 10),), radius=radius)], SIZE) for radius in (None, 5))
    assert usual.sum().item() == pytest.approx(torch.pi, abs=0.6)
    assert wide.sum().item() == pytest.approx(25 * torch.pi, rel=0.03)


def test_marks_are_drawn_on_what_lies_beneath_and_leave_it_as_it_is() -> None:
    beneath = torch.full(SIZE, 0.25)
    alpha = paint([Mark(tool="box", points=((0, 0), (30, 10)))], SIZE, beneath=beneath)
    assert alpha[:10].unique().tolist() == [1] and alpha[10:].unique().tolist() == [0.25]
    assert beneath.unique().tolist() == [0.25]
