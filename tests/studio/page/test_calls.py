"""Programs of gradio_client, over a real socket, with the model in this process."""

import asyncio
import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import uvicorn

from gencontrol.studio.guard import Guard, Rules
from gencontrol.studio.page.calls import PLACE, calls_serving, mount_calls
from gencontrol.studio.settings import ServingSettings


@pytest.fixture
def address(pool: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """Of a server that wants the token `secret`."""
    from fastapi import FastAPI

    async def build(rules: Rules) -> Any:
        # gradio, where no event loop runs, makes one for each of its locks and closes none of them.
        return Guard(mount_calls(FastAPI(), pool), rules)

    monkeypatch.setenv("GRADIO_ANALYTICS_ENABLED", "False")
    monkeypatch.setenv("GRADIO_TEMP_DIR", str(tmp_path / "gradio"))
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        port = listening.getsockname()[1]
        rules = Rules(token="secret", hosts=frozenset({f"127.0.0.1:{port}"}))
        app = asyncio.run(build(rules))
        server = uvicorn.Server(uvicorn.Config(app, log_level="error"))
        thread = threading.Thread(target=lambda: server.run(sockets=[listening]), daemon=True)
        thread.start()
        while not server.started:
            time.sleep(0.01)
        yield f"http://127.0.0.1:{port}{PLACE}/"
        server.should_exit = True
        thread.join(timeout=10)


def test_gradio_client_has_pictures_drawn(address: str, photo: Path, mask: Path, tiny_folder: Path) -> None:
    from gradio_client import Client
    from gradio_client.exceptions import AppError

    # Paths that come back are of files that lie here already.
    how: Any = {"verbose": False, "analytics_enabled": False, "download_files": False}
    client = Client(address, headers={"Authorization": "Bearer secret"}, **how)
    settings = {"images": ["photo.png"], "mask": ["left.png"], "model": str(tiny_folder), "steps": 2, "number": 2}
    folder = str(photo.parent)
    done = client.predict(settings | {"output": "drawn"}, folder, api_name="/vary")
    assert [output["path"] for output in done["outputs"]] == ["drawn/photo-0.png", "drawn/photo-1.png"]
    assert (photo.parent / "drawn" / "photo-1.png").is_file() and done["warnings"] == []
    (row,) = client.predict(settings, ["a cat", "a dog"], folder, api_name="/score")["rows"]
    assert row["region"] == "left" and sum(row["shares"]) == pytest.approx(1)
    for call, said in (
        (({"stpes": 3}, folder), "unknown key 'stpes'"),
        ((settings | {"output": "drawn"}, folder), "photo-0.png and 1 more exist already"),
    ):
        with pytest.raises(AppError, match=said):
            client.predict(*call, api_name="/vary")


def test_without_the_token_nothing_is_called(address: str) -> None:
    from gradio_client import Client

    with pytest.raises(Exception, match=r"403|Could not fetch config"):
        Client(address, verbose=False, analytics_enabled=False)


def test_a_server_for_programs_has_the_calls(monkeypatch: pytest.MonkeyPatch) -> None:
    from contextlib import contextmanager

    asked = []

    @contextmanager
    def serving(settings: Any, **how: Any) -> Iterator[str]:
        import os

        asked.append((settings, how, Path(os.environ["GRADIO_TEMP_DIR"])))
        yield "ready"

    monkeypatch.setattr("gencontrol.studio.page.calls.serving", serving)
    settings = ServingSettings(port=0)
    with calls_serving(settings) as ready:
        assert ready == "ready"
        ((given, how, folder),) = asked
        assert given is settings and how == {"page": mount_calls} and folder.is_dir()
    assert not folder.exists()
