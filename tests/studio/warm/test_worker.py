"""Workers of a server, without their processes."""

import logging
import threading
from collections.abc import Iterator
from multiprocessing import Pipe
from typing import Any

import pytest

from gencontrol.studio.warm.turns import Turns
from gencontrol.studio.warm.worker import Pool, work


class Fails:
    """Ends each run with an error."""

    def run(self, job: Any, cancelled: threading.Event) -> Iterator[dict[str, Any]]:
        """A warning, and the error."""
        yield {"kind": "warning", "type": "RunWarning", "message": "so it is."}
        yield {"kind": "error", "type": "CheckpointError", "message": f"no {job['model']}."}

    def close(self) -> None:
        """There is nothing to end."""


def test_what_fails_while_it_warms_up_is_told() -> None:
    pool: Any = Pool(0)
    pool._workers = [Fails(), Fails()]
    pool._turns = Turns(pool._workers)
    told: list[dict[str, Any]] = []
    both = threading.Event()

    def failed(message: dict[str, Any]) -> None:
        told.append(message)
        if len(told) == 2:
            both.set()

    pool.warm_up({"do": "open", "model": "tinny"}, failed)
    assert both.wait(60)
    assert told == [{"kind": "error", "type": "CheckpointError", "message": "no tinny."}] * 2


def test_a_worker_says_nothing_of_products_that_are_not_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("signal.signal", lambda number, handler: None)
    logger = logging.getLogger("bitsandbytes")
    monkeypatch.setattr(logger, "level", logging.NOTSET)
    ours, theirs = Pipe()
    ours.close()
    work(theirs)
    assert logger.level == logging.ERROR
