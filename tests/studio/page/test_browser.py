"""The page in a real browser, with a server of its own: what is drawn there comes out as pictures."""

import json
from pathlib import Path
from typing import Any

from gencontrol.runs.files.records import read_record
from gencontrol.studio.scene.asking import NAMES

_LATE_ENDS = """
const fetched = window.fetch;
window.fetch = async (asked, how) => {
    const answer = await fetched(asked, how);
    if (!(asked.url || String(asked)).includes("/queue/data")) return answer;
    const late = new TransformStream({async transform(chunk, to) {
        if (new TextDecoder().decode(chunk).includes("close_stream")) await new Promise((go) => setTimeout(go, 3000));
        to.enqueue(chunk);
    }});
    return new Response(answer.body.pipeThrough(late), {headers: answer.headers});
};
"""
"""Ends of gradio's streams arrive late, as on a busy machine; what joins before one arrives is never answered."""


def test_draw_vary_see_and_repeat(visit: Any, tmp_path: Path) -> None:
    visit.stroke((0.1, 0.3), (0.35, 0.7))
    visit.page.locator("#studio-seen img").wait_for()
    visit.vary()
    visit.wait_for("4 pictures in")
    assert visit.made() == 4
    visit.shoot("vary")
    visit.page.locator("#studio-memory img").first.click()
    visit.page.locator("#studio-command").get_by_text("gencontrol vary").first.wait_for()
    with visit.page.expect_download() as waited:
        visit.page.click("#studio-download")
    path = tmp_path / "made.png"
    waited.value.save_as(path)
    record = read_record(path)
    assert record["image"]["path"].endswith("photo.png") and [r["label"] for r in record["regions"]] == ["region-1"]
    _recall(visit, path)


def test_no_stroke_is_lost_where_streams_end_late(enter: Any, server: Any) -> None:
    visit = enter(server, script=_LATE_ENDS).arrive()
    visit.page.locator("#studio-seen img").wait_for()
    for at in (0.2, 0.5):
        before = visit.page.locator("#studio-seen img").get_attribute("src")
        visit.stroke((at, 0.2), (at, 0.4))
        visit.page.wait_for_function(
            "before => document.querySelector('#studio-seen img').getAttribute('src') !== before", arg=before
        )


def test_to_unfold_what_is_folded_up_sets_nothing(visit: Any) -> None:
    looked: list[Any] = []

    def listen(request: Any) -> None:
        if request.url.endswith("/run/predict"):
            looked.append(json.loads(request.post_data)["data"][-len(NAMES) :])

    visit.page.on("request", listen)
    # The page looks at a picture as soon as it has it, so an image may be there before the stroke.
    with visit.page.expect_request(lambda request: request.url.endswith("/run/predict")):
        visit.stroke((0.1, 0.2), (0.4, 0.2))
    visit.page.locator("#studio-seen img").wait_for()
    (first, *_), seen = looked, len(looked)
    for title in ("Find by words", "How it looks", "How it draws", "Side by side"):
        visit.open(title)
    visit.page.get_by_label("Sweep").wait_for()
    for tab in ("Ask", "In three dimensions", "Vary"):
        visit.tab(tab)
    before = visit.page.locator("#studio-seen img").get_attribute("src")
    visit.stroke((0.6, 0.2), (0.9, 0.2))
    visit.page.wait_for_function(
        "before => document.querySelector('#studio-seen img').getAttribute('src') !== before", arg=before
    )
    assert len(looked) > seen and dict(zip(NAMES, looked[-1], strict=True)) == dict(zip(NAMES, first, strict=True))


def _recall(visit: Any, path: Path) -> None:
    """What was made comes back as it was, over what is there by now."""
    visit.page.get_by_role("button", name="Clear").click()
    seed = visit.page.get_by_label("Seed")
    seed.fill("99")
    visit.page.set_input_files("#studio-file", path)
    visit.page.get_by_text("Recalled: everything is as it was").wait_for()
    visit.page.wait_for_function("() => [...document.querySelectorAll('textarea, input')].some(e => e.value === '3')")
    assert seed.input_value() == "3"
    assert visit.page.get_by_label("name of region 1").input_value() == "region-1"


def test_a_run_stops_when_it_is_told(visit: Any) -> None:
    visit.open("How it draws")
    visit.number("Steps", 150)
    visit.number("Pictures", 16)
    visit.vary()
    visit.wait_for("step")
    visit.page.click("#studio-stop")
    visit.wait_for("Stopped.")
    assert visit.made() == 0 and visit.page.locator("#studio-vary").is_enabled()


def test_a_sweep_is_a_sheet_and_others_do_not_see_it(visit: Any, enter: Any, server: Any) -> None:
    visit.open("How it draws")
    visit.number("Steps", 2)
    visit.number("Pictures", 2)
    visit.open("Side by side")
    visit.page.get_by_label("Sweep").fill("guidance=1,4")
    visit.vary()
    visit.wait_for("4 pictures in")
    visit.page.locator("#studio-sheet img").wait_for()
    other = enter(server).arrive()
    assert visit.made() == 4 and other.made() == 0
    visit.shoot("sweep")


def test_texts_are_asked_and_errors_are_toasts(visit: Any) -> None:
    visit.tab("Ask")
    visit.page.locator("#studio-texts textarea").fill("a cat\na dog")
    visit.page.click("#studio-ask")
    visit.page.locator("#studio-answer meter").first.wait_for()
    assert visit.page.locator("#studio-answer meter").count() == 2
    assert visit.page.locator("#studio-answer h4").inner_text() == "whole picture"
    visit.stroke((0.1, 0.3), (0.35, 0.7))
    # The bars follow what is drawn.
    visit.page.locator("#studio-answer h4").get_by_text("region-1", exact=True).wait_for()
    assert visit.page.locator("#studio-answer meter").count() == 2
    visit.page.locator("#studio-texts textarea").fill("a cat\nA cat")
    visit.page.click("#studio-ask")
    visit.page.get_by_text("is given twice: give each text once").wait_for()
    visit.shoot("ask-and-toast")
    # What looks like HTML is shown as it was written.
    visit.page.locator("#studio-texts textarea").fill("a <b>cat</b>\na <b>cat</b>")
    visit.page.click("#studio-ask")
    visit.page.locator(".toast-wrap").get_by_text("'a <b>cat</b>' is given twice").wait_for()


def test_a_part_is_described_and_asked_about(visit: Any) -> None:
    visit.stroke((0.1, 0.3), (0.35, 0.7))
    visit.tab("Ask")
    visit.page.click("#studio-describe")
    said = visit.page.locator("#studio-described p")
    said.first.wait_for()
    caption = said.inner_text()
    visit.page.locator("#studio-question textarea, #studio-question input").first.fill("how many things are there?")
    visit.page.keyboard.press("Enter")
    visit.page.wait_for_function(
        "before => document.querySelector('#studio-described p').innerText !== before", arg=caption
    )
    assert caption and visit.page.locator("#studio-described h4").inner_text() == "region-1"


def test_hostile_files_are_a_line_beside_the_picture(visit: Any, hostile: Any, tmp_path: Path) -> None:
    for name in ("bomb.png", "cut.png", "drawing.svg", "text.jpg"):
        content, message = hostile[name]
        (tmp_path / name).write_bytes(content)
        visit.page.set_input_files("#studio-file", tmp_path / name)
        visit.page.locator(".studio-canvas .said.bad").get_by_text(message).wait_for()
    huge = tmp_path / "huge.png"
    with huge.open("wb") as file:
        file.truncate(300 * 2**20)
    visit.page.set_input_files("#studio-file", huge)
    visit.page.get_by_text("huge.png is larger than 64 MB: scale it down first.").wait_for()
    assert "photo.png" in (visit.canvas.get_attribute("aria-label") or "")


def test_a_narrow_window_has_everything_below_each_other(enter: Any, server: Any) -> None:
    page = enter(server, width=380).arrive()
    assert page.page.evaluate("document.documentElement.scrollWidth") <= 380
    page.shoot("narrow")
    canvas, vary = page.canvas.bounding_box(), page.page.locator("#studio-vary").bounding_box()
    assert vary["y"] > canvas["y"] + canvas["height"] and canvas["width"] > 250


def test_keys_choose_tools_and_undo(visit: Any) -> None:
    visit.stroke((0.2, 0.2), (0.3, 0.3))
    scene = "window.gencontrolStudio.scene()"
    assert '"brush"' in visit.page.evaluate(scene)
    visit.page.keyboard.press("r")
    visit.stroke((0.5, 0.5), (0.75, 1.0))
    assert '"points":[[64,48],[96,96]]' in visit.page.evaluate(scene)
    visit.page.keyboard.press("Control+z")
    assert '"box"' not in visit.page.evaluate(scene)
    visit.page.keyboard.press("Control+Shift+z")
    assert '"box"' in visit.page.evaluate(scene)
