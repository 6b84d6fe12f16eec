"""Runs without their processes, and a scene."""

import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from gencontrol.runs.radiance import CreationSettings
from gencontrol.studio.spatial.records import State, write_state


class FakeProcess:
    """Goes on until it is told to end, as a process does."""

    def __init__(self, folder: Path, *, stubborn: bool = False):
        self.folder, self.exitcode, self._stubborn = folder, None, stubborn
        self._over, self.told = threading.Event(), []
        write_state(folder, State(status="running"))

    def join(self, timeout: float | None = None) -> None:
        self._over.wait(timeout)

    def terminate(self) -> None:
        self.told.append("terminate")
        if not self._stubborn:
            self.end(-15)

    def kill(self) -> None:
        self.told.append("kill")
        self.end(-9)

    def end(self, code: int, state: State | None = None) -> None:
        """End by itself."""
        if state is not None:
            write_state(self.folder, state)
        self.exitcode = code
        self._over.set()


@pytest.fixture
def started() -> list[Any]:
    """The processes that were started."""
    return []


@pytest.fixture
def start(started: list[Any]) -> Callable[[Path], Any]:
    """Starts one that only waits."""

    def begin(folder: Path) -> Any:
        started.append(FakeProcess(folder))
        return started[-1]

    return begin


@pytest.fixture
def stubborn(started: list[Any]) -> Callable[[Path], Any]:
    """Starts one that does not end when it is asked to."""

    def begin(folder: Path) -> Any:
        started.append(FakeProcess(folder, stubborn=True))
        return started[-1]

    return begin


@pytest.fixture
def cactus() -> Callable[[Path], CreationSettings]:
    """Settings, given where they write."""
    return lambda output: CreationSettings(prompt="cactus", output=output)


@pytest.fixture
def until() -> Callable[[Callable[[], Any]], None]:
    """Wait until something is true, which another thread makes so."""

    def wait(is_so: Callable[[], Any]) -> None:
        end = time.monotonic() + 20
        while not is_so():
            assert time.monotonic() < end, "it has not come to be"
            time.sleep(0.01)

    return wait


@pytest.fixture(scope="session")
def scene_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The still life, small."""
    from gencontrol.nerf.field.scene import save_scene
    from gencontrol.nerf.still_life.world import bake, still_life

    path = tmp_path_factory.mktemp("scene") / "still.safetensors"
    save_scene(bake(still_life(), 16), path)
    return path
