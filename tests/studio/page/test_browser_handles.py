"""Boxes are changed after they are drawn: with the mouse, a finger and the keyboard, in a real browser."""

import json
from typing import Any

import pytest


def boxes(visit: Any, region: int = 0) -> list[list[list[float]]]:
    """The corners of the boxes of a region, in pixels of the picture of 128 x 96."""
    return [mark["points"] for mark in json.loads(visit.scene())[region]["marks"] if mark["tool"] == "box"]


def at(*corners: tuple[float, float]) -> Any:
    """Corners in shares of the picture; a pointer of the screen comes within a third of a pixel."""
    return [pytest.approx([128 * x, 96 * y], abs=0.35) for x, y in corners]


@pytest.fixture
def boxed(visit: Any) -> Any:
    """A visitor who has drawn a box."""
    visit.page.get_by_role("button", name="Box").click()
    visit.stroke((0.2, 0.2), (0.5, 0.5))
    assert boxes(visit) == [at((0.2, 0.2), (0.5, 0.5))]
    return visit


def test_edges_and_corners_of_a_box_are_dragged_and_it_is_moved(boxed: Any) -> None:
    boxed.page.locator("#studio-seen img").wait_for()
    before = boxed.page.locator("#studio-seen img").get_attribute("src")
    boxed.stroke((0.5, 0.5), (0.7, 0.8))
    assert boxes(boxed) == [at((0.2, 0.2), (0.7, 0.8))]
    boxed.page.wait_for_function(
        "before => document.querySelector('#studio-seen img').getAttribute('src') !== before", arg=before
    )
    boxed.shoot("handles")
    boxed.stroke((0.2, 0.5), (0.1, 0.6))
    assert boxes(boxed) == [at((0.1, 0.2), (0.7, 0.8))]
    boxed.stroke((0.7, 0.2), (0.6, 0.1))
    assert boxes(boxed) == [at((0.1, 0.1), (0.6, 0.8))]
    boxed.stroke((0.3, 0.4), (0.4, 0.5))
    assert boxes(boxed) == [at((0.2, 0.2), (0.7, 0.9))]
    # Never out of the picture, and never turned inside out.
    boxed.stroke((0.3, 0.4), (0.9, 0.99))
    assert boxes(boxed) == [at((0.5, 0.3), (1, 1))]
    boxed.stroke((0.5, 0.6), (0.99, 0.6))
    assert boxes(boxed) == [[pytest.approx([126, 28.8], abs=0.35), [128, 96]]]


def test_each_drag_is_one_step_of_undo_and_a_press_is_none(boxed: Any) -> None:
    boxed.stroke((0.5, 0.5), (0.7, 0.8))
    boxed.stroke((0.4, 0.4), (0.5, 0.4))
    boxed.stroke((0.4, 0.4), (0.4, 0.4))
    assert boxes(boxed) == [at((0.3, 0.2), (0.8, 0.8))]
    for there in ([at((0.2, 0.2), (0.7, 0.8))], [at((0.2, 0.2), (0.5, 0.5))], []):
        boxed.page.keyboard.press("Control+z")
        assert boxes(boxed) == there
    for _ in range(3):
        boxed.page.keyboard.press("Control+Shift+z")
    assert boxes(boxed) == [at((0.3, 0.2), (0.8, 0.8))]


def test_the_keyboard_moves_the_box_that_was_held_last(boxed: Any) -> None:
    boxed.stroke((0.6, 0.6), (0.9, 0.9))
    boxed.stroke((0.3, 0.3), (0.3, 0.3))
    boxed.canvas.focus()
    for key in ("ArrowRight", "ArrowRight", "ArrowDown", "Shift+ArrowUp"):
        boxed.page.keyboard.press(key)
    first, second = boxes(boxed)
    assert first == [pytest.approx(corner, abs=0.35) for corner in ([27.6, 20.2], [66, 48])]
    assert second == at((0.6, 0.6), (0.9, 0.9))
    boxed.page.keyboard.press("Control+z")
    assert boxes(boxed)[0][1][1] == pytest.approx(49, abs=0.35)
    # Of another tool arrow keys are none of its business.
    boxed.page.keyboard.press("b")
    boxed.page.keyboard.press("ArrowRight")
    assert boxes(boxed)[0][0][0] == pytest.approx(27.6, abs=0.35)


def test_a_new_box_begins_beside_others_within_them_with_shift_and_of_another_region(boxed: Any) -> None:
    for x, y, cursor in ((0.5, 0.5, "nwse-resize"), (0.2, 0.5, "nesw-resize"), (0.2, 0.35, "ew-resize"),
                         (0.3, 0.2, "ns-resize"), (0.3, 0.3, "move"), (0.7, 0.7, "")):  # fmt: skip
        boxed.hover(x, y)
        assert boxed.cursor() == cursor
    boxed.page.keyboard.down("Shift")
    boxed.stroke((0.3, 0.3), (0.4, 0.4))
    boxed.page.keyboard.up("Shift")
    assert boxes(boxed) == [at((0.2, 0.2), (0.5, 0.5)), at((0.3, 0.3), (0.4, 0.4))]
    boxed.stroke((0.6, 0.6), (0.9, 0.9))
    assert len(boxes(boxed)) == 3
    boxed.page.get_by_role("button", name="Add a region").click()
    boxed.stroke((0.25, 0.25), (0.45, 0.45))
    assert (len(boxes(boxed)), boxes(boxed, 1)) == (3, [at((0.25, 0.25), (0.45, 0.45))])
    # The eraser draws over a box, and does not move it.
    boxed.page.get_by_role("button", name="Eraser").click()
    assert boxed.cursor() == ""
    boxed.stroke((0.3, 0.3), (0.4, 0.3))
    assert boxes(boxed, 1) == [at((0.25, 0.25), (0.45, 0.45))]
    assert [mark["tool"] for mark in json.loads(boxed.scene())[1]["marks"]] == ["box", "eraser"]


def test_a_finger_reaches_a_handle_from_further_away(enter: Any, server: Any) -> None:
    visit = enter(server, has_touch=True).arrive()
    visit.page.get_by_role("button", name="Box").click()
    visit.stroke((0.2, 0.2), (0.5, 0.5))
    box = visit.canvas.bounding_box()
    start, end = (box["x"] + 0.5 * box["width"] + 15, box["y"] + 0.35 * box["height"]), 0.1 * box["width"]
    # A mouse is not on it there.
    visit.page.mouse.move(*start)
    assert visit.cursor() == ""
    spoken = visit.context.new_cdp_session(visit.page)
    for kind, points in (
        ("touchStart", [{"x": start[0], "y": start[1]}]),
        ("touchMove", [{"x": start[0] + end, "y": start[1]}]),
        ("touchEnd", []),
    ):
        spoken.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points})
    assert boxes(visit) == [at((0.2, 0.2), (0.6, 0.5))]
