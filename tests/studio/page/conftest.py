"""A server of its own, and visitors in a real browser."""

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

PATIENCE = 1000 * int(os.environ.get("PATIENCE", "120"))
"""Milliseconds: machines that test several things at once are slow."""
SCREENSHOTS = Path(os.environ.get("SCREENSHOTS", "build/screenshots"))
"""Where pictures of the page's main states are left, to be looked at."""


@dataclass(frozen=True, kw_only=True)
class Server:
    """A server that runs."""

    address: str
    """With its token."""
    log: Path
    """What it printed."""
    process: Any
    """Its own."""
    folder: Path
    """Where it runs, and has its temporary files."""


@contextmanager
def running(arguments: Sequence[object], folder: Path) -> Iterator[Server]:
    """`gencontrol studio`, in a folder; at its end nothing is left of it, and no traceback in its log."""
    log = folder / "log"
    code = "import sys; from gencontrol.cli.main import main; sys.exit(main())"
    command = [sys.executable, "-c", code, "studio", *arguments, "--port", "0", "--no-browser", "--offline"]
    # Not beside it: a folder called `gencontrol` where a process is begun is taken for the package.
    places = {"XDG_CACHE_HOME": str(folder / "cache"), "XDG_RUNTIME_DIR": "", "TMPDIR": str(folder)}
    with log.open("w") as written:
        how: Any = {"stdout": written, "stderr": subprocess.STDOUT, "env": os.environ | places, "cwd": folder}
        # Of a session of its own: Ctrl-C of the tests is for it only as far as they send it.
        started = subprocess.Popen([str(word) for word in command], start_new_session=True, **how)
    try:
        end = time.monotonic() + PATIENCE / 1000
        while "http" not in log.read_text() and started.poll() is None and time.monotonic() < end:
            time.sleep(0.1)
        address = next((word for word in log.read_text().split() if word.startswith("http")), None)
        assert address is not None, log.read_text()
        yield Server(address=address, log=log, process=started, folder=folder)
        assert "Traceback" not in log.read_text()
    finally:
        if started.poll() is None:
            started.send_signal(signal.SIGINT)
        started.wait(timeout=PATIENCE / 2000)
    assert not list(folder.glob("gencontrol-studio-*"))


class Visit:
    """A page in a context of its own, with what it asked others for."""

    def __init__(self, browser: Any, server: Server, *, width: int = 1300, script: str = "", **context: Any):
        self.context = browser.new_context(viewport={"width": width, "height": 950}, **context)
        self.context.set_default_timeout(PATIENCE)
        self.page, self.elsewhere = self.context.new_page(), []
        # The network is cut but for the server.
        self.context.route("**/*", self._route)
        self.context.add_init_script(script)
        self.page.goto(server.address)
        self.canvas = self.page.locator(".studio-canvas canvas")

    def arrive(self) -> "Visit":
        """Wait for the picture."""
        self.canvas.wait_for()
        return self

    def _route(self, route: Any) -> None:
        if route.request.url.startswith(("http://127.0.0.1:", "data:", "blob:")):
            route.continue_()
        else:
            self.elsewhere.append(route.request.url)
            route.abort()

    def stroke(self, start: tuple[float, float], end: tuple[float, float], *, on: Any = None) -> None:
        """Draw a line, in shares of the picture, or of another canvas."""
        canvas = self.canvas if on is None else on
        canvas.scroll_into_view_if_needed()
        box = canvas.bounding_box()
        x0, y0, x1, y1 = (box["x"] + start[0] * box["width"], box["y"] + start[1] * box["height"],
                          box["x"] + end[0] * box["width"], box["y"] + end[1] * box["height"])  # fmt: skip
        self.page.mouse.move(x0, y0)
        self.page.mouse.down()
        for at in range(1, 9):
            self.page.mouse.move(x0 + (x1 - x0) * at / 8, y0 + (y1 - y0) * at / 8)
        self.page.mouse.up()

    def hover(self, x: float, y: float) -> None:
        """Go over the picture to a place in shares of it, without drawing."""
        box = self.canvas.bounding_box()
        self.page.mouse.move(box["x"] + x * box["width"], box["y"] + y * box["height"])

    def cursor(self) -> str:
        """What the pointer looks like over the picture; empty is as usual."""
        return self.canvas.evaluate("canvas => canvas.style.cursor")

    def open(self, title: str) -> None:
        """Open what is folded up."""
        self.page.get_by_role("button", name=title).last.click()
        self._settle()

    def tab(self, name: str) -> None:
        """Go to a tab."""
        self.page.get_by_role("tab", name=name).click()
        self._settle()

    def _settle(self) -> None:
        # As fields are shown for the first time gradio sets them once more, which takes from whoever is quicker than
        # any person what they have written.
        self.page.wait_for_timeout(300)

    def number(self, label: str, value: float) -> None:
        """Set a slider by the field beside it."""
        field = self.page.get_by_label(f"number input for {label}").first
        field.fill(str(value))
        field.press("Tab")

    def choose(self, place: str, option: str) -> None:
        """Choose in a list."""
        self.page.locator(f"{place} input").click()
        self.page.get_by_role("option", name=option).click()

    def vary(self) -> None:
        """Start a run."""
        self.page.click("#studio-vary")

    def wait_for(self, text: str) -> None:
        """Wait until the progress says so."""
        self.page.locator("#studio-progress").get_by_text(text).wait_for()

    def made(self) -> int:
        """Pictures in the gallery of all."""
        return self.page.locator("#studio-memory .grid-container img, #studio-memory .thumbnail-item img").count()

    def scene(self) -> str:
        """What is drawn, as the page sends it."""
        return self.page.evaluate("window.gencontrolStudio.scene()")

    def shoot(self, name: str) -> None:
        """Leave a picture of the page."""
        SCREENSHOTS.mkdir(parents=True, exist_ok=True)
        self.page.screenshot(path=SCREENSHOTS / f"{name}.png", full_page=True)


@pytest.fixture(scope="session")
def chromium() -> str:
    """The system's browser."""
    found = shutil.which("chromium")
    if found is None and os.environ.get("BROWSER_TESTS") == "required":
        pytest.fail("there is no chromium: make browser")
    if found is None:
        pytest.skip("there is no chromium to try the page with: make browser")
    return found


@pytest.fixture(scope="session")
def picture(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """128 x 96 pixels: red on the left, blue on the right."""
    pixels = np.zeros((96, 128, 3), np.uint8)
    pixels[:, :64, 0], pixels[:, 64:, 2] = 200, 200
    path = tmp_path_factory.mktemp("pictures") / "photo.png"
    Image.fromarray(pixels).save(path)
    return path


@pytest.fixture(scope="session")
def start(chromium: str, picture: Path, tiny_folder: Path) -> Callable[..., Any]:
    """Starts a server in a folder, with further flags; within `with`."""
    return lambda folder, *more: running([picture, "--model", tiny_folder, *more], folder)


@pytest.fixture(scope="session")
def server(start: Callable[..., Any], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """`gencontrol studio`, with the picture."""
    with start(tmp_path_factory.mktemp("studio")) as there:
        yield there


@pytest.fixture(scope="module")
def browser(chromium: str) -> Iterator[Any]:
    """Open for one file of tests: as long as it is, playwright's event loop runs, and others could not run theirs."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        yield opened
        opened.close()


@pytest.fixture
def enter(browser: Any) -> Iterator[Callable[..., Visit]]:
    """Opens a server's page for one more visitor; nothing may be asked for elsewhere."""
    visits: list[Visit] = []

    def come(server: Server, **how: Any) -> Visit:
        visits.append(Visit(browser, server, **how))
        return visits[-1]

    yield come
    for visit in visits:
        assert visit.elsewhere == []
        visit.context.close()


@pytest.fixture
def visit(enter: Callable[..., Visit], server: Server) -> Visit:
    """A visitor with the picture before them."""
    return enter(server).arrive()
