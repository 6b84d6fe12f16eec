"""What gradio takes from a browser, less the ways to name a file of the server.

Mounted into an application, gradio does not check where a file lies that a request names as its input: it copies it to
where it serves files from, or fetches it, before any code of ours runs. So a visitor could read every file of the
server. Here only what was sent to gradio is named, by the place that it was given. Pure ASGI, for it stands before
streams.
"""

from collections.abc import MutableMapping
from pathlib import Path
from typing import Any

from starlette.responses import PlainTextResponse

from gencontrol.files import resolved
from gencontrol.studio.guard import App, Receive, Scope, Send
from gencontrol.studio.scene.marks import LONGEST_SCENE
from gencontrol.text_files import json_value

API = "/gradio_api/"
"""What the paths begin with that gradio answers."""
UPLOAD = f"{API}upload"
"""Where it is sent files, which it bounds itself."""
MOST = 2 * LONGEST_SCENE
"""Bytes of a request to it: a scene, and the controls."""
MOST_SENT = 4 * 2**30
"""Bytes of everything that gradio is sent while a server runs: scenes, which are few and small."""
_NAMING = frozenset({"path", "url", "meta"})
"""Keys of an object that names a file; gradio reads the first."""


class Sealed:
    """Stands before an application with gradio's page in it."""

    def __init__(self, app: App, folder: Path):
        """The application gets what names no file outside of a folder, where gradio puts what it is sent."""
        self._app, self._folder, self._sent = app, resolved(folder), 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let a request in, or answer it."""
        path = scope["path"] if scope["type"] == "http" and scope["method"] == "POST" else ""
        if path.startswith(UPLOAD):
            if self._sent > MOST_SENT:
                await _answer(scope, receive, send, 413, "So much was sent that no more is taken: start it again.")
                return
            receive = self._counting(receive)
        if not path.startswith(API) or path.startswith(UPLOAD):
            await self._app(scope, receive, send)
            return
        body = await _read(receive)
        if body is None:
            await _answer(scope, receive, send, 413, "That is more than the page sends.")
        elif names_others(body, self._folder):
            await _answer(scope, receive, send, 403, "The page names no files but what it has sent.")
        else:
            await self._app(scope, _again(body, receive), send)

    def _counting(self, receive: Receive) -> Receive:
        async def receiving() -> MutableMapping[str, Any]:
            message = await receive()
            self._sent += len(message.get("body", b""))
            return message

        return receiving


def names_others(body: bytes, folder: Path) -> bool:
    """Whether a request's JSON has an object in its `data` that names a file elsewhere, or is none that can be read.

    Args:
        body: The request.
        folder: Where a file may lie, without links.
    """
    try:
        asked = json_value(body) if body.strip() else {}
        waiting = [asked.get("data")] if isinstance(asked, dict) else [asked]
    except ValueError:
        return True
    while waiting:
        value = waiting.pop()
        if isinstance(value, dict):
            if _NAMING & value.keys() and not _lies_in(value.get("path"), folder):
                return True
            waiting.extend(value.values())
        elif isinstance(value, list):
            waiting.extend(value)
    return False


def _lies_in(path: Any, folder: Path) -> bool:
    if not isinstance(path, str) or not Path(path).is_absolute():
        return False
    try:
        return folder in resolved(Path(path)).parents
    except (OSError, ValueError):
        return False


async def _read(receive: Receive) -> bytes | None:
    """The whole of what is sent; None if it is too long, or broken off."""
    parts, size, more = [], 0, True
    while more:
        message = await receive()
        part = message.get("body", b"")
        size, more = size + len(part), message.get("more_body", False)
        if message["type"] != "http.request" or size > MOST:
            return None
        parts.append(part)
    return b"".join(parts)


def _again(body: bytes, receive: Receive) -> Receive:
    """Gives what was read, and then whatever else comes, as the end of the line."""
    left = [{"type": "http.request", "body": body, "more_body": False}]

    async def receiving() -> MutableMapping[str, Any]:
        return left.pop() if left else await receive()

    return receiving


async def _answer(scope: Scope, receive: Receive, send: Send, status: int, text: str) -> None:
    await PlainTextResponse(f"{text}\n", status_code=status)(scope, receive, send)
