"""Dealing numbered work out to processes that may end in the middle: what was lost is given to another one."""

from collections import Counter, deque
from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

from gencontrol.errors import InputError

DEATHS = 3
"""Times that a process may end over one piece of work, or over its models: then the work is to blame."""


class Ended(Exception):
    """A process that is no more, in the words of whoever saw it end."""


@runtime_checkable
class Pool(Protocol):
    """Where processes come from. Hands and tickets are its own, whatever they are."""

    def hire(self) -> tuple[Any, Any]:
        """Begin a process that opens its models: its hand, and the ticket of what it opens."""
        ...

    def give(self, hand: Any, item: int) -> Any:
        """Give a process a piece of work: the work's ticket."""
        ...

    def first(self, tickets: Sequence[Any]) -> Any:
        """The first of the tickets whose work is done, or lost."""
        ...

    def result(self, ticket: Any) -> Any:
        """What came of it.

        Raises:
            Ended: The process is no more.
            GencontrolError: What the work itself raises.
        """
        ...

    def dismiss(self, hand: Any) -> None:
        """End a process, whether it still is or not."""
        ...


@dataclass(frozen=True, kw_only=True)
class _Job:
    """What a process is at."""

    hand: Any
    item: int | None = None
    """Its piece of work; None while it opens its models."""


def dealt(
    pool: Pool, items: Sequence[int], *, workers: int, say: Callable[[str], None]
) -> Generator[tuple[int, Any], None, None]:
    """Have all the work done, each piece by whoever is free, and tell what came of each as it comes.

    Args:
        pool: Where processes come from.
        items: Numbers of the pieces, in the order in which they are begun.
        workers: Processes at one time.
        say: Is told of processes that ended.

    Raises:
        InputError: Processes end again and again over the same piece.
        GencontrolError: What the work itself raises.
    """
    left, missing = deque(items), len(items)
    deaths: Counter[int | None] = Counter()
    busy: dict[Any, _Job] = {}
    try:
        for _ in range(min(workers, missing)):
            _hire(pool, busy)
        while missing:
            ticket = pool.first(list(busy))
            job = busy[ticket]
            try:
                result = pool.result(ticket)
            except Ended as error:
                deaths[job.item] += 1
                _check_deaths(deaths[job.item], job.item, error)
                if job.item is not None:
                    left.appendleft(job.item)
                    say(f"A process of the cluster ended over shard {job.item}, which another begins again: {error}.")
                pool.dismiss(busy.pop(ticket).hand)
                if left:
                    _hire(pool, busy)
                continue
            del busy[ticket]
            if left:
                item = left.popleft()
                busy[pool.give(job.hand, item)] = _Job(hand=job.hand, item=item)
            else:
                pool.dismiss(job.hand)
            if job.item is None:
                # One that opens its models tells that they are not what ended the others.
                del deaths[None]
            else:
                missing -= 1
                yield job.item, result
    finally:
        for job in busy.values():
            pool.dismiss(job.hand)


def _hire(pool: Pool, busy: dict[Any, _Job]) -> None:
    hand, ticket = pool.hire()
    busy[ticket] = _Job(hand=hand)


def _check_deaths(count: int, item: int | None, error: Ended) -> None:
    if count < DEATHS:
        return
    over = "before their models were open" if item is None else f"over shard {item}"
    raise InputError(
        f"{count} processes of the cluster ended one after another {over}; expected them to go on. Too little memory "
        f"does that: give fewer `workers`, or a smaller `shard`. The last one: {error}."
    )
