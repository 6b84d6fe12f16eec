"""What a server that keeps the model open saves: `gencontrol vary --server auto` beside `gencontrol vary`.

    python -m benchmarks.warm [MODEL]

Each figure is the median of fresh processes, in seconds, start included, on the machine as it is: run it on an idle
one. Both make the same files, which is checked to the byte. MODEL is `tiny` by default. In a checkout nothing may
change while this runs: a server is used only by the code that it runs itself.
"""

import http.client
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import tyro
from tyro.conf import Positional

from benchmarks.start import COUNT, EXAMPLES, STEPS, median_wall
from gencontrol.studio.warm.client import find_server

_PATIENCE = 300.0


def same_files(one: Path, other: Path) -> bool:
    """Whether two folders hold the same files."""
    held = [{path.name: path.read_bytes() for path in folder.iterdir()} for folder in (one, other)]
    return bool(held[0]) and held[0] == held[1]


@contextmanager
def running(command: str, model: str) -> Iterator[None]:
    """Within the block a server is there, with its model open."""
    server = subprocess.Popen([command, "serve", "--model", model, "--port", "0"], stdout=subprocess.DEVNULL)
    try:
        end = time.monotonic() + _PATIENCE
        while (address := find_server()) is None or address.process != server.pid:
            if server.poll() is not None or time.monotonic() > end:
                raise SystemExit("the server did not start.")
            time.sleep(0.2)
        connection = http.client.HTTPConnection("127.0.0.1", address.port)
        # It answers in the order in which it was asked: by then the model is open.
        headers = {"Authorization": f"Bearer {address.token}"}
        connection.request("POST", "/api/v1/score", body=b'{"settings": {}, "texts": []}', headers=headers)
        connection.getresponse().read()
        yield
    finally:
        server.send_signal(signal.SIGINT)
        server.wait()


def main(model: Positional[str] = "tiny") -> None:
    """Measure and print a table.

    Args:
        model: A preset, or a folder in the layout of `tiny`.
    """
    command = str(Path(sys.executable).with_name("gencontrol"))
    picture, mask = str(EXAMPLES / "scene.png"), str(EXAMPLES / "scene-mask.png")
    with tempfile.TemporaryDirectory() as name, running(command, model):
        folder, times = Path(name), {}
        for way, more in {"gencontrol vary": [], "gencontrol vary --server auto": ["--server", "auto"]}.items():
            where = folder / str(len(times))
            flags = [
                "-n",
                str(COUNT),
                "--steps",
                str(STEPS),
                "--model",
                model,
                "--existing",
                "overwrite",
                "-o",
                str(where),
            ]
            times[way] = median_wall([command, "vary", picture, "--mask", mask, *flags, *more])
        same = same_files(folder / "0", folder / "1")
    print(f"{f'{COUNT} pictures, {STEPS} steps, {model}':34}{'seconds':>8}")
    for way, seconds in times.items():
        print(f"{way:34}{seconds:8.2f}")
    print(f"the same files: {'yes' if same else 'NO'}")


if __name__ == "__main__":
    tyro.cli(main, description=__doc__)
