"""The page in a real browser, with a server of its own: what is drawn there comes out as pictures."""

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from gencontrol.runs.files.records import read_record

PATIENCE = 120_000
"""Milliseconds: machines that test several things at once are slow."""

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


@dataclass(frozen=True, kw_only=True)
class Server:
    """A server that runs."""

    address: str
    """With its token."""
    log: Path
    """What it printed."""


@pytest.fixture(scope="module")
def chromium() -> str:
    """The system's browser."""
    found = shutil.which("chromium")
    if found is None and os.environ.get("BROWSER_TESTS") == "required":
        pytest.fail("there is no chromium: make browser")
    if found is None:
        pytest.skip("there is no chromium to try the page with: make browser")
    return found


@pytest.fixture(scope="module")
def picture(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """128 x 96 pixels: red on the left, blue on the right."""
    pixels = np.zeros((96, 128, 3), np.uint8)
    pixels[:, :64, 0], pixels[:, 64:, 2] = 200, 200
    path = tmp_path_factory.mktemp("pictures") / "photo.png"
    Image.fromarray(pixels).save(path)
    return path


@pytest.fixture(scope="module")
def server(
    chromium: str, picture: Path, tiny_folder: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Server]:
    """`gencontrol studio`, with the picture."""
    folder = tmp_path_factory.mktemp("studio")
    log = folder / "log"
    code = "import sys; from gencontrol.cli.main import main; sys.exit(main())"
    command = [
        sys.executable,
        "-c",
        code,
        "studio",
        picture,
        "--model",
        tiny_folder,
        "--port",
        "0",
        "--no-browser",
        "--offline",
    ]
    cache = {"XDG_CACHE_HOME": str(folder), "XDG_RUNTIME_DIR": "", "TMPDIR": str(folder)}
    with log.open("w") as written:
        started = subprocess.Popen(
            [str(word) for word in command],
            stdout=written,
            stderr=subprocess.STDOUT,
            env=os.environ | cache,
            cwd=folder,
        )
    try:
        end = time.monotonic() + PATIENCE / 1000
        while "token=" not in log.read_text() and started.poll() is None and time.monotonic() < end:
            time.sleep(0.1)
        address = next(word for word in log.read_text().split() if word.startswith("http"))
        yield Server(address=address, log=log)
        assert "Traceback" not in log.read_text()
    finally:
        started.send_signal(signal.SIGINT)
        started.wait(timeout=30)
    # Nothing of a visit is left.
    assert not list(folder.glob("gencontrol-studio-*"))


@pytest.fixture(scope="module")
def browser(chromium: str) -> Iterator[Any]:
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        yield opened
        opened.close()


class Visit:
    """A page in a context of its own, with what it asked others for."""

    def __init__(self, browser: Any, server: Server, *, width: int = 1300, script: str = ""):
        self.context = browser.new_context(viewport={"width": width, "height": 950})
        self.context.set_default_timeout(PATIENCE)
        self.page, self.elsewhere = self.context.new_page(), []
        # The network is cut but for the server.
        self.context.route("**/*", self._route)
        self.context.add_init_script(script)
        self.page.goto(server.address)
        self.canvas = self.page.locator(".studio-canvas canvas")
        self.canvas.wait_for()

    def _route(self, route: Any) -> None:
        if route.request.url.startswith(("http://127.0.0.1:", "data:", "blob:")):
            route.continue_()
        else:
            self.elsewhere.append(route.request.url)
            route.abort()

    def stroke(self, start: tuple[float, float], end: tuple[float, float]) -> None:
        """Draw a line, in shares of the picture."""
        box = self.canvas.bounding_box()
        x0, y0, x1, y1 = (box["x"] + start[0] * box["width"], box["y"] + start[1] * box["height"],
                          box["x"] + end[0] * box["width"], box["y"] + end[1] * box["height"])  # fmt: skip
        self.page.mouse.move(x0, y0)
        self.page.mouse.down()
        for at in range(1, 9):
            self.page.mouse.move(x0 + (x1 - x0) * at / 8, y0 + (y1 - y0) * at / 8)
        self.page.mouse.up()

    def open(self, title: str) -> None:
        """Open what is folded up."""
        self.page.get_by_role("button", name=title).last.click()

    def number(self, label: str, value: float) -> None:
        """Set a slider by the field beside it."""
        field = self.page.get_by_label(f"number input for {label}")
        field.fill(str(value))
        field.press("Tab")

    def vary(self) -> None:
        """Start a run."""
        self.page.click("#studio-vary")

    def wait_for(self, text: str) -> None:
        """Wait until the progress says so."""
        self.page.locator("#studio-progress").get_by_text(text).wait_for()

    def made(self) -> int:
        """Pictures in the gallery of all."""
        return self.page.locator("#studio-memory .grid-container img, #studio-memory .thumbnail-item img").count()


@pytest.fixture
def visit(browser: Any, server: Server) -> Iterator[Visit]:
    """A visitor with the picture before them."""
    page = Visit(browser, server)
    yield page
    assert page.elsewhere == []
    page.context.close()


def test_draw_vary_see_and_repeat(visit: Visit, tmp_path: Path) -> None:
    visit.stroke((0.1, 0.3), (0.35, 0.7))
    visit.page.locator("#studio-seen img").wait_for()
    visit.vary()
    visit.wait_for("4 pictures in")
    assert visit.made() == 4
    visit.page.locator("#studio-memory img").first.click()
    visit.page.locator("#studio-command").get_by_text("gencontrol vary").first.wait_for()
    with visit.page.expect_download() as waited:
        visit.page.click("#studio-download")
    path = tmp_path / "made.png"
    waited.value.save_as(path)
    record = read_record(path)
    assert record["image"]["path"].endswith("photo.png") and [r["label"] for r in record["regions"]] == ["region-1"]
    _recall(visit, path)


def test_no_stroke_is_lost_where_streams_end_late(browser: Any, server: Server) -> None:
    visit = Visit(browser, server, script=_LATE_ENDS)
    visit.page.locator("#studio-seen img").wait_for()
    for at in (0.2, 0.5):
        before = visit.page.locator("#studio-seen img").get_attribute("src")
        visit.stroke((at, 0.2), (at, 0.4))
        visit.page.wait_for_function(
            "before => document.querySelector('#studio-seen img').getAttribute('src') !== before", arg=before
        )
    visit.context.close()


def _recall(visit: Visit, path: Path) -> None:
    """What was made comes back as it was, over what is there by now."""
    visit.page.get_by_role("button", name="Clear").click()
    seed = visit.page.get_by_label("Seed")
    seed.fill("99")
    visit.page.set_input_files("#studio-file", path)
    visit.page.get_by_text("Recalled: everything is as it was").wait_for()
    visit.page.wait_for_function("() => [...document.querySelectorAll('textarea, input')].some(e => e.value === '3')")
    assert seed.input_value() == "3"
    assert visit.page.get_by_label("name of region 1").input_value() == "region-1"


def test_a_run_stops_when_it_is_told(visit: Visit) -> None:
    visit.open("How it draws")
    visit.number("Steps", 150)
    visit.number("Pictures", 16)
    visit.vary()
    visit.wait_for("step")
    visit.page.click("#studio-stop")
    visit.wait_for("Stopped.")
    assert visit.made() == 0 and visit.page.locator("#studio-vary").is_enabled()


def test_a_sweep_is_a_sheet_and_others_do_not_see_it(visit: Visit, browser: Any, server: Server) -> None:
    visit.open("How it draws")
    visit.number("Steps", 2)
    visit.number("Pictures", 2)
    visit.open("Side by side")
    visit.page.get_by_label("Sweep").fill("guidance=1,4")
    visit.vary()
    visit.wait_for("4 pictures in")
    visit.page.locator("#studio-sheet img").wait_for()
    other = Visit(browser, server)
    assert visit.made() == 4 and other.made() == 0
    other.context.close()


def test_texts_are_asked_and_errors_are_toasts(visit: Visit) -> None:
    visit.page.get_by_role("tab", name="Ask").click()
    visit.page.locator("#studio-texts textarea").fill("a cat\na dog")
    visit.page.click("#studio-ask")
    visit.page.locator("#studio-answer meter").first.wait_for()
    assert visit.page.locator("#studio-answer meter").count() == 2
    visit.page.locator("#studio-texts textarea").fill("a cat\nA cat")
    visit.page.click("#studio-ask")
    visit.page.get_by_text("is given twice: give each text once").wait_for()


def test_a_part_is_described_and_asked_about(visit: Visit) -> None:
    visit.stroke((0.1, 0.3), (0.35, 0.7))
    visit.page.get_by_role("tab", name="Ask").click()
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


def test_hostile_files_are_a_line_beside_the_picture(visit: Visit, hostile: Any, tmp_path: Path) -> None:
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


def test_a_narrow_window_has_everything_below_each_other(browser: Any, server: Server) -> None:
    page = Visit(browser, server, width=380)
    assert page.page.evaluate("document.documentElement.scrollWidth") <= 380
    canvas, vary = page.canvas.bounding_box(), page.page.locator("#studio-vary").bounding_box()
    assert vary["y"] > canvas["y"] + canvas["height"] and canvas["width"] > 250
    page.context.close()


def test_keys_choose_tools_and_undo(visit: Visit) -> None:
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
