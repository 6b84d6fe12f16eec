"""Shares of several processes."""

import pytest

from gencontrol.runs.machine.processes import Processes


@pytest.mark.parametrize("count", [1, 2, 3, 7])
def test_processes_share_everything_once(count: int) -> None:
    shares = [Processes(index=i, count=count).share(range(5)) for i in range(count)]
    assert sorted(item for share in shares for item in share) == list(range(5))
    assert max(map(len, shares)) - min(map(len, shares)) <= 1
