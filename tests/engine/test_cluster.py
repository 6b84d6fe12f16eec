"""Work spread over a cluster, here without Ray; `tests/runs/pairs/test_spreading.py` has it with Ray."""

import os
import sys
import warnings
from collections.abc import Callable
from functools import partial
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from gencontrol.engine.cluster import Worker, crew_of, spread
from gencontrol.engine.dealing import Pool
from gencontrol.errors import InputError, OutputError


class OwnWarning(UserWarning):
    """Of this test."""


def opener(folder: Path, *, warn: bool = False) -> Callable[[int], dict[str, int]]:
    """Opens nothing; each piece is a file, and a number."""
    if warn:
        warnings.warn("opening", OwnWarning, stacklevel=1)

    def work(item: int) -> dict[str, int]:
        if item == 13:
            raise OutputError("the disk is full")
        if item == 14:
            raise ZeroDivisionError
        if warn:
            warnings.warn("working", OwnWarning, stacklevel=1)
        (folder / f"{item}").touch()
        return {"twice": 2 * item}

    return work


@pytest.fixture
def cluster(fake_ray: ModuleType, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Any]:
    """A function that puts a cluster in Ray's place."""

    def of(**about: Any) -> Any:
        made = fake_ray.Fake(**about)
        for name, module in made.module().items():
            monkeypatch.setitem(sys.modules, name, module)
        return made

    return of


def through(items: list[int], folder: Path, **more: Any) -> tuple[dict[int, Any], list[str]]:
    said: list[str] = []
    given = {"address": "local", "say": said.append, "workers": 2} | more
    warn = given.pop("warn", False)
    return dict(spread(items, partial(opener, folder, warn=warn), **given)), said


def test_each_piece_by_processes_that_open_once(cluster: Any, tmp_path: Path) -> None:
    fake = cluster()
    found, said = through([4, 5, 6], tmp_path)
    assert found == {4: {"twice": 8}, 5: {"twice": 10}, 6: {"twice": 12}} and said == []
    assert fake.counts == {"open": 2, "do": 3} and len(fake.killed) == 2 and not fake.is_there
    assert {path.name for path in tmp_path.iterdir()} == {"4", "5", "6"}
    usual = {"num_cpus": 1, "num_gpus": 0, "max_restarts": 0, "max_task_retries": 0}
    assert fake.hired == [usual, usual] and fake.waits[0] == 60.0
    # Where the command was called, relative paths lead.
    assert fake.sent[0][1] == os.getcwd()


def test_nothing_to_do_joins_nothing(cluster: Any, tmp_path: Path) -> None:
    fake = cluster()
    assert through([], tmp_path) == ({}, []) and not fake.joined


def test_who_ends_is_replaced(cluster: Any, tmp_path: Path) -> None:
    fake = cluster(ends=[("do", 2)])
    found, said = through([0, 1, 2], tmp_path)
    assert found == {n: {"twice": 2 * n} for n in range(3)} and fake.counts == {"open": 3, "do": 4}
    (text,) = said
    # Ray's words in one line.
    assert "ended over shard" in text and text.endswith("begins again: The actor died: node gone.")


def test_environment_and_gpus(cluster: Any, tmp_path: Path) -> None:
    fake = cluster(resources={"CPU": 64.0, "GPU": 2.0})
    through([0, 1, 2, 3], tmp_path, device="auto", workers=None, environment={"A": "1"})
    assert len(fake.hired) == 2 and fake.hired[0]["num_gpus"] == 1
    assert fake.hired[0]["runtime_env"] == {"env_vars": {"A": "1"}}


@pytest.mark.parametrize(
    ("resources", "device", "workers", "expected"),
    [
        ({"CPU": 8.0}, "auto", None, (8, 0)),
        ({"CPU": 8.0}, "auto", 3, (3, 0)),
        ({"CPU": 2.0}, "cpu", 3, (2, 0)),
        ({"CPU": 8.0, "GPU": 4.0}, "auto", None, (4, 1)),
        ({"CPU": 8.0, "GPU": 4.0}, "cuda:1", 9, (4, 1)),
        ({"CPU": 8.0, "GPU": 1.0}, "cuda", None, (1, 1)),
        ({"CPU": 8.0, "GPU": 4.0}, "cpu", None, (8, 0)),
        # A part of a GPU is none.
        ({"CPU": 8.0, "GPU": 0.5}, "auto", None, (8, 0)),
    ],
)
def test_how_many_processes(
    resources: dict[str, float], device: str, workers: int | None, expected: tuple[int, int]
) -> None:
    assert crew_of(resources, device, workers) == expected


def test_a_cluster_without_cores() -> None:
    with pytest.raises(InputError, match="no core that takes work; expected one at least: `ray status` lists them"):
        crew_of({"CPU": 0.5}, "cpu", None)


@pytest.mark.filterwarnings("always")
def test_what_is_warned_of_there_is_warned_of_here_once(cluster: Any, tmp_path: Path) -> None:
    cluster()
    with pytest.warns(OwnWarning) as caught:
        through([0, 1, 2], tmp_path, warn=True)
    assert sorted(str(one.message) for one in caught) == ["opening", "working"]
    # What each says, it says once, in its order.
    worker = Worker()
    worker.open(partial(opener, tmp_path, warn=True), str(Path.cwd()))
    assert [text for _, text in worker.do(1)[1]] == ["opening", "working"]
    assert [text for _, text in worker.do(2)[1]] == ["working"]


def test_errors_of_the_work_are_those_of_the_run(cluster: Any, tmp_path: Path) -> None:
    fake = cluster()
    with pytest.raises(OutputError, match=r"^the disk is full$"):
        through([13], tmp_path)
    assert not fake.is_there
    # What is a fault of the program is shown whole.
    with pytest.raises(Exception, match="a long traceback") as caught:
        through([14], tmp_path)
    assert isinstance(caught.value.cause, ZeroDivisionError)  # pyright: ignore[reportAttributeAccessIssue]


def test_a_machine_without_the_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(InputError, match=r"cannot enter .*/none: No such file .* under the same name"):
        Worker().open(partial(opener, tmp_path), str(tmp_path / "none"))
    (tmp_path / "sub").mkdir()
    Worker().open(partial(opener, tmp_path), str(tmp_path / "sub"))
    assert Path.cwd() == tmp_path / "sub"


def test_silence_is_told_of_once(cluster: Any, tmp_path: Path) -> None:
    fake = cluster()
    fake.silent = 3
    found, said = through([1], tmp_path)
    assert found == {1: {"twice": 2}}
    assert said == [
        "The cluster has said nothing for 60 seconds: it has no free core or GPU, or is still at work. Waiting on."
    ]


def test_a_pool_is_one(fake_ray: ModuleType) -> None:
    from gencontrol.engine.cluster import _RayPool  # pyright: ignore[reportPrivateUsage]

    made = _RayPool(fake_ray.Fake(), lambda: lambda item: item, gpus=0, environment={}, say=print)
    assert isinstance(made, Pool)
