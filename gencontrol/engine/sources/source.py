"""What a data set is to the engine: shards of rows, each of which can be read by itself."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Protocol, runtime_checkable

from gencontrol.engine.rows import Row


@runtime_checkable
class Source(Protocol):
    """A data set in shards."""

    @property
    def shards(self) -> int:
        """How many there are."""
        ...

    @property
    def facts(self) -> Mapping[str, Any]:
        """Plain values that tell this data set from another one, or from what it was before it grew."""
        ...

    def read(self, shard: int) -> Iterator[Row]:
        """The rows of a shard, the same each time.

        Raises:
            InputError: A shard that is no longer there.
        """
        ...


class Held:
    """What data sets have in common whose rows are all in memory: a shard is some of them, one after another."""

    def __init__(self, entries: Sequence[Any], *, shard: int, facts: Mapping[str, Any]):
        """Hold them.

        Args:
            entries: What rows are made of, one for each picture.
            shard: Pictures of a shard.
            facts: See `Source`.
        """
        self._entries, self._shard, self._facts = entries, shard, facts

    @property
    def shards(self) -> int:
        """See `Source`."""
        return -(-len(self._entries) // self._shard)

    @property
    def facts(self) -> Mapping[str, Any]:
        """See `Source`."""
        return self._facts

    def entries_of(self, shard: int) -> Iterator[tuple[int, Any]]:
        """Number among all, from 1, and entry, of a shard's rows."""
        first = shard * self._shard
        return enumerate(self._entries[first : first + self._shard], start=first + 1)
