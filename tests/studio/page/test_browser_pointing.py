"""Ways to point and to give pictures, in a real browser."""

import base64
import json
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from gencontrol.runs.files.records import read_record

_GIVE = """async ([name, kind, content, how]) => {
    const bytes = Uint8Array.from(atob(content), (letter) => letter.charCodeAt(0));
    const data = new DataTransfer();
    data.items.add(new File([bytes], name, {type: kind}));
    const options = {bubbles: true, cancelable: true};
    const event = how === "paste" ? new ClipboardEvent("paste", {...options, clipboardData: data})
        : new DragEvent("drop", {...options, dataTransfer: data});
    (how === "paste" ? document : document.querySelector(".studio-canvas .stage")).dispatchEvent(event);
}"""
"""Pastes or drops a file, as a person does."""
_ERASER = """() => {
    const canvas = document.querySelector(".studio-canvas canvas"), box = canvas.getBoundingClientRect();
    // Of a pointer that no hardware has, none can be captured.
    canvas.setPointerCapture = () => {};
    const at = (kind, x, buttons) => canvas.dispatchEvent(new PointerEvent(kind, {
        pointerType: "pen", pointerId: 7, buttons, button: 0, bubbles: true,
        clientX: box.x + x * box.width, clientY: box.y + 0.5 * box.height}));
    at("pointerdown", 0.1, 32);
    at("pointermove", 0.3, 32);
    at("pointerup", 0.3, 0);
}"""
"""The other end of a pen."""


def grey(tmp_path: Path) -> Path:
    """A mask of the picture's size: its lower half."""
    mask = Image.new("L", (128, 96), 0)
    mask.paste(255, (0, 48, 128, 96))
    path = tmp_path / "lower.png"
    mask.save(path)
    return path


def test_regions_of_all_kinds_are_in_the_record(visit: Any, tmp_path: Path) -> None:
    page = visit.page
    visit.stroke((0.1, 0.2), (0.4, 0.2))
    page.get_by_role("button", name="Eraser").click()
    visit.stroke((0.3, 0.1), (0.3, 0.3))
    page.get_by_label("name of region 1").fill("dog")
    # On to the next field, which is there still.
    page.keyboard.press("Tab")
    page.keyboard.type("2")
    page.keyboard.press("Tab")
    page.get_by_role("button", name="Add a region").click()
    page.get_by_role("button", name="Box").click()
    visit.stroke((0.6, 0.1), (0.9, 0.4))
    page.get_by_role("button", name="Point").click()
    visit.stroke((0.7, 0.8), (0.7, 0.8))
    page.get_by_role("button", name="Add a region").click()
    page.set_input_files("#studio-mask", grey(tmp_path))
    page.wait_for_function("""() => window.gencontrolStudio.scene().includes('"lower"')""")
    page.get_by_label("keep away").nth(2).check()
    first, second, third = json.loads(visit.scene())
    assert (first["name"], first["weight"], [mark["tool"] for mark in first["marks"]]) == (
        "dog",
        2,
        ["brush", "eraser"],
    )
    assert [mark["tool"] for mark in second["marks"]] == ["box", "point"]
    assert (third["name"], third["negative"], third["marks"]) == ("lower", True, []) and third["mask"]
    visit.open("How it draws")
    # The model's own: to keep away from something needs it, and 0 would be off.
    assert page.get_by_label("Guidance").input_value() == ""
    visit.number("Steps", 2)
    visit.number("Pictures", 1)
    visit.open("How it looks")
    page.get_by_label("Schedule").fill("1:0.3")
    visit.open("Side by side")
    page.get_by_label("Compare").check()
    assert page.get_by_label("Schedule").input_value() == "1:0.3"
    visit.vary()
    visit.wait_for("1 picture in")
    page.locator("#studio-sheet img").wait_for()
    visit.shoot("regions-and-compare")
    page.locator("#studio-memory img").first.click()
    with page.expect_download() as waited:
        page.click("#studio-download")
    path = tmp_path / "made.png"
    waited.value.save_as(path)
    record = read_record(path)
    assert [(one["label"], one["weight"]) for one in record["regions"]] == [("dog", 2.0), ("region-2", 1.0)]
    assert len(record["negative_regions"]) == 1 and record["settings"]["schedule"] == "1:0.3"
    command = page.locator("#studio-command").inner_text().replace("\n", " ")
    assert "--schedule 1:0.3" in command and "--negative-mask" in command and "--compare" in command
    assert "run_variations" in page.locator("#studio-python").inner_text()


@pytest.mark.parametrize("how", ["paste", "drop"])
def test_a_picture_is_pasted_or_dropped(how: str, visit: Any, tmp_path: Path) -> None:
    Image.new("RGB", (50, 40), "green").save(tmp_path / "green.png")
    content = base64.b64encode((tmp_path / "green.png").read_bytes()).decode()
    visit.page.evaluate(_GIVE, ["green.png", "image/png", content, how])
    visit.page.locator(".studio-canvas canvas[aria-label^='green.png, 50 by 40']").wait_for()


def test_the_example_is_a_press_away(visit: Any) -> None:
    visit.page.get_by_role("button", name="Example").click()
    visit.page.locator(".studio-canvas canvas[aria-label^='example.png, 256 by 256']").wait_for()


def test_the_pictures_own_alpha_is_looked_at(visit: Any, tmp_path: Path) -> None:
    cut = Image.new("RGBA", (80, 60), (200, 30, 30, 255))
    cut.paste((30, 30, 200, 0), (0, 0, 40, 60))
    cut.save(tmp_path / "cut.png")
    visit.page.set_input_files("#studio-file", tmp_path / "cut.png")
    visit.page.locator(".studio-canvas canvas[aria-label^='cut.png']").wait_for()
    seen = visit.page.locator("#studio-seen img")
    seen.wait_for()
    before = seen.get_attribute("src")
    visit.open("How it looks")
    visit.page.get_by_label("The picture's own alpha").check()
    visit.page.wait_for_function(
        "before => document.querySelector('#studio-seen img').getAttribute('src') !== before", arg=before
    )


def test_words_find_a_region_among_those_that_are_drawn(visit: Any) -> None:
    visit.stroke((0.1, 0.5), (0.2, 0.5))
    visit.page.get_by_role("button", name="Add a region").click()
    visit.stroke((0.8, 0.5), (0.9, 0.5))
    visit.open("Find by words")
    visit.page.get_by_label("the regions that are drawn").check()
    visit.page.get_by_label("What to find").fill("the right one")
    visit.page.click("#studio-find")
    visit.page.get_by_label("name of region 3").wait_for()
    assert visit.page.get_by_label("name of region 3").input_value() == "the right one"
    visit.shoot("found")
    visit.page.get_by_label("What to find").fill("the fifth one from the left")
    visit.page.get_by_label("What to find").press("Enter")
    visit.page.get_by_text("hardly means").first.wait_for()


def test_a_finger_and_both_ends_of_a_pen_draw(enter: Any, server: Any) -> None:
    visit = enter(server, has_touch=True).arrive()
    box = visit.canvas.bounding_box()
    y = box["y"] + 0.5 * box["height"]
    spoken = visit.context.new_cdp_session(visit.page)
    for kind, points in (
        ("touchStart", [{"x": box["x"] + 0.1 * box["width"], "y": y}]),
        ("touchMove", [{"x": box["x"] + 0.4 * box["width"], "y": y}]),
        ("touchEnd", []),
    ):
        spoken.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points})
    for kind, x in (("mousePressed", 0.6), ("mouseMoved", 0.9), ("mouseReleased", 0.9)):
        how = {"type": kind, "x": box["x"] + x * box["width"], "y": y, "button": "left", "buttons": 1, "clickCount": 1}
        spoken.send("Input.dispatchMouseEvent", how | {"pointerType": "pen"})
    visit.page.evaluate(_ERASER)
    (region,) = json.loads(visit.scene())
    assert [mark["tool"] for mark in region["marks"]] == ["brush", "brush", "eraser"]
    assert region["marks"][0]["points"][0][0] < 40 < 70 < region["marks"][1]["points"][0][0]
