"""What a data set is to the engine: shards of rows, each of which can be read by itself."""

from collections.abc import Iterator, Mapping
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
