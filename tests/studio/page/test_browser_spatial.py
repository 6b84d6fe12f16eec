"""The tab of three dimensions in a real browser: a finished run is found again and shown, a part is painted, and a run
is begun and stopped."""

import shutil
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from gencontrol.runs.radiance import CreationSettings
from gencontrol.studio.spatial.records import Job, State, write_job, write_state

pytest.importorskip("nerfstudio")
pytestmark = pytest.mark.slow


def leave_run(folder: Path) -> None:
    """A finished run, as a server leaves it in its folder."""
    from gencontrol.nerf.export.mesh import MeshSettings, write_mesh
    from gencontrol.nerf.field.scene import save_scene
    from gencontrol.nerf.still_life.world import bake, still_life

    result = folder / "outputs" / "still-life" / "method" / "now"
    (result / "previews").mkdir(parents=True)
    scene = bake(still_life(), 24)
    save_scene(scene, result / "scene.safetensors")
    write_mesh(scene, result / "scene.glb", MeshSettings(resolution=40))
    settings = CreationSettings(prompt="still life", output=folder / "outputs")
    write_job(folder, Job(owner="", made=time.time() - 60, settings=settings))
    write_state(folder, State(status="done", result=str(result.relative_to(folder)), changed=time.time()))


@pytest.fixture(scope="module")
def workshop(start: Any, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """A server with a folder of its own, in which a run lies."""
    folder = tmp_path_factory.mktemp("workshop")
    leave_run(folder / "kept" / "spatial" / "runs" / "a-run-of-before")
    with start(folder, "-o", folder / "kept") as there:
        yield there
    shutil.rmtree(folder)


@pytest.fixture
def visit(enter: Any, workshop: Any) -> Any:
    """A visitor in the tab."""
    page = enter(workshop).arrive()
    page.tab("In three dimensions")
    return page


def shown(visit: Any, place: str, path: Path) -> np.ndarray:
    """A part of the page as pixels."""
    part = visit.page.locator(place)
    part.scroll_into_view_if_needed()
    part.screenshot(path=path)
    with Image.open(path) as image:
        return np.asarray(image.convert("RGB")).astype(int)


def test_a_finished_run_is_found_again_and_its_mesh_turns(visit: Any, tmp_path: Path) -> None:
    visit.page.locator("#studio-spatial-progress").get_by_text("Done in").wait_for()
    mesh = ".studio-turn canvas"
    visit.page.locator(f"{mesh}[data-drawn]").wait_for()
    assert int(visit.page.locator(mesh).get_attribute("data-drawn")) > 1000
    front = shown(visit, mesh, tmp_path / "front.png")
    red, green, blue = front.transpose(2, 0, 1)
    # The red ball on the left, the yellow egg on the right, and white around them.
    reddish = np.nonzero((red > 120) & (green < 90) & (blue < 90))[1]
    yellow = np.nonzero((red > 150) & (green > 120) & (blue < 100))[1]
    assert len(reddish) > 200 and len(yellow) > 200 and reddish.mean() < yellow.mean()
    # Not in the corner, which is round.
    assert (front[20, 20] == 255).all()
    visit.shoot("mesh")
    visit.page.locator(mesh).focus()
    for _ in range(10):
        visit.page.keyboard.press("ArrowRight")
    turned = shown(visit, mesh, tmp_path / "turned.png")
    assert (np.abs(turned - front).max(-1) > 40).mean() > 0.02
    visit.page.keyboard.press("Home")
    assert (np.abs(shown(visit, mesh, tmp_path / "home.png") - front).max(-1) > 40).mean() < 0.002
    visit.stroke((0.5, 0.5), (0.7, 0.5), on=visit.page.locator(mesh))
    assert (np.abs(shown(visit, mesh, tmp_path / "dragged.png") - front).max(-1) > 40).mean() > 0.02


def test_a_box_is_dragged_by_its_grips(visit: Any) -> None:
    page = visit.page

    def value(label: str) -> float:
        return float(page.get_by_label(f"number input for {label}").last.input_value())

    def held(face: str, side: str) -> Any:
        return page.get_by_label(f"{face}, from the {side}: drag it, or use the arrow keys")

    visit.choose("#studio-spatial-from", "still life")
    page.locator("#studio-spatial-view img").wait_for()
    right = held("the right face of the box", "front")
    right.wait_for()
    assert page.locator(".studio-grips .grip").count() == 10
    before = page.locator("#studio-spatial-view img").get_attribute("src")
    right.scroll_into_view_if_needed()
    at = right.bounding_box()
    page.mouse.move(at["x"] + 7, at["y"] + 7)
    page.mouse.down()
    page.mouse.move(at["x"] + 37, at["y"] + 7, steps=4)
    page.mouse.up()
    changed = "before => document.querySelector('#studio-spatial-view img').getAttribute('src') !== before"
    page.wait_for_function(changed, arg=before)
    assert value("Width") > 1.1
    # What is opposite stays, and so does all else.
    assert abs(value("Middle, to the right") - value("Width") / 2 + 0.5) < 0.01
    assert (value("Depth"), value("Height"), value("Middle, upwards")) == (1, 1, 0)
    # It went with the pointer.
    assert abs(right.bounding_box()["x"] - at["x"] - 30) < 6
    visit.shoot("grips")
    held("the box as a whole", "right").focus()
    page.keyboard.press("ArrowUp")
    page.keyboard.press("ArrowRight")
    page.wait_for_function("() => window.gencontrolGrips.box()[2] === 0.05")
    page.wait_for_timeout(500)
    assert (value("Middle, upwards"), value("Middle, to the back")) == (0.05, 0.05)
    moved_back(visit, held("the box as a whole", "right"), value)
    # Of a part with a name there is nothing to be dragged.
    visit.choose("#studio-spatial-part", "ball")
    page.locator(".studio-grips .grip").first.wait_for(state="hidden")


def moved_back(visit: Any, whole: Any, value: Any) -> None:
    """What was done to a box, by its grips and beside them, is taken back in turn, and done again."""
    page = visit.page

    def at(middle: float, upwards: float, wide: float) -> None:
        page.wait_for_function(
            "([y, z, wide]) => { const box = window.gencontrolGrips.box(); "
            "return box[1] === y && box[2] === z && box[3] > 1 === wide > 1; }",
            arg=[middle, upwards, wide],
        )
        page.wait_for_timeout(600)
        assert (value("Middle, to the back"), value("Middle, upwards")) == (middle, upwards)
        assert (value("Width") > 1) == (wide > 1)

    field = page.get_by_label("number input for Middle, upwards").last
    field.fill("0.3")
    field.press("Tab")
    at(0.05, 0.3, 1.1)
    whole.focus()
    for expected in ((0.05, 0.05, 1.1), (0, 0.05, 1.1), (0, 0, 1.1), (0, 0, 1)):
        page.keyboard.press("Control+z")
        at(*expected)
    page.get_by_label("undo: the box as it was (Ctrl+Z)").wait_for(state="hidden")
    page.keyboard.press("Control+Shift+z")
    at(0, 0, 1.1)
    page.get_by_label("redo: the box as it was before").click()
    at(0, 0.05, 1.1)
    visit.shoot("grips-undone")


def test_a_part_is_painted_begun_and_stopped(visit: Any, workshop: Any, tmp_path: Path) -> None:
    page = visit.page
    visit.choose("#studio-spatial-from", "still life")
    page.locator("#studio-spatial-view img").wait_for()
    visit.choose("#studio-spatial-part", "what is painted on views")
    canvas = page.locator(".studio-paint canvas")
    canvas.wait_for()
    before = page.locator("#studio-spatial-view img").get_attribute("src")
    # The ball, from the front.
    visit.stroke((0.29, 0.58), (0.3, 0.6), on=canvas)
    changed = "before => document.querySelector('#studio-spatial-view img').getAttribute('src') !== before"
    page.wait_for_function(changed, arg=before)
    view = shown(visit, "#studio-spatial-view img", tmp_path / "view.png")
    red, green, blue = view.transpose(2, 0, 1)
    orange = (red > 180) & (green > 45) & (green < 110) & (blue < 60)
    # Of the two views beside each other the first is from the front, where the ball is on the left.
    quarter = view.shape[1] // 4
    assert orange[:, :quarter].sum() > 50 and not orange[:, quarter : 2 * quarter].any()
    visit.shoot("painted")
    # Another view, an undo there, and again.
    page.get_by_role("button", name="from the right", exact=True).click()
    visit.stroke((0.5, 0.5), (0.55, 0.5), on=canvas)
    page.keyboard.press("Control+z")
    assert '"from the right":[{' not in page.evaluate("window.gencontrolPaint.marks()")
    page.locator("#studio-spatial-prompt textarea, #studio-spatial-prompt input").first.fill("tomato")
    page.get_by_label("number input for Steps").last.fill("2000")
    page.get_by_label("number input for Steps").last.press("Tab")
    page.click("#studio-spatial-start")
    page.locator("#studio-spatial-preview img").wait_for(timeout=400_000)
    visit.shoot("spatial-run")
    # It goes on without the page, and is found again.
    page.reload()
    visit.arrive()
    visit.tab("In three dimensions")
    page.locator("#studio-spatial-progress").get_by_text("step").wait_for()
    page.click("#studio-spatial-stop")
    page.locator("#studio-spatial-progress").get_by_text("Stopped").wait_for()
    (masks,) = (workshop.folder / "kept" / "spatial" / "runs").glob("*/painted")
    assert sorted(file.name for file in masks.iterdir()) == ["0.png", "parts.yaml"]
    command = page.locator("#studio-spatial-command").inner_text().replace("\n", " ")
    assert "--parts" in command


def test_a_file_that_is_no_scene_is_a_line(visit: Any, tmp_path: Path) -> None:
    path = tmp_path / "wrong.safetensors"
    path.write_bytes(b"x" * 100)
    with visit.page.expect_file_chooser() as asked:
        visit.page.click("#studio-spatial-send")
    asked.value.set_files(path)
    visit.page.get_by_text("wrong.safetensors").first.wait_for()
    assert visit.page.locator("#studio-spatial-view img").count() == 0
