"""Who may use a server."""

import asyncio
from typing import Any

import pytest

from gencontrol.studio.guard import Guard, Rules
from gencontrol.studio.settings import LARGEST_UPLOAD

RULES = Rules(
    token="secret",
    hosts=frozenset({"127.0.0.1:7860", "localhost:7860"}),
    cookie="c",
    open_paths=frozenset({"/api/open"}),
)
PASSWORDED = Rules(token="secret", hosts=None, passworded=True)
GOOD = {"host": "127.0.0.1:7860", "authorization": "Bearer secret"}


async def _inside(scope: Any, receive: Any, send: Any) -> None:
    await send({"type": "http.response.start", "status": 200, "headers": [(b"x-inside", b"yes")]})
    await send({"type": "http.response.body", "body": b"inside"})


def ask(headers: dict[str, str], *, path: str = "/", query: str = "", rules: Rules = RULES, kind: str = "http") -> Any:
    """The first message of the answer."""
    sent: list[Any] = []

    async def send(message: Any) -> None:
        sent.append(message)

    async def receive() -> Any:
        return {"type": "http.request"}

    raw = [(name.encode(), value.encode("latin-1")) for name, value in headers.items()]
    scope = {"type": kind, "path": path, "query_string": query.encode(), "headers": raw}
    asyncio.run(Guard(_inside, rules)(scope, receive, send))
    return sent[0] | {"text": b"".join(message.get("body", b"") for message in sent[1:]).decode()}


def status(headers: dict[str, str], **more: Any) -> int:
    return ask(headers, **more)["status"]


def test_who_has_the_token_is_let_in_as_bearer_or_with_the_cookie() -> None:
    assert status(GOOD) == 200
    assert status({"host": "LOCALHOST:7860", "cookie": "a=b; c=secret"}) == 200
    for wrong in ({"authorization": "Bearer secre"}, {"authorization": "Basic secret"}, {"cookie": "d=secret"}, {}):
        assert status({"host": "127.0.0.1:7860", **wrong}) == 403, wrong
    assert status({"host": "127.0.0.1:7860", "cookie": "c=\xff"}) == 403


def test_the_address_with_the_token_becomes_a_cookie_and_one_without() -> None:
    answer = ask({"host": "127.0.0.1:7860"}, path="//evil.example/x", query="token=secret&a=b")
    headers = dict(answer["headers"])
    assert answer["status"] == 303
    assert headers[b"location"] == b"/evil.example/x?a=b"
    assert headers[b"set-cookie"] == b"c=secret; Path=/; HttpOnly; SameSite=Strict"
    assert status({"host": "127.0.0.1:7860"}, query="token=wrong") == 403


@pytest.mark.parametrize(
    "host", ["evil.example:7860", "127.0.0.1:7861", "127.0.0.1", "", "127.0.0.1:7860.evil.example"]
)
def test_a_server_that_is_called_otherwise_does_not_answer(host: str) -> None:
    answer = ask(GOOD | {"host": host})
    assert answer["status"] == 421 and "use the address that it has printed" in answer["text"]


@pytest.mark.parametrize(
    "origin", ["http://evil.example", "null", "http://127.0.0.1:7861", "file://", "ws://127.0.0.1:7860"]
)
def test_a_page_of_another_site_may_not_use_it(origin: str) -> None:
    answer = ask(GOOD | {"origin": origin})
    assert answer["status"] == 403 and "A page of another site" in answer["text"]
    assert ask(GOOD | {"origin": origin}, kind="websocket")["type"] == "websocket.close"
    assert status({"host": "127.0.0.1:7860", "origin": origin}, path="/api/open") == 403


def test_its_own_pages_may() -> None:
    assert status(GOOD | {"origin": "http://127.0.0.1:7860", "sec-fetch-site": "same-origin"}) == 200
    assert status(GOOD | {"sec-fetch-site": "cross-site", "sec-fetch-mode": "navigate"}) == 200
    assert status(GOOD | {"sec-fetch-site": "cross-site", "sec-fetch-mode": "no-cors"}) == 403


def test_what_is_open_wants_no_token_and_programs_always_do() -> None:
    assert status({"host": "127.0.0.1:7860"}, path="/api/open") == 200
    assert status({"host": "any.example"}, rules=PASSWORDED) == 200
    assert status({"host": "any.example"}, rules=PASSWORDED, path="/api/v1/vary") == 403
    assert status({"host": "any.example", "origin": "http://other.example"}, rules=PASSWORDED) == 403
    assert (
        status({"host": "any.example", "authorization": "Bearer secret"}, rules=PASSWORDED, path="/api/v1/vary") == 200
    )


def test_what_is_too_large_is_refused_before_it_is_sent() -> None:
    assert status(GOOD | {"content-length": str(LARGEST_UPLOAD)}) == 200
    for length in (str(LARGEST_UPLOAD + 2**20 + 1), "9" * 30, "-1", "x"):
        answer = ask(GOOD | {"content-length": length})
        assert answer["status"] == 413 and "larger than 64 MB" in answer["text"], length


def test_every_answer_keeps_browsers_from_going_elsewhere() -> None:
    for answer in (ask(GOOD), ask({})):
        headers = dict(answer["headers"])
        policy = headers[b"content-security-policy"].decode()
        assert "default-src 'self'" in policy and "frame-ancestors 'none'" in policy and "http" not in policy
        assert headers[b"x-content-type-options"] == b"nosniff" and headers[b"referrer-policy"] == b"no-referrer"
    assert dict(ask(GOOD)["headers"])[b"x-inside"] == b"yes"


def test_what_a_server_that_ends_cancels_is_no_error() -> None:
    async def cancelled(scope: Any, receive: Any, send: Any) -> None:
        raise asyncio.CancelledError

    async def receive() -> Any:
        return {"type": "http.disconnect"}

    async def send(message: Any) -> None:
        raise AssertionError(message)

    scope = {
        "type": "http",
        "path": "/",
        "query_string": b"",
        "headers": [(k.encode(), v.encode()) for k, v in GOOD.items()],
    }
    asyncio.run(Guard(cancelled, RULES)(scope, receive, send))
