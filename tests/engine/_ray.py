"""What `gencontrol.engine` takes of Ray, in one process, and without Ray: deaths come when they are asked for."""

import logging
import os
from collections.abc import Callable, Sequence
from types import ModuleType, SimpleNamespace
from typing import Any


class RayError(Exception):
    """As Ray's: a process is no more."""


class RayTaskError(RayError):
    """As Ray's: what the work itself has raised."""

    def __init__(self, cause: BaseException):
        super().__init__("a long traceback")
        self.cause = cause


class Ticket:
    """As Ray's references: what came, or what is raised where it is asked for."""

    def __init__(self, call: Callable[[], Any]):
        self.call = call


class Fake:
    """A cluster; `ends` says at which calls of which name ("open" or "do", from 1) a process ends."""

    def __init__(self, *, resources: dict[str, float] | None = None, ends: Sequence[tuple[str, int]] = ()):
        self.resources = resources or {"CPU": 2.0}
        self.ends = set(ends)
        self.is_there = False
        self.joined: list[dict[str, Any]] = []
        self.hired: list[dict[str, Any]] = []
        self.killed: list[Any] = []
        self.waits: list[float] = []
        self.silent = 0
        self.refusals: list[Exception] = []
        self.counts = {"open": 0, "do": 0}
        self.sent: list[Any] = []

    def module(self) -> dict[str, ModuleType]:
        """What `sys.modules` is to hold."""
        ray, errors = ModuleType("ray"), ModuleType("ray.exceptions")
        vars(errors).update(RayError=RayError, RayTaskError=RayTaskError)
        names = ("init", "shutdown", "is_initialized", "cluster_resources", "remote", "wait", "get", "kill")
        vars(ray).update({name: getattr(self, name) for name in names} | {"exceptions": errors, "__path__": []})
        return {"ray": ray, "ray.exceptions": errors}

    def init(self, **how: Any) -> None:
        assert how.pop("log_to_driver") is False and how.pop("logging_level") == logging.ERROR
        usage = os.environ["RAY_USAGE_STATS_ENABLED"]
        self.joined.append({**how, "usage": usage, "key": os.environ.get("RAY_AUTH_TOKEN")})
        # As Ray does.
        os.environ.update(RAY_AUTH_MODE="token", PYTHONBREAKPOINT="x")
        print("words of Ray")
        if self.refusals:
            raise self.refusals.pop()
        self.is_there = True

    def shutdown(self) -> None:
        self.is_there = False

    def is_initialized(self) -> bool:
        return self.is_there

    def cluster_resources(self) -> dict[str, float]:
        return self.resources

    def remote(self, **about: Any) -> Callable[[type], Any]:
        def of(kind: type) -> Any:
            return SimpleNamespace(remote=lambda: self._actor(kind, about))

        return of

    def _actor(self, kind: type, about: dict[str, Any]) -> Any:
        self.hired.append(about)
        held = kind()

        def method(name: str) -> Any:
            return SimpleNamespace(remote=lambda *given: self._ticket(held, name, given))

        return SimpleNamespace(open=method("open"), do=method("do"))

    def _ticket(self, held: Any, name: str, given: tuple[Any, ...]) -> Ticket:
        self.counts[name] += 1
        self.sent.append(given)
        lost = (name, self.counts[name]) in self.ends

        def call() -> Any:
            if lost:
                raise RayError("The actor died:\n\tnode gone.")
            try:
                return getattr(held, name)(*given)
            except Exception as error:
                raise RayTaskError(error) from error

        return Ticket(call)

    def wait(self, tickets: list[Ticket], *, num_returns: int, timeout: float) -> tuple[list[Ticket], list[Ticket]]:
        assert num_returns == 1
        self.waits.append(timeout)
        if self.silent:
            self.silent -= 1
            return [], tickets
        # The last one first: nobody may rely on an order.
        return tickets[-1:], tickets[:-1]

    def get(self, ticket: Ticket) -> Any:
        return ticket.call()

    def kill(self, hand: Any) -> None:
        self.killed.append(hand)
