"""Workers of a server, for the most part without their processes."""

import json
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
    monkeypatch.setattr("gencontrol.studio.warm.worker.tqdm.set_lock", lambda lock: None)
    logger = logging.getLogger("bitsandbytes")
    monkeypatch.setattr(logger, "level", logging.NOTSET)
    ours, theirs = Pipe()
    ours.close()
    work(theirs)
    assert logger.level == logging.ERROR


DRAWS = """
import json, sys, threading
from gencontrol.studio.warm.worker import Worker
if __name__ == "__main__":
    worker = Worker()
    for message in worker.run(json.loads(sys.argv[1]), threading.Event()):
        assert message["kind"] != "error", message
    closes = int(sys.argv[2])
    for message in worker.run(json.loads(sys.argv[1]), threading.Event()):
        if message["kind"] == "step" and closes:
            process = worker._process
            worker.close()
            print(worker._died(), process is worker._process)
            break
    worker.close()
"""


@pytest.mark.parametrize("in_a_run", [False, True])
def test_a_process_that_is_closed_leaves_nothing_behind(
    photo: Path, mask: Path, tiny_folder: Path, tmp_path: Path, in_a_run: bool
) -> None:
    settings = {"images": ["photo.png"], "mask": ["left.png"], "model": str(tiny_folder), "steps": 2, "offline": True}
    job = {"do": "vary", "settings": settings | {"output": "out", "existing": "overwrite"}, "folder": str(photo.parent)}
    script = tmp_path / "draws.py"
    script.write_text(DRAWS)
    order = [sys.executable, "-P", script, json.dumps(job | {"from_picture": None, "previews": None})]
    done = subprocess.run([*order, str(int(in_a_run))], capture_output=True, text=True)
    # Python tells of semaphores that somebody left behind; and a server that ends begins no other process.
    ended = "{'kind': 'error', 'type': 'Stopped', 'message': 'the server has ended.'} True\n"
    assert (done.returncode, done.stderr, done.stdout) == (0, "", ended if in_a_run else "")
