"""The interface for programs, and the program that uses it: over a real socket, with the model in this process."""

import asyncio
import http.client
import json
import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request

from gencontrol.cli.main import main
from gencontrol.errors import ConfigError, GencontrolError
from gencontrol.studio.guard import Guard, Rules
from gencontrol.studio.warm import client
from gencontrol.studio.warm.api import PROOF, _run, api_routes
from gencontrol.studio.warm.client import find_server, vary_there
from gencontrol.studio.warm.registry import Address, code_version, written_down


@pytest.fixture
def address(pool: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Address]:
    """A server of this test's own."""
    monkeypatch.delenv("XDG_RUNTIME_DIR", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        port = listening.getsockname()[1]
        here = Address(port=port, token="t" * 20, process=1, version="v")
        app = Starlette(routes=api_routes(pool, here, model="tiny"))
        rules = Rules(token=here.token, hosts=frozenset({f"127.0.0.1:{port}"}), open_paths=frozenset({PROOF}))
        server = uvicorn.Server(uvicorn.Config(Guard(app, rules), log_level="error"))  # pyright: ignore[reportArgumentType]
        thread = threading.Thread(target=lambda: server.run(sockets=[listening]), daemon=True)
        thread.start()
        while not server.started:
            time.sleep(0.01)
        # Others may be at work on the code while this runs.
        monkeypatch.setattr(client, "code_version", lambda: "v")
        with written_down(here):
            yield here
        server.should_exit = True
        thread.join(timeout=10)


def asked(
    address: Address, method: str, path: str, body: bytes | None = None, token: str | None = None
) -> tuple[int, str]:
    connection = http.client.HTTPConnection("127.0.0.1", address.port, timeout=60)
    headers = {} if token is None else {"Authorization": f"Bearer {token}"}
    connection.request(method, path, body=body, headers=headers)
    answer = connection.getresponse()
    text = answer.read().decode()
    connection.close()
    return answer.status, text


def test_a_server_is_found_only_if_it_proves_what_it_is(address: Address, monkeypatch: pytest.MonkeyPatch) -> None:
    assert find_server() == address
    monkeypatch.setattr(client, "proof", lambda token, question: "0" * 64)
    assert find_server() is None
    monkeypatch.undo()
    assert find_server() is None and code_version() != "v"


def test_a_stranger_on_its_port_gets_no_token(address: Address, monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        other.settimeout(10)
        monkeypatch.setattr(client, "_PATIENCE", 0.3)
        strange = Address(port=other.getsockname()[1], token="t" * 20, process=1, version="v")
        monkeypatch.setattr(client, "read_address", lambda: strange)
        assert find_server() is None
        line, _ = other.accept()
        assert b"ttt" not in line.recv(65536)
        line.close()


def test_all_but_the_proof_wants_the_token(address: Address) -> None:
    assert asked(address, "GET", "/api/v1/about")[0] == 403
    assert asked(address, "POST", "/api/v1/vary", b"{}", "wrong")[0] == 403
    assert json.loads(asked(address, "GET", "/api/v1/about", token=address.token)[1]) == {
        "version": "v",
        "model": "tiny",
    }
    assert asked(address, "GET", f"{PROOF}?question=short")[0] == 400


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b"", "expected an object with `settings`, as JSON."),
        (b"[1]", "expected an object with `settings`"),
        (b"[" * 100_000, "expected an object with `settings`"),
        (b'{"settings": 3}', "expected an object with `settings`"),
        (b'{"settings": {}, "folder": 3}', "`folder`: expected a path."),
        (b"x" * (2**20 + 1), "the request is too long."),
    ],
)
def test_what_is_no_request_is_refused(body: bytes, message: str, address: Address) -> None:
    status, text = asked(address, "POST", "/api/v1/vary", body, address.token)
    assert status == 400 and message in json.loads(text)["error"]
    wrong = b'{"settings": {}, "texts": [1]}'
    assert "list of texts" in asked(address, "POST", "/api/v1/score", wrong, address.token)[1]


@pytest.mark.usefixtures("mask", "photo", "address")
def test_the_command_makes_the_same_bytes_with_a_server_and_without(
    pool: Any,
    tiny_folder: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    common = ["vary", "photo.png", "--mask", "left.png", "--model", str(tiny_folder), "--steps", "2", "-n", "2"]
    jobs = len(pool.jobs)
    printed = {}
    for way, flags in {"warm": ["--server", "auto"], "cold": []}.items():
        assert main([*common, *flags, "-o", way, "--preview"]) == 0
        assert len(pool.jobs) == jobs + 1
        printed[way] = capsys.readouterr().out.replace(way, "")
    assert printed["warm"] == printed["cold"] and printed["warm"].count("wrote") == 3
    for path in (tmp_path / "cold").iterdir():
        assert (tmp_path / "warm" / path.name).read_bytes() == path.read_bytes()


def test_what_goes_wrong_there_is_told_as_here(
    address: Address, photo: Path, tiny_folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    common = ["vary", str(photo), "--model", str(tiny_folder), "-o", str(tmp_path / "o"), "--steps", "2", "-n", "1"]
    told = {}
    for way, flags in {"warm": ["--server", "auto"], "cold": []}.items():
        told[way] = (main([*common, *flags, "--strength", "3"]), capsys.readouterr().err)
        assert main([*common, *flags, "--strength", "0.5", "--existing", "overwrite"]) == 0
        told[way] += (capsys.readouterr().err,)
    assert told["warm"] == told["cold"] and told["warm"][0] == 2
    assert "--strength" in told["warm"][1] and "--strength can do nothing" in told["warm"][2]


def test_what_servers_do_not_do_is_done_here(
    address: Address, pool: Any, photo: Path, tiny_folder: Path, tmp_path: Path
) -> None:
    jobs = len(pool.jobs)
    common = ["vary", str(photo), "--model", str(tiny_folder), "--steps", "2", "-n", "1", "--server", "auto"]
    assert main([*common, "-o", str(tmp_path / "o"), "--dry-run"]) == 0
    assert len(pool.jobs) == jobs
    # Its own standard input is something else to a server.
    with photo.open("rb") as file:
        for number, name in enumerate((f"/dev/fd/{file.fileno()}", f"/proc/self/fd/{file.fileno()}")):
            assert main(["vary", name, *common[2:], "-o", str(tmp_path / f"o{number}.png")]) == 0
    assert len(pool.jobs) == jobs
    declined = vary_there(address, {"model": "flux-redux"}, folder=tmp_path, warned=lambda text: None)
    assert declined is None and len(pool.jobs) == jobs + 1


def test_errors_keep_their_class(address: Address, tmp_path: Path) -> None:
    how: Any = {"folder": tmp_path, "warned": lambda text: None}
    with pytest.raises(ConfigError, match="unknown key 'stpes'"):
        vary_there(address, {"stpes": 2}, **how)
    with pytest.raises(GencontrolError, match=r"refused the run: This server is for who started it.*Bearer TOKEN"):
        vary_there(Address(port=address.port, token="no", process=1, version="v"), {}, **how)
    with pytest.raises(GencontrolError, match="the server has gone"):
        vary_there(Address(port=1, token="no", process=1, version="v"), {}, **how)


def test_a_request_that_is_cut_off_is_no_error_of_the_server() -> None:
    parts = [{"type": "http.request", "body": b'{"sett', "more_body": True}, {"type": "http.disconnect"}]

    async def receive() -> Any:
        return parts.pop(0)

    request = Request({"type": "http", "method": "POST", "headers": []}, receive)
    answer = asyncio.run(_run(request, Never(), {"do": "score"}))
    assert answer.status_code == 400 and b"cut off" in bytes(answer.body)


class Never:
    """Carries out no run."""

    def run(self, job: Any, cancelled: threading.Event | None = None) -> Iterator[dict[str, Any]]:
        """Fail."""
        pytest.fail(f"{job} was carried out")
        yield {}
