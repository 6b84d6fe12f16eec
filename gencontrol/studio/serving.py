"""A server from its start to its end: a port of this machine, the processes that draw, and who may come."""

import os
import secrets
import socket
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from gencontrol.errors import ConfigError, MissingDependencyError
from gencontrol.studio.settings import LOOPBACK, ServingSettings
from gencontrol.studio.settings import check_serving as check_serving
from gencontrol.studio.warm.registry import Address, code_version, written_down

Page = Callable[[Any, Any], Any]
"""Given the application and what draws, puts a page into it, and gives it back."""
_GRACE = 2
"""Seconds that requests have at the end."""
_NEEDS = "the page and the server need the extra `studio`: pip install 'gencontrol[studio]'."


@dataclass(frozen=True, kw_only=True)
class Serving:
    """A server that is about to run."""

    address: str
    """What to open in a browser, token included."""
    run: Callable[[], None]
    """Runs it until Ctrl-C."""
    server: Any
    """uvicorn's own."""
    warm: Address
    """For programs."""


def check_extra() -> None:
    """Refuse to go on without what a server needs.

    Raises:
        MissingDependencyError: Says how to get it.
    """
    try:
        import gradio  # noqa: F401
        import uvicorn  # noqa: F401
    except ImportError as error:
        raise MissingDependencyError(f"{_NEEDS} ({error})") from error


def check_model(settings: ServingSettings) -> None:
    """Refuse a model that no run could use, by its configuration files and before a port is opened.

    Raises:
        CheckpointError: Nothing there, or broken.
        PairingError: A model that is no host.
    """
    from gencontrol.runs.asked import ask_host

    ask_host(settings.model, None, revision=None, offline=settings.offline)


def bind(host: str, port: int) -> socket.socket:
    """A socket that listens.

    Raises:
        ConfigError: A port that is taken, or an address that is not this machine's.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listening = socket.socket(family, socket.SOCK_STREAM)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listening.bind((host, port))
        # Until one listens, a second may be bound to the same port, and would fail long after a model was opened.
        listening.listen()
    except OSError as error:
        listening.close()
        raise ConfigError(
            f"`port` {port} of {host} cannot be had: {error.strerror or error}; give another, or 0 for any free one."
        ) from error
    return listening


def allowed_hosts(host: str, port: int) -> frozenset[str] | None:
    """The names by which requests may call a server; None is any, where it listens on all addresses."""
    if host in ("0.0.0.0", "::"):
        return None
    names = LOOPBACK if host in LOOPBACK else {host}
    return frozenset(f"[{name}]:{port}" if ":" in name else f"{name}:{port}" for name in names)


@contextmanager
def serving(
    settings: ServingSettings, *, host: str = "127.0.0.1", page: Page | None = None, passworded: bool = False
) -> Iterator[Serving]:
    """A server that is ready to run; within the block its processes draw.

    Args:
        settings: Its own.
        host: Where it listens.
        page: Puts a page into the application; None has none.
        passworded: See `gencontrol.studio.guard.Rules`.

    Raises:
        ConfigError: Numbers that cannot be, or a port that is taken.
        MissingDependencyError: The extra is not installed.
        CheckpointError, PairingError: See `check_model`; and while it runs, what the first process that draws says of
            weights that it cannot open: nothing could be drawn.
        OutputError: The file that says where it is cannot be written.
    """
    check_serving(settings)
    check_extra()
    check_model(settings)
    import uvicorn
    from fastapi import FastAPI

    from gencontrol.studio.guard import Guard, Rules
    from gencontrol.studio.warm.api import PROOF, api_routes
    from gencontrol.studio.warm.worker import Pool

    listening = bind(host, settings.port)
    port = listening.getsockname()[1]
    address = Address(port=port, token=secrets.token_urlsafe(24), process=os.getpid(), version=code_version())
    pool = Pool(settings.concurrency)
    try:
        app: Any = FastAPI(docs_url=None, redoc_url=None, openapi_url=None)
        app.router.routes.extend(api_routes(pool, address, model=settings.model))
        app = app if page is None else page(app, pool)
        rules = Rules(
            token=address.token,
            hosts=allowed_hosts(host, port),
            cookie=f"gencontrol-{port}",
            open_paths=frozenset({PROOF}),
            passworded=passworded,
        )
        config = uvicorn.Config(
            Guard(app, rules), log_level="warning", access_log=False, timeout_graceful_shutdown=_GRACE
        )
        server = uvicorn.Server(config)
        run = _ending(server, listening, pool, settings)
        shown = f"[{host}]" if ":" in host else host
        with written_down(address):
            yield Serving(
                address=f"http://{shown}:{port}/?token={address.token}",
                run=run,
                server=server,
                warm=address,
            )
    finally:
        pool.close()
        listening.close()


def _ending(server: Any, listening: socket.socket, pool: Any, settings: ServingSettings) -> Callable[[], None]:
    """Have the model opened; what is given back runs the server, and raises what was said if it cannot be opened."""
    from gencontrol import errors
    from gencontrol.studio.warm.client import told_error

    refused: list[errors.GencontrolError] = []

    def failed(message: Mapping[str, Any]) -> None:
        # What else may end a worker, such as too little memory, may be over when the next run comes.
        if hasattr(errors, message["type"]):
            refused.append(told_error(message))
            server.should_exit = True

    def run() -> None:
        server.run(sockets=[listening])
        if refused:
            raise refused[0]

    pool.warm_up({"do": "open", "model": settings.model, "offline": settings.offline}, failed)
    return run
