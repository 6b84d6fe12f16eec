"""Several visitors, with passwords; the server's end; and what everybody needs: labels, dark pages, a network that is
cut."""

import re
import signal
import time
from pathlib import Path
from typing import Any

import pytest

_NAMELESS = """() => [...document.querySelectorAll("button, input, select, textarea, canvas, [role=tab]")]
    .filter((one) => one.checkVisibility() && one.getClientRects().length)
    .filter((one) => {
        const label = one.labels && one.labels.length ? one.labels[0].innerText : "";
        const said = (one.getAttribute("aria-labelledby") || "").split(" ").map((id) => document.getElementById(id));
        const texts = [one.getAttribute("aria-label"), label, one.innerText, one.title, one.alt, one.placeholder];
        // What a button holds names it, pictures by their own words.
        texts.push(...[...one.querySelectorAll("img")].map((image) => image.alt));
        return ![...texts, ...said.map((other) => other && other.innerText)].some((text) => text && text.trim());
    })
    .map((one) => one.outerHTML.slice(0, 200))"""
"""What is seen, can be used, and has no name that a screen reader could say."""
_DULL = """() => {
    const channels = (colour) => colour.match(/[\\d.]+/g).slice(0, 3).map(Number);
    const light = (colour) => channels(colour).map((value) => value / 255)
        .map((value) => (value <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4))
        .reduce((sum, value, at) => sum + value * [0.2126, 0.7152, 0.0722][at], 0);
    const behind = (one) => {
        for (let at = one; at; at = at.parentElement) {
            const colour = getComputedStyle(at).backgroundColor;
            if (!colour.startsWith("rgba(0, 0, 0, 0")) return colour;
        }
        return "rgb(255, 255, 255)";
    };
    const bars = ".studio-canvas :is(button:not(.swatch), label, input)";
    return [...document.querySelectorAll(bars)]
        .filter((one) => one.checkVisibility())
        .map((one) => [light(getComputedStyle(one).color), light(behind(one)), one.outerHTML.slice(0, 80)])
        .map(([ink, paper, text]) => [(Math.max(ink, paper) + 0.05) / (Math.min(ink, paper) + 0.05), text])
        .filter(([contrast]) => contrast < 3);
}"""
"""Parts of the canvas's bars whose contrast is below 3, the least for what is not small print (WCAG 2.2, 1.4.11)."""


@pytest.fixture(scope="module")
def guarded(start: Any, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """A server with two users."""
    folder = tmp_path_factory.mktemp("guarded")
    users = folder / "users"
    users.write_text("ann:apple pie\nbob:banana\n")
    users.chmod(0o600)
    with start(folder, "--auth", users) as there:
        yield there


def come_in(visit: Any, user: str, password: str) -> None:
    visit.page.get_by_label("username").fill(user)
    visit.page.get_by_label("password").fill(password)
    visit.page.get_by_role("button", name=re.compile("log ?in", re.IGNORECASE)).click()


def test_two_visitors_with_passwords_see_their_own_pictures_alone(guarded: Any, enter: Any) -> None:
    ann, bob, stranger = (enter(guarded) for _ in range(3))
    come_in(stranger, "ann", "banana")
    stranger.page.get_by_text(re.compile("incorrect", re.IGNORECASE)).first.wait_for()
    assert stranger.page.locator(".studio-canvas").count() == 0
    for visit, user, password in ((ann, "ann", "apple pie"), (bob, "bob", "banana")):
        come_in(visit, user, password)
        visit.arrive()
        visit.stroke((0.1, 0.3), (0.35, 0.7))
        visit.open("How it draws")
        visit.number("Steps", 2)
        visit.number("Pictures", 3 if user == "ann" else 1)
    for visit in (ann, bob):
        visit.vary()
    ann.wait_for("3 pictures in")
    bob.wait_for("1 picture in")
    assert (ann.made(), bob.made()) == (3, 1)
    hers, his = (
        {img.get_attribute("src") for img in visit.page.locator("#studio-memory img").all()} for visit in (ann, bob)
    )
    assert hers and his and not hers & his
    # Who has not come in gets nothing, whatever address was overheard.
    status = "async (address) => (await fetch(address)).status"
    for address in (*hers, *his):
        assert stranger.page.evaluate(status, address) in (401, 403)
    # One's own machine's models are not theirs to name.
    assert bob.page.locator("#studio-grounder").count() == 0


def test_ctrl_c_in_the_middle_of_a_run_ends_all(start: Any, enter: Any, tmp_path: Path) -> None:
    with start(tmp_path) as there:
        visit = enter(there).arrive()
        visit.open("How it draws")
        visit.number("Steps", 150)
        visit.number("Pictures", 16)
        visit.vary()
        visit.wait_for("step")
        there.process.send_signal(signal.SIGINT)
        assert there.process.wait(timeout=300) in (0, 130)
        # The page says so, where something is asked of it.
        visit.page.set_input_files("#studio-file", Path(__file__).parents[3] / "examples" / "scene.png")
        visit.page.get_by_text("scene.png could not be sent: is the server still there?").wait_for()


def test_a_line_that_is_cut_is_said_and_another_page_can_be_loaded(visit: Any) -> None:
    example = Path(__file__).parents[3] / "examples" / "scene.png"
    visit.context.set_offline(True)
    visit.page.set_input_files("#studio-file", example)
    visit.page.get_by_text("scene.png could not be sent: is the server still there?").wait_for()
    assert "photo.png" in visit.canvas.get_attribute("aria-label")
    visit.context.set_offline(False)
    visit.page.reload()
    visit.arrive()
    visit.page.set_input_files("#studio-file", example)
    visit.page.locator(".studio-canvas canvas[aria-label^='scene.png']").wait_for()


def test_a_page_that_is_closed_ends_its_run_and_takes_its_files_along(visit: Any, enter: Any, server: Any) -> None:
    def there() -> set[Path]:
        """The folders of visitors: a secret name is longer than those of the server's own."""
        return {path for path in server.folder.glob("gencontrol-studio-*/*") if len(path.name) >= 24}

    visit.open("How it draws")
    visit.number("Steps", 150)
    visit.number("Pictures", 16)
    visit.vary()
    visit.wait_for("step")
    before = there()
    visit.page.close()
    end = time.monotonic() + 300
    while before <= there():
        assert time.monotonic() < end, "nothing is taken along"
        time.sleep(0.2)
    other = enter(server).arrive()
    other.open("How it draws")
    other.number("Steps", 2)
    other.number("Pictures", 1)
    other.vary()
    other.wait_for("1 picture in")


def test_everything_has_a_name_that_can_be_said(visit: Any) -> None:
    for title in ("How it looks", "How it draws", "Side by side", "Find by words"):
        visit.open(title)
    for tab in ("Vary", "Ask", "In three dimensions"):
        visit.tab(tab)
        assert visit.page.evaluate(_NAMELESS) == []
    assert visit.page.evaluate("document.documentElement.lang") not in (None, "")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_dark_and_light_pages_can_be_read(scheme: str, enter: Any, server: Any) -> None:
    visit = enter(server, color_scheme=scheme).arrive()
    is_dark = visit.page.evaluate("document.body.classList.contains('dark')")
    assert is_dark == (scheme == "dark")
    assert visit.page.evaluate(_DULL) == []
    visit.shoot(scheme)
