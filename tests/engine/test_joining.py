"""Joining a cluster: addresses, what answers there, and what is left as it was."""

import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from gencontrol.engine import joining
from gencontrol.engine.joining import AUTO, LOCAL, check_address, in_one_line, joined
from gencontrol.errors import ConfigError, InputError, MissingDependencyError

SETTINGS = bytes((0, 0, 0, 4, 0, 0, 0, 0, 0))


@pytest.fixture
def fake(fake_ray: ModuleType, monkeypatch: pytest.MonkeyPatch) -> Any:
    """A cluster in Ray's place."""
    made = fake_ray.Fake()
    for name, module in made.module().items():
        monkeypatch.setitem(sys.modules, name, module)
    for name in [name for name in os.environ if name.startswith("RAY_")]:
        monkeypatch.delenv(name)
    return made


@contextmanager
def answering(answer: Callable[[socket.socket], object]) -> Iterator[str]:
    """Something that listens; its address."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve() -> None:
            connection, _ = server.accept()
            with connection:
                answer(connection)

        thread = threading.Thread(target=serve)
        thread.start()
        try:
            yield f"127.0.0.1:{server.getsockname()[1]}"
        finally:
            thread.join()


@pytest.mark.parametrize("address", [LOCAL, AUTO, "10.0.0.1:6379", "head:1", "a.b-c.org:65535", "[::1]:6379"])
def test_addresses(address: str) -> None:
    check_address(address)


@pytest.mark.parametrize(
    "address", ["head", "head:", ":6379", "head:0", "head:65536", "head:x", "ray://head:1", "head:1/", "a b:1", "LOCAL"]
)
def test_what_is_no_address(address: str) -> None:
    with pytest.raises(ConfigError, match=r"`cluster`: expected HOST:PORT .*, auto .*, or local .*, got '"):
        check_address(address)


def test_without_ray_it_is_said_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(MissingDependencyError, match=r"run `pip install 'gencontrol\[cluster\]'`, or leave `cluster`"):
        joined(LOCAL, 2).__enter__()


def test_nothing_of_ray_is_loaded_before_it_is_asked_for() -> None:
    code = "import sys, gencontrol.engine.cluster, gencontrol.cli.data.pairs; assert 'ray' not in sys.modules"
    subprocess.run((sys.executable, "-c", code), check=True)


def test_a_local_cluster_is_this_machine_s_alone(fake: Any, capsys: pytest.CaptureFixture[str]) -> None:
    at_term = signal.getsignal(signal.SIGTERM)
    before = dict(os.environ)
    with joined(LOCAL, None) as ray:
        assert ray is sys.modules["ray"] and fake.is_there
        (how,) = fake.joined
        folder = Path(how.pop("_temp_dir"))
        assert folder.is_dir() and folder.name.startswith("gencontrol-ray-")
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
    assert len(how["key"]) == 64 and int(how["key"], 16)
    assert how == {
        "address": "local",
        "num_cpus": len(os.sched_getaffinity(0)),
        "include_dashboard": False,
        "object_store_memory": 80 * 2**20,
        "usage": "0",
        "key": how["key"],
    }
    assert not fake.is_there and not folder.exists()
    assert dict(os.environ) == before and signal.getsignal(signal.SIGTERM) == at_term
    # Results go to standard output, Ray's words do not.
    said = capsys.readouterr()
    assert said.out == "" and said.err == "words of Ray\n"
    with joined(LOCAL, 3):
        assert fake.joined[1]["num_cpus"] == 3 and fake.joined[1]["key"] == how["key"]


def test_who_has_a_key_keeps_it(fake: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RAY_AUTH_TOKEN_PATH", "/key")
    monkeypatch.setenv("PYTHONBREAKPOINT", "mine")
    with joined(LOCAL, 1):
        assert fake.joined[0]["key"] is None
    assert os.environ["PYTHONBREAKPOINT"] == "mine" and os.environ["RAY_AUTH_TOKEN_PATH"] == "/key"


def test_a_long_folder_for_temporary_files_is_not_taken(fake: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(joining.tempfile, "gettempdir", lambda: "/x" * 13)
    with joined(LOCAL, 1):
        assert Path(fake.joined[0]["_temp_dir"]).parent == Path("/tmp")


def test_a_slow_machine_is_tried_again_and_what_was_begun_is_ended(fake: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    begun: list[subprocess.Popen[bytes]] = []
    other = subprocess.Popen((sys.executable, "-c", "input()"), stdin=subprocess.PIPE)
    whole = fake.init

    def init(**how: Any) -> None:
        begun.append(subprocess.Popen((sys.executable, "-c", "input()", how["_temp_dir"]), stdin=subprocess.PIPE))
        whole(**how)

    monkeypatch.setattr(sys.modules["ray"], "init", init)
    fake.refusals = [Exception("timed out"), Exception("timed out")]
    with joined(LOCAL, 1):
        assert len(fake.joined) == 3 and [one.wait(10) for one in begun[:2]] == [-9, -9]
        assert begun[2].poll() is None and other.poll() is None
    fake.refusals = [Exception("The node\n timed out.") for _ in range(3)]
    with pytest.raises(InputError, match=r"^Ray does not join the cluster local: The node timed out\.$"):
        joined(LOCAL, 1).__enter__()
    assert not fake.is_there and not fake.refusals
    for one in (*begun, other):
        one.kill()
        one.wait()
        assert one.stdin is not None
        one.stdin.close()


def test_a_cluster_that_is_there(fake: Any) -> None:
    with answering(lambda connection: connection.sendall(SETTINGS)) as address, joined(address, 5):
        (how,) = fake.joined
        assert how == {"address": address, "usage": "0", "key": None}
    with joined(AUTO, None):
        assert fake.joined[1]["address"] == AUTO
    fake.refusals = [ConnectionError("Could not find any running Ray instance.")]
    with pytest.raises(InputError, match=r"the cluster auto: Could not find any running Ray instance\.$"):
        joined(AUTO, None).__enter__()
    # Tried once: no cluster comes of trying.
    assert len(fake.joined) == 3
    fake.is_there = True
    with pytest.raises(InputError, match="has joined a cluster of Ray already"):
        joined(AUTO, None).__enter__()


def test_what_is_no_cluster(fake: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        closed = f"127.0.0.1:{server.getsockname()[1]}"
    with pytest.raises(InputError, match=rf"No cluster answers at {closed} \(Connection refused\): name HOST:PORT"):
        joined(closed, None).__enter__()
    heard: list[bytes] = []

    def as_web(connection: socket.socket) -> None:
        heard.append(connection.recv(99))
        connection.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")

    for answer in (as_web, lambda connection: connection.recv(99), lambda connection: connection.sendall(b"12\x04")):
        with answering(answer) as address, pytest.raises(InputError, match=f"at {address} is no cluster of Ray: name"):
            joined(address, None).__enter__()
    # As RFC 9113 has it: a preface, and settings.
    assert heard == [b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + SETTINGS]
    monkeypatch.setattr(joining, "_PATIENCE", 0.2)
    done = threading.Event()
    with answering(lambda connection: done.wait(10)) as address:
        with pytest.raises(InputError, match=rf"No cluster answers at {address} \(timed out\)"):
            joined(address, None).__enter__()
        done.set()
    assert not fake.joined


def test_words_in_one_line() -> None:
    def told(text: str) -> str:
        return in_one_line(ValueError(text))

    assert told("a\n\t b.") == "a b" and in_one_line(KeyError()) == "KeyError" and told("x" * 200) == "x" * 200
    # Of many the first and the last.
    assert told("x" * 99 + "  " + "y" * 101) == f"{'x' * 99} ... {'y' * 100}"
    ray = "The actor died.\n\tclass_name: Worker\n\tactor_id: 21b\n\tpid: 7\n\tnamespace: f\n\tip: 1.2.3.4\nIt is dead."
    assert told(ray) == "The actor died. It is dead"
