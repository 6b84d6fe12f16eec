"""Workers of a server, for the most part without their processes."""

import logging
import subprocess
import sys
import threading
from collections.abc import Iterator
from multiprocessing import Pipe
from pathlib import Path
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


CLOSES = """
import sys, threading
from gencontrol.studio.warm.worker import Worker
if __name__ == "__main__":
    worker = Worker()
    for message in worker.run({"do": "open", "model": sys.argv[1], "offline": True}, threading.Event()):
        assert message["kind"] != "error", message
    process = worker._process
    worker.close()
    sys.exit(process.exitcode)
"""


def test_a_process_that_is_closed_gives_back_what_it_holds(tiny_folder: Path, tmp_path: Path) -> None:
    script = tmp_path / "closes.py"
    script.write_text(CLOSES)
    done = subprocess.run([sys.executable, "-P", script, tiny_folder], capture_output=True, text=True)
    # Python tells of semaphores that somebody left behind.
    assert (done.returncode, done.stderr) == (0, "")
