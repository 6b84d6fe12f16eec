"""Nothing that a browser sends to gradio names a file of the server."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.testclient import TestClient

from gencontrol.studio.page.build import studio_serving
from gencontrol.studio.page.sealed import API, MOST, UPLOAD, Sealed, names_others
from gencontrol.studio.settings import StudioSettings

FILE = {"path": "/etc/hostname", "meta": {"_type": "gradio.FileData"}}


@pytest.fixture
def client(tmp_path: Path) -> TestClient:
    """Of an application that says what it was given."""

    async def told(request: Request) -> Response:
        return JSONResponse({"body": (await request.body()).decode("utf-8", "replace")})

    return TestClient(
        Sealed(Starlette(routes=[Route("/{rest:path}", told, methods=["GET", "POST"])]), tmp_path / "served")
    )


@pytest.mark.parametrize(
    "data",
    [
        [FILE],
        ["a", 3, [[{"inner": [FILE]}]]],
        [{"path": "/etc/hostname"}],
        [{"url": "http://example.org/x"}],
        {"key": FILE},
        FILE,
    ],
)
def test_files_that_are_named_are_refused(client: TestClient, data: Any) -> None:
    for path in ("queue/join", "run/look", "api/look", "call/look", "component_server"):
        answer = client.post(f"{API}{path}", json={"data": data, "session_hash": "x"})
        assert (answer.status_code, answer.text) == (403, "The page names no files but what it has sent.\n"), path
    # However it is written.
    escaped = json.dumps({"data": data}).replace("path", "\\u0070ath").replace("url", "\\u0075rl")
    assert client.post(f"{API}queue/join", content=escaped).status_code == 403
    assert client.post(f"{API}queue/join", content=json.dumps({"data": data}).encode("utf-16")).status_code == 403


@pytest.mark.parametrize("body", [b'{"data": [', b"[" * 300_000, b"\xff\xfe\x00", b'[{"path": "x"}]'])
def test_what_is_no_request_of_the_page_is_refused(body: bytes, client: TestClient) -> None:
    assert names_others(body, Path("/x")) and client.post(f"{API}queue/join", content=body).status_code == 403


def test_what_the_page_sends_arrives_as_it_is(client: TestClient) -> None:
    sent = {"data": ["session", "[]", 0.5, None, {"name": "x"}, ["path"]], "event_data": {"value": FILE}}
    for asked in (sent, {}, {"session_hash": "x"}):
        text = json.dumps(asked)
        assert client.post(f"{API}queue/join", content=text).json() == {"body": text}
    assert client.post(f"{API}cancel", content="").json() == {"body": ""}
    # Elsewhere, and with other methods, it is not looked at.
    assert client.post("/studio/x/picture", content=b"{").json() == {"body": "{"}
    assert client.get(f"{API}info").status_code == 200


def test_what_was_sent_is_named_by_its_place(client: TestClient, tmp_path: Path) -> None:
    (tmp_path / "served" / "1f").mkdir(parents=True)
    (tmp_path / "secret").touch()
    (tmp_path / "served" / "link").symlink_to(tmp_path / "secret")

    def answered(path: object) -> int:
        data = [{"path": path, "meta": {"_type": "gradio.FileData"}}]
        return client.post(f"{API}queue/join", json={"data": data}).status_code

    assert answered(f"{tmp_path}/served/1f/scene.safetensors") == 200
    for path in ("secret", "served", "served/../secret", "served/link", "served/1f/../../secret"):
        assert answered(f"{tmp_path}/{path}") == 403, path
    for odd in ("served/x", "http://example.org/served/x", 3, None, ["a"], "/" + "x" * 5000, "/a\0b"):
        assert answered(odd) == 403, odd
    assert client.post(UPLOAD, content=b"anything").json() == {"body": "anything"}


def test_nothing_is_endless(client: TestClient) -> None:
    full = b'{"data": ["' + b"x" * (MOST - 14) + b'"]}'
    assert len(full) == MOST
    assert client.post(f"{API}queue/join", content=full).status_code == 200
    answer = client.post(f"{API}queue/join", content=full + b" ")
    assert (answer.status_code, answer.text) == (413, "That is more than the page sends.\n")


def test_what_gradio_is_sent_is_bounded_altogether(client: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gencontrol.studio.page.sealed.MOST_SENT", 10)
    for _ in range(3):
        # The first that is beyond it still passes, gradio bounds each file.
        answer = client.post(UPLOAD, content=b"12345")
        assert answer.status_code == 200
    answer = client.post(UPLOAD, content=b"")
    assert (answer.status_code, answer.text) == (413, "So much was sent that no more is taken: start it again.\n")
    assert client.post(f"{API}queue/join", content=b"{}").status_code == 200


def test_the_page_is_sealed_before_it_is_served(pool: Any, tiny_folder: Path, tmp_path: Path, monkeypatch) -> None:
    from fastapi import FastAPI

    @contextmanager
    def serving(settings: Any, **how: Any) -> Iterator[Any]:
        yield how["page"](FastAPI(), pool)

    monkeypatch.setattr("gencontrol.studio.page.build.serving", serving)
    # A page that is made and never served leaves gradio's event loop open.
    monkeypatch.setattr("gencontrol.studio.page.build.make_page", lambda *parts, **how: None)
    monkeypatch.setattr("gencontrol.studio.page.build.mount", lambda app, blocks, passwords: app)
    settings = StudioSettings(model=str(tiny_folder), output=str(tmp_path / "made"))
    with studio_serving(settings) as app:
        assert isinstance(app, Sealed)
        # Refused before gradio sees it; what lies where gradio puts what it is sent would pass.
        answer = TestClient(app).post(f"{API}queue/join", json={"data": [{"path": str(tmp_path / "secret.txt")}]})
        assert answer.status_code == 403
        assert app._folder == (tmp_path / "made" / "served").resolve()
