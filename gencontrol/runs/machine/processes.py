"""Several processes of one run, as `accelerate launch` starts them: each does its share, the first one reports."""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

T = TypeVar("T")


@dataclass(frozen=True, kw_only=True)
class Processes:
    """This process's place among those of the run."""

    index: int = 0
    """From 0."""
    count: int = 1
    """How many there are."""

    @property
    def is_first(self) -> bool:
        """Whether this is the process that reports."""
        return self.index == 0

    def share(self, items: Sequence[T]) -> list[T]:
        """Every `count`-th item, so that all have about as many."""
        return list(items[self.index :: self.count])

    def wait(self) -> None:
        """Go on once all processes are here."""
        if self.count > 1:
            from accelerate import PartialState

            PartialState().wait_for_everyone()

    def agree_on(self, value: T) -> T:
        """The first process's value, in all of them."""
        if self.count == 1:
            return value
        from accelerate.utils import broadcast_object_list

        return broadcast_object_list([value])[0]

    def gather(self, results: list[Any]) -> list[Any]:
        """All processes' results, in the order of the items that `share` dealt out."""
        if self.count == 1:
            return results
        from accelerate.utils import gather_object

        # Ranks come one after another: item i is result i // count of rank i % count.
        dealt = gather_object([results])
        longest = max(len(part) for part in dealt)
        return [part[i] for i in range(longest) for part in dealt if i < len(part)]


def is_alone() -> bool:
    """Whether this is the only process of its run."""
    return int(os.environ.get("WORLD_SIZE", "1")) == 1


def is_first_process() -> bool:
    """Whether this is the process that reports, before it has joined the others."""
    return is_alone() or os.environ.get("RANK", "0") == "0"


def join_processes(device: str) -> Processes:
    """Join the other processes of this run, if there are any."""
    if is_alone():
        return Processes()
    from accelerate import PartialState

    state = PartialState(cpu=device == "cpu")
    return Processes(index=state.process_index, count=state.num_processes)
