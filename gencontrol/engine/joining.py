"""Joining a Ray cluster, or one that is begun on this machine.

The one file that imports Ray, and not before it is asked to. Ray is told to send nothing about its use to anybody.
"""

import logging
import os
import re
import secrets
import signal
import socket
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, redirect_stdout, suppress
from functools import cache
from typing import Any

from gencontrol.errors import ConfigError, InputError, MissingDependencyError, reason_of

LOCAL, AUTO = "local", "auto"
"""Addresses: a cluster on this machine that is begun here, and ended after; the one that this machine belongs to."""
_ADDRESS = re.compile(r"(?P<host>[^\s:/]+|\[[0-9a-fA-F:.]+\]):(?P<port>\d{1,5})")
_PATIENCE = 10.0
"""Seconds in which something has to answer at an address: Ray itself would try for a quarter of an hour."""
_HELLO = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + bytes((0, 0, 0, 4, 0, 0, 0, 0, 0))
"""How a conversation in HTTP/2, which Ray speaks, begins (RFC 9113, section 3.4): a preface and empty settings."""
_SETTINGS = 4
"""Kind of the frame with which it is answered, in its fourth byte."""
_STORE = 80 * 2**20
"""Bytes of a local cluster's shared memory, about Ray's least: results are a few numbers."""
_TRIES = 3
"""Of beginning a local cluster: Ray gives itself half a minute, which a machine at work may be over."""
_LONGEST_FOLDER = 24
"""Characters of the folder for temporary files: Ray's sockets lie below, and may have 107 in all."""
_BREAKPOINT = "PYTHONBREAKPOINT"
"""Variable that Ray sets beside its own."""
_TOLD = 200
"""Characters of Ray's own words."""
_NUMBER = re.compile(r"\s*(class_name|\w*_?id|namespace|ip|port|name|repr|label): ")
"""Lines that say which process it was, in numbers that nobody has seen before."""


def check_address(address: str) -> None:
    """Refuse what is no address of a cluster.

    Raises:
        ConfigError: Says what is.
    """
    found = _ADDRESS.fullmatch(address)
    if address not in (LOCAL, AUTO) and (found is None or not 0 < int(found["port"]) < 2**16):
        raise ConfigError(
            f"`cluster`: expected HOST:PORT as `ray start --head` prints it, {AUTO} for the cluster that this machine "
            f"belongs to, or {LOCAL} for one that is begun on this machine and ended after, got {address!r}."
        )


@contextmanager
def joined(address: str, workers: int | None) -> Iterator[Any]:
    """Ray itself, joined to a cluster within the block.

    Raises:
        MissingDependencyError: Ray is not installed.
        InputError: No cluster there.
    """
    ray = _ray()
    if ray.is_initialized():
        raise InputError("This process has joined a cluster of Ray already: call `ray.shutdown()` first.")
    with ExitStack() as stack:
        stack.enter_context(_as_before())
        os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
        # Ray tells of processes that ended on standard output, which is for results.
        stack.enter_context(redirect_stdout(sys.stderr))
        how = _local(stack, workers) if address == LOCAL else _elsewhere(address)
        stack.callback(ray.shutdown)
        for left in reversed(range(_TRIES if address == LOCAL else 1)):
            try:
                ray.init(log_to_driver=False, logging_level=logging.ERROR, **how)
                break
            # Of a cluster that does not answer Ray raises whatever comes, bare exceptions among them.
            except Exception as error:
                _end_begun(how.get("_temp_dir"))
                if not left:
                    raise InputError(f"Ray does not join the cluster {address}: {in_one_line(error)}.") from error
        yield ray


def _ray() -> Any:
    try:
        import ray
        import ray.exceptions
    except ImportError:
        raise MissingDependencyError(
            "Clusters are Ray's: run `pip install 'gencontrol[cluster]'`, or leave `cluster` out."
        ) from None
    return ray


def _local(stack: ExitStack, workers: int | None) -> dict[str, Any]:
    """A cluster of this machine alone, which leaves nothing behind."""
    if not any(name.startswith("RAY_AUTH_") for name in os.environ):
        # Its ports are open to the network, and whoever speaks to them runs what he likes. Ray would write a key into
        # the home, and say so.
        os.environ["RAY_AUTH_TOKEN"] = _key()
    usual = tempfile.gettempdir()
    folder = tempfile.TemporaryDirectory(
        prefix="gencontrol-ray-", dir=usual if len(usual) <= _LONGEST_FOLDER else "/tmp", ignore_cleanup_errors=True
    )
    return {
        "address": LOCAL,
        "num_cpus": workers or _cores(),
        "include_dashboard": False,
        "object_store_memory": _STORE,
        "_temp_dir": stack.enter_context(folder),
    }


def _end_begun(folder: str | None) -> None:
    """End what a local cluster that did not come up has begun, which Ray leaves until this process ends."""
    import psutil

    for one in psutil.Process().children(recursive=True) if folder else []:
        with suppress(psutil.Error):
            if any(str(folder) in word for word in one.cmdline()):
                one.kill()


@cache
def _key() -> str:
    """One for all clusters of this process: Ray reads it once."""
    return secrets.token_hex(32)


def _cores() -> int:
    """That this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _elsewhere(address: str) -> dict[str, Any]:
    if address != AUTO:
        _check_answers(address)
    return {"address": address}


def _check_answers(address: str) -> None:
    """Refuse an address at which nothing speaks as Ray does.

    Raises:
        InputError: Says so.
    """
    host, _, port = address.rpartition(":")
    advice = "name HOST:PORT as `ray start --head` prints it, and call the command on a machine of that cluster"
    try:
        with socket.create_connection((host.strip("[]"), int(port)), timeout=_PATIENCE) as connection:
            connection.sendall(_HELLO)
            answer = connection.recv(9)
    except OSError as error:
        raise InputError(f"No cluster answers at {address} ({reason_of(error)}): {advice}.") from error
    if len(answer) < 9 or answer[3] != _SETTINGS:
        raise InputError(f"What answers at {address} is no cluster of Ray: {advice}.")


def in_one_line(error: BaseException) -> str:
    """Its own words, less Ray's lists of numbers, and no more of them than anybody reads."""
    lines = [line.strip() for line in str(error).splitlines() if not _NUMBER.match(line)]
    text = " ".join(" ".join(lines).split()) or type(error).__name__
    if len(text) > _TOLD:
        # What happened stands at the beginning, and of a traceback at its end.
        text = f"{text[: _TOLD // 2].rstrip()} ... {text[-_TOLD // 2 :].lstrip()}"
    return text.rstrip(".")


@contextmanager
def _as_before() -> Iterator[None]:
    """Leave environment and signals as they are, of which Ray sets some."""
    environment, at_term = dict(os.environ), signal.getsignal(signal.SIGTERM)
    try:
        yield
    finally:
        for name in (name for name in (*os.environ,) if name.startswith("RAY_") or name == _BREAKPOINT):
            del os.environ[name]
        os.environ.update({name: environment[name] for name in environment if name not in os.environ})
        if threading.current_thread() is threading.main_thread():
            signal.signal(signal.SIGTERM, at_term)
