"""The benchmark of many visitors: what is counted, on a model of random weights in this process."""

import json
import threading
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from benchmarks import visitors
from benchmarks.visitors import Measured, Settings, children, measure, own_picture, report, resident
from gencontrol.studio.warm.jobs import carry_out
from gencontrol.studio.warm.kept import Kept


class Here:
    """Carries runs out in this process, one at a time; `lost` of them end without a word."""

    def __init__(self, lost: int = 0) -> None:
        self.kept, self.lock, self.lost, self.jobs = Kept(), threading.Lock(), lost, []

    def run(self, job: Mapping[str, Any], cancelled: threading.Event | None = None) -> Iterator[dict[str, Any]]:
        told: list[Any] = []
        with self.lock:
            self.jobs.append(job)
            if len(self.jobs) <= self.lost:
                return iter([{"kind": "error", "type": "Fault", "message": "gone"}])
            carry_out(job, self.kept, told.append, lambda: None)
        return iter(told)


def test_everybody_gets_their_own_pictures(tiny_folder: Path, tmp_path: Path) -> None:
    pool = Here()
    settings = Settings(model=str(tiny_folder), visitors=3, pictures=10, each=2, steps=1)
    found = measure(settings, pool, tmp_path)
    # Two runs each of two pictures: as many as were asked for at least.
    assert (found.asked, found.made, found.foreign, found.failed) == (12, 12, 0, [])
    assert len(found.memory) == len(pool.jobs) == 6 and found.longest > 0
    assert {job["settings"]["images"][0] for job in pool.jobs} == {str(tmp_path / f"visitor-{n}.png") for n in range(3)}
    # What is as usual is left out, and seed 0 is.
    assert sorted(job["settings"].get("seed", 0) for job in pool.jobs) == [0] * 3 + [2] * 3


def test_what_is_lost_is_counted(tiny_folder: Path, tmp_path: Path) -> None:
    settings = Settings(model=str(tiny_folder), visitors=2, pictures=4, each=1, steps=1)
    found = measure(settings, Here(lost=1), tmp_path)
    assert (found.asked, found.made, found.failed) == (4, 3, ["GencontrolError: gone"])


def test_visitors_pictures_are_their_own(tmp_path: Path) -> None:
    first, second = own_picture(tmp_path, 1), own_picture(tmp_path, 257)
    assert first.name == "visitor-1.png" and first.read_bytes() != second.read_bytes()


def test_memory_of_processes() -> None:
    import os

    assert 50 < resident([os.getpid()]) < 50_000 and resident([2**22 + 1]) == 0
    assert os.getpid() not in children()


def test_the_report_shows_the_course(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys) -> None:
    told = Measured(asked=8, made=7, foreign=1, failed=["b", "a", "a"], longest=3.4, memory=list(range(100, 120)))
    lines = report(told, 12.3).splitlines()
    assert lines[0] == "pictures asked for 8, made 7, of somebody else 1, errors 3"
    assert lines[1] == "in 12 s; the longest that somebody waited for a run: 3 s"
    assert lines[2].endswith(": 101, 103, 105, 107, 109, 111, 113, 115, 117, 119") and lines[3:] == ["a", "b"]
    monkeypatch.setattr(visitors, "measure", lambda settings, pool, folder: told)
    visitors.main(Settings(output=tmp_path / "x.json"))
    assert json.loads((tmp_path / "x.json").read_text())["made"] == 7 and "made 7" in capsys.readouterr().out
