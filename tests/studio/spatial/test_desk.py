"""What happens in the tab."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from gencontrol.errors import GencontrolError, InputError
from gencontrol.nerf.field.scene import load_scene, save_scene
from gencontrol.studio.spatial import desk as module
from gencontrol.studio.spatial.controls import PAINTED, SPATIAL_NAMES, SpatialControls
from gencontrol.studio.spatial.desk import MISSING, NOTHING, Desk
from gencontrol.studio.spatial.records import State
from gencontrol.studio.spatial.runs import SpatialRuns
from gencontrol.studio.spatial.scenes import SentScenes


@pytest.fixture
def runs(tmp_path: Path, start: Any) -> Any:
    made = SpatialRuns(tmp_path / "runs", start=start)
    yield made
    made.close()


@pytest.fixture
def desk(runs: SpatialRuns, tmp_path: Path, scene_file: Path, monkeypatch: pytest.MonkeyPatch) -> Desk:
    monkeypatch.setattr(Desk, "is_able", staticmethod(lambda: True))
    return Desk(runs, SentScenes(tmp_path / "scenes", served=scene_file.parent), private=True)


def values(**changed: Any) -> list[Any]:
    usual = vars(SpatialControls(prompt="cactus"))
    return [changed.get(name, usual[name]) for name in SPATIAL_NAMES]


def finish(started: list[Any], scene_file: Path, until: Any, desk: Desk) -> str:
    """Begin a run and let it leave a scene, a film and a mesh."""
    name = desk.begin("", values())
    result = started[-1].folder / "outputs" / "cactus" / "method" / "now"
    (result / "previews").mkdir(parents=True)
    (result / "scene.safetensors").write_bytes(scene_file.read_bytes())
    for file in ("turntable.mp4", "scene.glb", "previews/000000.png", "previews/000040.png"):
        (result / file).write_bytes(b"x")
    started[-1].end(0, State(status="done", result=str(result.relative_to(started[-1].folder))))
    until(lambda: desk.tell("", name).run.state.status == "done")
    return name


def test_whose_something_is(desk: Desk, runs: SpatialRuns, tmp_path: Path) -> None:
    assert desk.owner(None) == desk.owner("ann") == ""
    shared = Desk(runs, SentScenes(tmp_path, served=tmp_path), private=False)
    assert shared.owner("ann") == "ann"
    for nobody in (None, ""):
        with pytest.raises(InputError, match="name and a password"):
            shared.owner(nobody)


def test_one_starts_from_nothing_from_what_is_done_and_from_what_was_sent(
    desk: Desk, started: list[Any], scene_file: Path, until: Any
) -> None:
    assert desk.starts("") == [NOTHING] and desk.scene("", "") is None and desk.seen("", "") is None
    done = finish(started, scene_file, until, desk)
    going = desk.begin("", values(prompt="crown"))
    sent = desk.take_scene("", scene_file)
    assert desk.starts("") == [NOTHING, ("cactus", done), ("still (sent)", sent)]
    assert desk.scene("", done) == desk.tell("", done).files["scene.safetensors"]
    with pytest.raises(InputError, match="That run has no scene"):
        desk.scene("", going)
    for start in (done, sent, "x"):
        with pytest.raises(InputError, match="no such run"):
            desk.scene("bob", start)


def test_the_box_is_seen_unless_a_part_is_named(desk: Desk, scene_file: Path) -> None:
    sent = desk.take_scene("", scene_file)
    assert desk.look("", values()) is None
    seen = desk.seen("", sent)
    assert seen is not None and seen is desk.seen("", sent) and "ball" in seen.parts
    boxed, moved, named = (np.asarray(desk.look("", values(start=sent, **said))) for said in
                           ({}, {"x": 0.5}, {"part": "ball"}))  # fmt: skip
    assert (boxed != moved).any() and (boxed != named).any()
    with pytest.raises(GencontrolError, match="`x`: expected"):
        desk.look("", values(start=sent, x=9))


def test_the_box_has_grips_where_it_is_the_part(desk: Desk, scene_file: Path) -> None:
    sent = desk.take_scene("", scene_file)
    told = json.loads(desk.grips("", values(start=sent, x=0.5, wide=0.7)))
    assert (
        told["box"] == [0.5, 0, 0, 0.7, 1, 1]
        and told["scene"] == sent
        and told["away"] == [-1, 1]
        and told["sides"] == [0.05, 2]
    )
    assert desk.grips("", values()) == desk.grips("", values(start=sent, part="ball")) == ""
    with pytest.raises(InputError, match="no such run"):
        desk.grips("", values(start="x"))


def test_the_box_comes_to_where_one_presses(desk: Desk) -> None:
    x, y, z = desk.place(values(x=0.5), 150, 150)
    assert (abs(x) < 0.01 and (y, z) != (0, 0)) or abs(z) < 0.1
    # It stays in the scene.
    assert desk.place(values(), 0, 0)[0] == -1.0 and desk.place(values(), 299, 150)[0] == 1.0
    with pytest.raises(GencontrolError, match="`x`: expected"):
        desk.place(values(x=9), 1, 1)


def test_views_are_kept_of_the_last_scenes_only(desk: Desk, scene_file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_KEPT_VIEWS", 1)
    monkeypatch.setattr(module, "side_views", lambda scene: [])
    first, second = desk.take_scene("", scene_file), desk.take_scene("", scene_file)
    seen = desk.seen("", first)
    assert desk.seen("", first) is seen
    desk.seen("", second)
    assert desk.seen("", first) is not seen


def test_a_run_begins_with_what_is_set(desk: Desk, runs: SpatialRuns, scene_file: Path) -> None:
    sent = desk.take_scene("", scene_file)
    settings: Any = runs.find("", desk.begin("", values(start=sent, part="ball", steps=7))).job.settings
    assert settings.scene == desk.scene("", sent) and (settings.part, settings.steps) == ("ball", 7)
    with pytest.raises(InputError, match="`prompt` is empty"):
        desk.begin("", values(prompt=" "))


def test_without_nerfstudio_it_is_said_how_to_get_it(
    runs: SpatialRuns, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk = Desk(runs, SentScenes(tmp_path, served=tmp_path), private=True)
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None if name == "nerfstudio" else name)
    assert not desk.is_able() and "pip install 'gencontrol[nerf]'" in MISSING
    with pytest.raises(InputError, match="needs nerfstudio"):
        desk.begin("", values())
    monkeypatch.setattr("importlib.util.find_spec", lambda name: name)
    assert desk.is_able()


def test_a_page_shows_what_goes_on_or_else_the_newest(
    desk: Desk, started: list[Any], scene_file: Path, until: Any
) -> None:
    assert desk.newest("") is None and desk.runs("") == []
    first, second = desk.begin("", values()), desk.begin("", values(prompt="crown"))
    assert desk.newest("") == first and desk.newest("bob") is None
    assert desk.runs("") == [("crown - waiting", second), ("cactus - running", first)]
    desk.stop("", second)
    desk.stop("", first)
    assert desk.newest("") == second and desk.runs("")[0] == ("crown - stopped", second)


def test_a_run_is_told_with_its_files_and_its_commands(
    desk: Desk, started: list[Any], scene_file: Path, until: Any, runs: SpatialRuns, tmp_path: Path
) -> None:
    waiting = desk.begin("", values())
    told = desk.tell("", waiting)
    assert (told.step, told.preview, told.seconds, told.files, told.viewer) == (None, None, 0.0, {}, "")
    desk.stop("", waiting)
    told = desk.tell("", finish(started, scene_file, until, desk))
    assert told.run.result is not None and told.step == 40 and told.preview is not None
    assert told.preview.name == "000040.png" and told.seconds >= 0
    assert list(told.files) == ["scene.safetensors", "turntable.mp4", "scene.glb"]
    assert told.command == "gencontrol nerf new --prompt cactus -o again"
    assert told.viewer == f"ns-viewer --load-config {told.run.result}/config.yml"
    (told.run.result / "scene.glb").unlink()
    assert list(desk.tell("", told.run.name).files) == ["scene.safetensors", "turntable.mp4"]
    shared = Desk(runs, SentScenes(tmp_path, served=tmp_path), private=False)
    # Where things lie on a server is not its visitors' concern.
    assert shared.tell("", told.run.name).viewer == "ns-viewer --load-config now/config.yml"


PAINTED_BALL = '{"from the front": [{"tool": "brush", "points": [[63, 113]], "radius": 9}]}'


def test_what_is_painted_is_seen_and_becomes_a_runs_part(desk: Desk, runs: SpatialRuns, scene_file: Path) -> None:
    sent = desk.take_scene("", scene_file)
    assert desk.painting("", "") == ""
    painting = desk.painting("", sent)
    assert json.loads(painting)["start"] == sent and desk.painting("", sent) is painting
    how = {"start": sent, "part": PAINTED}
    plain, seen = (np.asarray(desk.look("", values(**how, **more))) for more in ({}, {"painted": PAINTED_BALL}))
    assert (plain != seen).any()
    run = runs.find("", desk.begin("", values(**how, painted=PAINTED_BALL, prompt="apple")))
    settings: Any = run.job.settings
    assert settings.parts == run.folder / "painted" / "parts.yaml" and settings.parts.is_file()
    assert desk.runs("") == [("a painted part: edit to apple - running", run.name)]
    assert desk.tell("", run.name).command.startswith(f"gencontrol nerf edit {desk.scene('', sent)} --parts ")
    for painted, said in (("", "Nothing is painted"), (PAINTED_BALL.replace("63, 113", "3, 3"), "nothing solid")):
        with pytest.raises(InputError, match=said):
            desk.begin("", values(**how, painted=painted))
    with pytest.raises(InputError, match="no such run"):
        desk.painting("bob", sent)


def test_a_part_that_is_called_as_what_is_painted_is_not_offered(desk: Desk, scene_file: Path, tmp_path: Path) -> None:
    scene = load_scene(scene_file)
    path = scene_file.parent / "odd.safetensors"
    save_scene(replace(scene, parts={PAINTED: scene.parts["ball"], "egg": scene.parts["egg"]}), path)
    seen = desk.seen("", desk.take_scene("", path))
    assert seen is not None and seen.parts == ["egg"]


def test_canvases_are_kept_of_the_last_scenes_only(
    desk: Desk, scene_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_KEPT_VIEWS", 1)
    monkeypatch.setattr(module, "views_to_paint_on", lambda scene: {})
    first, second = desk.take_scene("", scene_file), desk.take_scene("", scene_file)
    painting = desk.painting("", first)
    desk.painting("", second)
    assert desk.painting("", first) == painting and desk.painting("", first) is not painting


def test_who_knows_a_finished_run_gets_its_mesh(
    desk: Desk, started: list[Any], scene_file: Path, until: Any, runs: SpatialRuns
) -> None:
    name = finish(started, scene_file, until, desk)
    mesh = desk.mesh(name)
    assert mesh is not None and mesh == desk.tell("", name).files["scene.glb"]
    assert desk.mesh(desk.begin("", values(prompt="crown"))) is None
    with pytest.raises(InputError, match="no such run"):
        desk.mesh("x")
    mesh.unlink()
    assert desk.mesh(name) is None
