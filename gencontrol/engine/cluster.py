"""Processes on the machines of a Ray cluster: each opens its models once, and is given one shard after another.

Ray packs what goes to its processes itself; nothing but plain values, and functions by their names, are given to it.
"""

import os
import socket
import warnings
from collections.abc import Callable, Generator, Mapping, Sequence
from functools import partial
from typing import Any

from gencontrol.engine.dealing import Ended, dealt
from gencontrol.engine.joining import in_one_line, joined
from gencontrol.errors import GencontrolError, InputError, reason_of

_UNTIL_TOLD = 60.0
"""Seconds without a word of any process, after which that is said."""
Work = Callable[[int], Any]
"""Does a numbered piece, and tells plain values."""


def spread(
    items: Sequence[int],
    opener: Callable[[], Work],
    *,
    address: str,
    workers: int | None = None,
    device: str = "cpu",
    environment: Mapping[str, str] | None = None,
    say: Callable[[str], None],
) -> Generator[tuple[int, Any], None, None]:
    """Have numbered work done on a cluster, and tell what came of each piece as it comes.

    Processes that end in the middle are replaced, and what they were at is done again. What they warn of is warned of
    here, once.

    Args:
        items: Numbers of the pieces.
        opener: Opens the models on the other side, and returns what does a piece: a function of a module that is
            installed there too, or a `partial` of one with plain values.
        address: See `check_address`.
        workers: Processes at most; unless given, one for each GPU, or for each core where there is none, or none is
            asked for.
        device: Where they compute.
        environment: Variables of their environment.
        say: Is told what a person should know meanwhile.

    Raises:
        MissingDependencyError: Ray is not installed.
        InputError: No cluster there, or processes end again and again.
        GencontrolError: What the work itself raises.
    """
    if not items:
        return
    with joined(address, workers) as ray:
        count, gpus = crew_of(ray.cluster_resources(), device, workers)
        pool = _RayPool(ray, opener, gpus=gpus, environment=environment or {}, say=say)
        heard: set[tuple[type[Warning], str]] = set()
        for item, (result, warned) in dealt(pool, items, workers=count, say=say):
            for category, text in warned:
                if (category, text) not in heard:
                    heard.add((category, text))
                    warnings.warn(text, category, stacklevel=2)
            yield item, result


def crew_of(resources: Mapping[str, float], device: str, workers: int | None) -> tuple[int, int]:
    """How many processes a cluster has room for, and GPUs of each.

    Raises:
        InputError: It has none.
    """
    on_gpus = device.partition(":")[0] != "cpu" and resources.get("GPU", 0) >= 1
    room = int(resources.get("GPU" if on_gpus else "CPU", 0))
    if not room:
        raise InputError("The cluster has no core that takes work; expected one at least: `ray status` lists them.")
    return min(room, workers or room), int(on_gpus)


class Worker:
    """A process of the cluster."""

    def __init__(self) -> None:
        self._work: Work | None = None
        self._warned: list[tuple[type[Warning], str]] = []

    def open(self, opener: Callable[[], Work], folder: str) -> None:
        """Open the models, in the folder that relative paths are relative to.

        Raises:
            InputError: There is no such folder on this machine.
        """
        try:
            os.chdir(folder)
        except OSError as error:
            raise InputError(
                f"{socket.gethostname()} cannot enter {folder}: {reason_of(error)}. Machines of a cluster need the "
                "folder that the command is called in, under the same name."
            ) from error
        self._work, self._warned = _heard(opener)

    def do(self, item: int) -> tuple[Any, list[tuple[type[Warning], str]]]:
        """What came of a piece, and what was warned of since the last one."""
        assert self._work is not None
        result, warned = _heard(partial(self._work, item))
        before, self._warned = self._warned, []
        return result, before + warned


def _heard(call: Callable[[], Any]) -> tuple[Any, list[tuple[type[Warning], str]]]:
    with warnings.catch_warnings(record=True) as caught:
        result = call()
    return result, [(one.category, str(one.message)) for one in caught]


class _RayPool:
    """See `Pool`: hands are Ray's actors, tickets its references."""

    def __init__(
        self,
        ray: Any,
        opener: Callable[[], Work],
        *,
        gpus: int,
        environment: Mapping[str, str],
        say: Callable[[str], None],
    ):
        about = {"runtime_env": {"env_vars": dict(environment)}} if environment else {}
        # Ray begins nothing again by itself: what was lost is dealt out here, where it is counted.
        self._worker = ray.remote(num_cpus=1, num_gpus=gpus, max_restarts=0, max_task_retries=0, **about)(Worker)
        self._ray, self._opener, self._say = ray, opener, say
        self._is_told = False

    def hire(self) -> tuple[Any, Any]:
        """See `Pool`."""
        hand = self._worker.remote()
        return hand, hand.open.remote(self._opener, os.getcwd())

    def give(self, hand: Any, item: int) -> Any:
        """See `Pool`."""
        return hand.do.remote(item)

    def first(self, tickets: Sequence[Any]) -> Any:
        """See `Pool`."""
        while not (ready := self._ray.wait(list(tickets), num_returns=1, timeout=_UNTIL_TOLD)[0]):
            if not self._is_told:
                self._say(
                    f"The cluster has said nothing for {_UNTIL_TOLD:g} seconds: it has no free core or GPU, or is "
                    "still at work. Waiting on."
                )
                self._is_told = True
        return ready[0]

    def result(self, ticket: Any) -> Any:
        """See `Pool`."""
        try:
            return self._ray.get(ticket)
        except self._ray.exceptions.RayTaskError as error:
            if isinstance(error.cause, GencontrolError):
                raise error.cause from None
            raise
        except self._ray.exceptions.RayError as error:
            raise Ended(in_one_line(error)) from error

    def dismiss(self, hand: Any) -> None:
        """See `Pool`."""
        self._ray.kill(hand)
