"""Long runs: one at a time, each its owner's, ended when it is told, and found again."""

from pathlib import Path
from typing import Any

import pytest

from gencontrol.errors import InputError
from gencontrol.studio.spatial import runs as module
from gencontrol.studio.spatial.records import State, read_state, write_state
from gencontrol.studio.spatial.runs import SpatialRuns


@pytest.fixture
def runs(tmp_path: Path, start: Any) -> SpatialRuns:
    return SpatialRuns(tmp_path / "runs", start=start)


def status(runs: SpatialRuns, name: str, owner: str = "") -> str:
    return runs.find(owner, name).state.status


def test_one_goes_on_and_the_others_wait_in_their_order(
    runs: SpatialRuns, cactus: Any, started: list[Any], until: Any
) -> None:
    first, second, third = (runs.begin("", cactus) for _ in range(3))
    assert [status(runs, name) for name in (first, second, third)] == ["running", "waiting", "waiting"]
    assert [runs.ahead(name) for name in (first, second, third)] == [0, 1, 2] and len(started) == 1
    started[0].end(0, State(status="done", result="outputs/x"))
    until(lambda: len(started) == 2)
    assert started[1].folder.name == second and runs.ahead(third) == 1
    assert runs.find("", first).result == started[0].folder / "outputs/x" and runs.find("", second).result is None
    assert [run.name for run in runs.of("")] == [third, second, first]
    runs.close()


def test_more_go_on_where_there_is_room(tmp_path: Path, start: Any, cactus: Any, started: list[Any]) -> None:
    runs = SpatialRuns(tmp_path, start=start, most=2)
    names = [runs.begin("", cactus) for _ in range(3)]
    assert [status(runs, name) for name in names] == ["running", "running", "waiting"] and len(started) == 2
    runs.close()


def test_results_go_below_the_runs_own_folder(runs: SpatialRuns, cactus: Any) -> None:
    run = runs.find("", runs.begin("", cactus))
    assert run.job.settings.output == run.folder / "outputs" and len(run.name) >= 16
    runs.close()


def test_stopping_ends_the_process_and_begins_the_next(
    runs: SpatialRuns, cactus: Any, started: list[Any], until: Any
) -> None:
    first, second, third = (runs.begin("", cactus) for _ in range(3))
    assert runs.stop("", second).state.status == "stopped" and started[0].told == []
    stopped = runs.stop("", first)
    assert (stopped.state.status, stopped.state.message) == ("stopped", "") and started[0].told == ["terminate"]
    until(lambda: len(started) == 2)
    assert started[1].folder.name == third and status(runs, third) == "running"
    runs.close()


def test_one_that_does_not_end_is_killed(
    tmp_path: Path, stubborn: Any, cactus: Any, started: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_PATIENCE", 0.05)
    runs = SpatialRuns(tmp_path, start=stubborn)
    assert runs.stop("", runs.begin("", cactus)).state.status == "stopped"
    assert started[0].told == ["terminate", "kill"]


def test_what_is_over_stays_as_it_is(runs: SpatialRuns, cactus: Any, started: list[Any], until: Any) -> None:
    name = runs.begin("", cactus)
    started[0].end(0, State(status="done", result="a", message="m"))
    until(lambda: runs.ahead(name) == 0 and not runs._going)
    assert runs.stop("", name).state == State(status="done", result="a", message="m")


def test_a_process_that_dies_has_failed(runs: SpatialRuns, cactus: Any, started: list[Any], until: Any) -> None:
    name = runs.begin("", cactus)
    started[0].end(-9)
    until(lambda: status(runs, name) == "failed")
    assert "has ended (-9), perhaps for lack of memory" in runs.find("", name).state.message


def test_a_process_that_cannot_be_started_has_failed(tmp_path: Path, cactus: Any) -> None:
    def refuse(folder: Path) -> Any:
        raise OSError("no more processes")

    runs = SpatialRuns(tmp_path, start=refuse)
    state = runs.find("", runs.begin("", cactus)).state
    assert state.status == "failed" and "could not be started: no more processes" in state.message


def test_others_do_not_see_it(runs: SpatialRuns, cactus: Any, started: list[Any]) -> None:
    name = runs.begin("ann", cactus)
    assert [run.name for run in runs.of("ann")] == [name] and runs.of("bob") == runs.of("") == []
    for call in (runs.find, runs.stop):
        with pytest.raises(InputError, match="There is no such run"):
            call("bob", name)
    assert started[0].told == []
    # The name is a secret: who knows it is shown what it names.
    assert runs.known(name) == runs.find("ann", name)
    for wrong in ("../ann", ""):
        with pytest.raises(InputError, match="There is no such run"):
            runs.find("ann", wrong)
        with pytest.raises(InputError, match="There is no such run"):
            runs.known(wrong)
    runs.close()


def test_there_are_only_so_many_of_one_owner(runs: SpatialRuns, cactus: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOST_RUNS", 2)
    for _ in range(2):
        runs.begin("ann", cactus)
    with pytest.raises(InputError, match="There are 2 runs by now"):
        runs.begin("ann", cactus)
    assert runs.begin("bob", cactus)
    runs.close()


def test_what_is_refused_leaves_nothing(runs: SpatialRuns, tmp_path: Path) -> None:
    def refuse(output: Path) -> Any:
        raise InputError("no prompt")

    with pytest.raises(InputError, match="no prompt"):
        runs.begin("", refuse)
    assert runs.of("") == [] and not list((tmp_path / "runs").iterdir())


def test_at_the_servers_end_all_are_ended(runs: SpatialRuns, cactus: Any, started: list[Any]) -> None:
    names = [runs.begin("", cactus) for _ in range(2)]
    runs.close()
    assert started[0].exitcode is not None and len(started) == 1
    for name in names:
        state = runs.find("", name).state
        assert (state.status, state.message) == ("stopped", "the server ended while it went on.")
    with pytest.raises(InputError, match="The server is ending"):
        runs.begin("", cactus)


def test_they_are_found_again_by_the_next_server(
    runs: SpatialRuns, tmp_path: Path, cactus: Any, started: list[Any], until: Any, start: Any
) -> None:
    done, cut = runs.begin("ann", cactus), runs.begin("ann", cactus)
    started[0].end(0, State(status="done", result="a"))
    until(lambda: status(runs, cut, "ann") == "running")
    (tmp_path / "runs" / "rubbish").mkdir()
    again = SpatialRuns(tmp_path / "runs", start=start)
    assert {run.name: run.state.status for run in again.of("ann")} == {done: "done", cut: "failed"}
    assert again.find("ann", cut).state.message == "the server ended while it went on." and len(started) == 2
    write_state(tmp_path / "runs" / done, State(status="done", result="b"))
    assert read_state(tmp_path / "runs" / done).result == "b"
    runs.close()


def test_a_damaged_run_holds_up_nobody(runs: SpatialRuns, cactus: Any, started: list[Any], until: Any) -> None:
    first, second = runs.begin("", cactus), runs.begin("", cactus)
    (runs.find("", first).folder / "state.json").write_text("{")
    assert [run.name for run in runs.of("")] == [second]
    started[0].end(0)
    until(lambda: len(started) == 2)
    assert started[1].folder.name == second
    runs.close()
