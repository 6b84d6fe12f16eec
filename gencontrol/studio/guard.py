"""Who may use a server: this machine's own pages and programs, with the token of this start.

A page of another site can send requests to any address of this machine, and with a name of its own that leads there
(DNS rebinding) read the answers too: so the names that a request gives for host and origin are checked, before the
token is. Pure ASGI, for it stands before streams.
"""

import asyncio
import hmac
from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from contextlib import suppress
from dataclasses import dataclass
from http.cookies import CookieError, SimpleCookie
from typing import Any
from urllib.parse import parse_qsl, urlencode

from gencontrol.studio.settings import LARGEST_UPLOAD

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

TOKEN = "token"
"""The part of the address that holds the token."""
PROGRAMS = "/api/"
"""What the paths begin with that are for programs."""
_UNKNOWN = (
    "This server is for who started it: open the address that `gencontrol studio` has printed; a program gives the "
    "token that is in the server's file, as `Authorization: Bearer TOKEN`."
)
"""What is said to who has no token, of a page or of a server without one."""
_ROOM = 2**20
"""Bytes that a request may have beside a file: names, and the frame around it."""
# No page, font, script or picture comes from elsewhere, and nothing goes there. Gradio writes styles and scripts into
# its page, and makes functions of text.
_POLICY = (
    "default-src 'self'; script-src 'self' 'unsafe-inline' 'unsafe-eval' blob:; style-src 'self' 'unsafe-inline'; "
    "img-src 'self' data: blob:; media-src 'self' data: blob:; font-src 'self' data:; worker-src 'self' blob:; "
    "connect-src 'self' data: blob:; frame-ancestors 'none'; base-uri 'self'; form-action 'self'; object-src 'none'"
)
_HEADERS = (
    (b"content-security-policy", _POLICY.encode()),
    (b"x-content-type-options", b"nosniff"),
    (b"x-frame-options", b"DENY"),
    (b"referrer-policy", b"no-referrer"),
)


@dataclass(frozen=True, kw_only=True)
class Rules:
    """What a guard lets pass."""

    token: str
    """Of this start."""
    hosts: frozenset[str] | None
    """Names, with the port, by which the server may be called; None is any."""
    cookie: str = "gencontrol"
    """What the cookie is called that carries the token on; of each port another, for cookies know no ports."""
    open_paths: frozenset[str] = frozenset()
    """What is answered without a token."""
    passworded: bool = False
    """Whether visitors give a password, which the page asks for, in the place of the token. Programs do not."""

    def lets_in(self, path: str) -> bool:
        """Whether a path wants no token."""
        return path in self.open_paths or (self.passworded and not path.startswith(PROGRAMS))


@dataclass(frozen=True, kw_only=True)
class Refused:
    """Why a request is not let in."""

    status: int
    """By HTTP."""
    reason: str
    """In a line."""


class Guard:
    """Stands before an application."""

    def __init__(self, app: App, rules: Rules):
        """The application gets what the rules let pass."""
        self._app, self._rules = app, rules

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let a request in, or answer it."""
        if scope["type"] not in ("http", "websocket"):
            await self._app(scope, receive, send)
            return
        headers = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in scope["headers"]}
        refused = check_request(headers, self._rules) or self._too_large(headers)
        if refused is not None:
            await _answer(scope, send, refused.status, text=refused.reason)
        elif self._rules.lets_in(scope["path"]) or is_known(headers, self._rules):
            # Only a server that ends cancels what still runs, and it tells of each by a traceback.
            with suppress(asyncio.CancelledError):
                await self._app(scope, receive, _with_headers(send))
        elif scope["type"] == "http" and _same(self._rules.token, _asked(scope).get(TOKEN)):
            await self._welcome(scope, send)
        else:
            await _answer(scope, send, 403, text=_UNKNOWN)

    @staticmethod
    def _too_large(headers: Mapping[str, str]) -> Refused | None:
        length = headers.get("content-length", "0")
        most = LARGEST_UPLOAD + _ROOM
        if length.isdecimal() and len(length) < 20 and int(length) <= most:
            return None
        return Refused(status=413, reason=f"The file is larger than {LARGEST_UPLOAD // 2**20} MB: scale it down first.")

    async def _welcome(self, scope: Scope, send: Send) -> None:
        """Put the token into a cookie, and take it out of the address."""
        left = urlencode([(name, value) for name, value in _asked(scope).items() if name != TOKEN])
        place = scope["path"] + (f"?{left}" if left else "")
        cookie = f"{self._rules.cookie}={self._rules.token}; Path=/; HttpOnly; SameSite=Strict"
        # Not //elsewhere, which would be another host.
        headers = ((b"location", ("/" + place.lstrip("/")).encode()), (b"set-cookie", cookie.encode()))
        await _answer(scope, send, 303, headers=headers)


def check_request(headers: Mapping[str, str], rules: Rules) -> Refused | None:
    """Whether a request names the server as it is called, and comes from one of its own pages.

    Args:
        headers: By their names in small letters.
        rules: The server's.

    Returns:
        Why it does not; None if it does.
    """
    host = headers.get("host", "")
    if rules.hosts is not None and host.lower() not in rules.hosts:
        return Refused(status=421, reason="This server is not called so: use the address that it has printed.")
    origin = headers.get("origin")
    if origin is not None and origin.lower() not in (f"http://{host}".lower(), f"https://{host}".lower()):
        return Refused(status=403, reason="A page of another site may not use this server.")
    if headers.get("sec-fetch-site") == "cross-site" and headers.get("sec-fetch-mode") != "navigate":
        return Refused(status=403, reason="A page of another site may not use this server.")
    return None


def is_known(headers: Mapping[str, str], rules: Rules) -> bool:
    """Whether a request has the token, as a cookie or as a bearer's."""
    kind, _, bearer = headers.get("authorization", "").partition(" ")
    if kind.lower() == "bearer" and _same(rules.token, bearer.strip()):
        return True
    try:
        cookie = SimpleCookie(headers.get("cookie", "")).get(rules.cookie)
    except CookieError:
        return False
    return cookie is not None and _same(rules.token, cookie.value)


def _same(token: str, given: str | None) -> bool:
    # In bytes: of text, only ASCII can be compared so.
    return given is not None and hmac.compare_digest(token.encode(), given.encode("utf-8", "surrogateescape"))


def _asked(scope: Scope) -> dict[str, str]:
    return dict(parse_qsl(scope.get("query_string", b"").decode("latin-1"), keep_blank_values=True))


def _with_headers(send: Send) -> Send:
    async def sending(message: MutableMapping[str, Any]) -> None:
        if message["type"] == "http.response.start":
            message = {**message, "headers": [*message.get("headers", []), *_HEADERS]}
        await send(message)

    return sending


async def _answer(
    scope: Scope, send: Send, status: int, *, text: str = "", headers: tuple[tuple[bytes, bytes], ...] = ()
) -> None:
    if scope["type"] == "websocket":
        await send({"type": "websocket.close", "code": 1008, "reason": text[:100]})
        return
    plain = (b"content-type", b"text/plain; charset=utf-8")
    # What was sent is not read to its end, so the line is closed.
    closing = (b"connection", b"close")
    await send({"type": "http.response.start", "status": status, "headers": [plain, closing, *headers, *_HEADERS]})
    await send({"type": "http.response.body", "body": f"{text}\n".encode()})
