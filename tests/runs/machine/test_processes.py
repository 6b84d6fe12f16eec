"""Shares of several processes."""

import pytest

from gencontrol.runs.machine.processes import Processes, is_alone, is_first_process


@pytest.mark.parametrize("count", [1, 2, 3, 7])
def test_processes_share_everything_once(count: int) -> None:
    shares = [Processes(index=i, count=count).share(range(5)) for i in range(count)]
    assert sorted(item for share in shares for item in share) == list(range(5))
    assert max(map(len, shares)) - min(map(len, shares)) <= 1


def test_a_process_knows_of_others_before_it_joins_them(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("WORLD_SIZE", raising=False)
    assert is_alone() and is_first_process()
    monkeypatch.setenv("WORLD_SIZE", "2")
    for rank, is_first in (("0", True), ("1", False)):
        monkeypatch.setenv("RANK", rank)
        assert not is_alone() and is_first_process() is is_first
    monkeypatch.setenv("WORLD_SIZE", "1")
    assert is_alone() and is_first_process()
