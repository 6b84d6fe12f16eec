"""A picture with a left and a right half, a model of random weights, and a server's parts without its processes."""

import importlib.util
import threading
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from gencontrol.studio.page.sessions import Session, Sessions
from gencontrol.studio.page.studio import Studio
from gencontrol.studio.scene.asking import NAMES, Controls
from gencontrol.studio.warm.jobs import Stopped, carry_out
from gencontrol.studio.warm.kept import Kept


class PoolHere:
    """Carries runs out in this process, as a worker's does."""

    def __init__(self) -> None:
        self.kept, self.jobs = Kept(), []

    def run(self, job: Mapping[str, Any], cancelled: threading.Event | None = None) -> Iterator[dict[str, Any]]:
        """All messages, once it is over."""
        told: list[Any] = []

        def check() -> None:
            if cancelled is not None and cancelled.is_set():
                raise Stopped

        self.jobs.append(job)
        carry_out(job, self.kept, told.append, check)
        return iter(told)


@pytest.fixture(scope="session")
def hostile() -> dict[str, tuple[bytes, str]]:
    """Name -> what is in the file, and what is said of it."""
    spec = importlib.util.spec_from_file_location("_hostile", Path(__file__).with_name("_hostile.py"))
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.HOSTILE


@pytest.fixture(scope="session")
def pool() -> Any:
    """What draws in tests; the model stays open."""
    return PoolHere()


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    """64 x 48 pixels: red on the left, blue on the right."""
    pixels = np.zeros((48, 64, 3), np.uint8)
    pixels[:, :32, 0], pixels[:, 32:, 2] = 200, 200
    path = tmp_path / "photo.png"
    Image.fromarray(pixels).save(path)
    return path


@pytest.fixture
def mask(tmp_path: Path) -> Path:
    """The left half, of the photo's size."""
    pixels = np.zeros((48, 64), np.uint8)
    pixels[:, :32] = 255
    path = tmp_path / "left.png"
    Image.fromarray(pixels).save(path)
    return path


@pytest.fixture
def studio(pool: Any, tiny_folder: Path, tmp_path: Path) -> Studio:
    """A page's work, of who started it."""
    sessions = Sessions(tmp_path / "visits", keeps=False)
    return Studio(pool, sessions, models=[str(tiny_folder)], private=True, offline=True)


@pytest.fixture
def session(studio: Studio, photo: Path) -> Session:
    """A visitor who works on the photo."""
    visit = studio.sessions.open()
    studio.take_picture(visit, photo, plainly=False)
    return visit


@pytest.fixture
def values(tiny_folder: Path) -> Any:
    """A function that gives the controls' values, those that are named and the others as usual."""

    def of(**changed: Any) -> list[Any]:
        usual = Controls(model=str(tiny_folder), steps=2, number=1)
        return [changed.get(name, getattr(usual, name)) for name in NAMES]

    return of
