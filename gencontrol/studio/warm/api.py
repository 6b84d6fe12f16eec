"""The JSON interface of a server: `gencontrol vary --server auto` uses it, and so may any program of the same user.

    GET  /api/v1/proof?question=TEXT   {"proof": ...}: HMAC-SHA256 of the text under the token. Needs no token.
    GET  /api/v1/about                 {"version": ..., "model": ...}
    POST /api/v1/vary                  {"settings": {...}, "folder": "/where/relative/paths/begin"}
    POST /api/v1/score                 {"settings": {...}, "texts": ["a cat", ...], "folder": ...}

Settings are those of `gencontrol vary`, by name, as in a file of settings. The answer to a POST is a line of JSON for
each thing that happens, of the `kind` planned, step, warning, and at last done or error. Whoever closes the connection
ends the run. All but the first want `Authorization: Bearer TOKEN`; the token is in the file `server.json` of
`$XDG_RUNTIME_DIR/gencontrol` or `~/.cache/gencontrol`, which only its owner can read.

`gencontrol serve` has the two POSTs for gradio_client as well, which wait for the end and give what `done` says:

    client = Client("http://127.0.0.1:PORT/gradio/", headers={"Authorization": "Bearer TOKEN"})
    client.predict({"images": ["/tmp/a.png"], "output": "/tmp/out"}, "/tmp", api_name="/vary")["outputs"]
"""

import json
import threading
from collections.abc import AsyncIterator, Iterator, Mapping
from typing import Any

from starlette.concurrency import iterate_in_threadpool
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route

from gencontrol.studio.warm.registry import Address, proof
from gencontrol.studio.warm.worker import Runner
from gencontrol.text_files import json_value

PROOF = "/api/v1/proof"
"""What is answered without a token: the answer tells nothing of it."""
_LARGEST = 2**20
"""Bytes of a request: settings are short."""


def api_routes(pool: Runner, address: Address, *, model: str) -> list[Route]:
    """The interface's routes.

    Args:
        pool: What carries runs out.
        address: The server's own.
        model: What it opened at its start.
    """

    async def prove(request: Request) -> Response:
        question = request.query_params.get("question", "")
        if not 8 <= len(question) <= 200:
            return _refuse("expected a `question` of 8 to 200 characters.")
        return JSONResponse({"proof": proof(address.token, question)})

    async def about(request: Request) -> Response:
        return JSONResponse({"version": address.version, "model": model})

    async def vary(request: Request) -> Response:
        return await _run(request, pool, {"do": "vary", "from_picture": None, "previews": None})

    async def score(request: Request) -> Response:
        return await _run(request, pool, {"do": "score"})

    return [
        Route(PROOF, prove),
        Route("/api/v1/about", about),
        Route("/api/v1/vary", vary, methods=["POST"]),
        Route("/api/v1/score", score, methods=["POST"]),
    ]


def _refuse(reason: str) -> Response:
    return JSONResponse({"error": reason}, status_code=400)


async def _run(request: Request, pool: Runner, job: Mapping[str, Any]) -> Response:
    content = bytearray()
    try:
        async for chunk in request.stream():
            content += chunk
            if len(content) > _LARGEST:
                return _refuse("the request is too long.")
    except ClientDisconnect:
        return _refuse("the request was cut off.")
    try:
        said = json_value(bytes(content))
    except ValueError:
        said = None
    amiss = wrong(said, texts=job["do"] == "score")
    if amiss is not None or said is None:
        return _refuse(amiss or "expected JSON.")
    kept = {name: said[name] for name in ("settings", "texts") if name in said}
    lines = _lines(pool, {**job, "folder": said.get("folder"), **kept})
    return StreamingResponse(lines, media_type="application/x-ndjson")


def wrong(said: Any, *, texts: bool) -> str | None:
    """What is wrong with a request, in words; None where nothing is.

    Args:
        said: What came, as JSON has it.
        texts: Whether there have to be some.
    """
    if not isinstance(said, dict) or not isinstance(said.get("settings"), dict):
        return "expected an object with `settings`, as JSON."
    if not isinstance(said.get("folder"), str | None):
        return "`folder`: expected a path."
    listed = said.get("texts")
    if texts and not (isinstance(listed, list) and all(isinstance(text, str) for text in listed)):
        return "`texts`: expected a list of texts."
    return None


async def _lines(pool: Runner, job: Mapping[str, Any]) -> AsyncIterator[bytes]:
    cancelled = threading.Event()

    def lines() -> Iterator[bytes]:
        for message in pool.run(job, cancelled):
            yield json.dumps(message).encode() + b"\n"

    try:
        async for line in iterate_in_threadpool(lines()):
            yield line
    finally:
        # The connection is closed before the run is over: nobody waits for it.
        cancelled.set()
