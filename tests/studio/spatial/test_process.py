"""The process of one run, and what it leaves."""

import multiprocessing
import os
import time
from pathlib import Path
from typing import Any

import pytest

from gencontrol.errors import ConfigError, InputError
from gencontrol.runs.radiance import CreationSettings, EditSettings
from gencontrol.studio.spatial import process as module
from gencontrol.studio.spatial.process import carry_out, end_with_parent, mesh_of, start_process, work
from gencontrol.studio.spatial.records import Job, read_state, write_job


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write_job(tmp_path, Job(owner="", made=0.0, settings=CreationSettings(prompt="cactus", output=tmp_path / "out")))
    return tmp_path


def test_a_run_that_goes_well_says_where_its_files_are(folder: Path) -> None:
    seen: list[Any] = []

    def train(settings: CreationSettings) -> Path:
        seen.append((settings.prompt, read_state(folder).status))
        return settings.output / "a"

    before = time.time()
    carry_out(folder, train=train, mesh=seen.append)
    state = read_state(folder)
    assert seen == [("cactus", "running"), folder / "out" / "a"]
    assert (state.status, state.result, state.message) == ("done", "out/a", "") and state.changed >= before


def test_a_scene_without_a_mesh_is_done_all_the_same(folder: Path) -> None:
    def mesh(result: Path) -> None:
        raise InputError("Nothing in the scene\nis denser.")

    carry_out(folder, train=lambda settings: settings.output, mesh=mesh)
    state = read_state(folder)
    assert (state.status, state.message) == ("done", "There is no mesh: Nothing in the scene is denser.")


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (ConfigError("The mode\nneeds a prompt."), "The mode needs a prompt."),
        (MemoryError(), "the run ran out of memory."),
        (ValueError("shapes\ndiffer"), "a fault of gencontrol ended the run (ValueError: shapes differ)."),
    ],
)
def test_what_goes_wrong_is_a_line(error: BaseException, said: str, folder: Path, capfd: Any) -> None:
    def train(settings: CreationSettings) -> Path:
        raise error

    carry_out(folder, train=train, mesh=lambda result: None)
    assert (read_state(folder).status, read_state(folder).message) == ("failed", said)
    # Where a fault of ours was, is in the log.
    assert ("Traceback" in capfd.readouterr().err) == (type(error) is ValueError)


def test_the_mesh_lies_beside_the_scene(scene_file: Path, tmp_path: Path) -> None:
    pytest.importorskip("trimesh")
    (tmp_path / "scene.safetensors").write_bytes(scene_file.read_bytes())
    assert mesh_of(tmp_path) == tmp_path / "scene.glb"
    assert (tmp_path / "scene.glb").read_bytes()[:4] == b"glTF"


def test_a_process_without_a_parent_of_ours_goes_on() -> None:
    # This one was not begun by multiprocessing.
    assert multiprocessing.parent_process() is None
    end_with_parent()


def test_it_ends_when_its_parent_has(monkeypatch: pytest.MonkeyPatch) -> None:
    reading, writing = os.pipe()
    ended: list[int] = []
    monkeypatch.setattr(module.os, "_exit", ended.append)
    os.close(writing)
    module._end_after(reading)
    os.close(reading)
    assert ended == [1]


@pytest.mark.slow
def test_a_real_process_leaves_its_state_and_its_log(tmp_path: Path) -> None:
    pytest.importorskip("nerfstudio")
    scene = tmp_path / "nowhere"
    settings = EditSettings(prompt="crown", scene=scene, part="ball", output=tmp_path / "outputs")
    write_job(tmp_path, Job(owner="", made=0.0, settings=settings))
    process = start_process(tmp_path)
    process.join(timeout=300)
    assert process.exitcode == 0
    assert read_state(tmp_path).status == "failed" and f"No scene at {scene}" in read_state(tmp_path).message
    assert (tmp_path / "log.txt").is_file()
    assert work.__module__ == "gencontrol.studio.spatial.process"
