"""Pictures that are drawn at once: another number of them rounds another way, so that a repetition draws as many."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from gencontrol.runs.files.kept import difference, record_in
from gencontrol.runs.files.repeat import Repeated
from gencontrol.runs.settings import VariationSettings


def batches_of(seeds: Sequence[int], batch: int, together: tuple[int, ...] = ()) -> list[tuple[int, ...]]:
    """Which seeds are drawn at once.

    Args:
        seeds: That are wanted.
        batch: How many at once, 1 or more.
        together: One batch in the place of these, which holds the only seed that is wanted; () is none.
    """
    return [together] if together else [tuple(seeds[i : i + batch]) for i in range(0, len(seeds), batch)]


def marked(record: Mapping[str, Any] | None, seed: int, batches: Sequence[tuple[int, ...]]) -> dict[str, Any] | None:
    """A picture's record: with its seed, and with those of its batch if there were others; None if there is none."""
    if record is None:
        return None
    batch = next(seeds for seeds in batches if seed in seeds)
    return {**record, "seed": seed} | ({"together": list(batch)} if len(batch) > 1 else {})


def together_again(
    repeated: Repeated | None, seeds: Sequence[int], batch: int, record: Callable[[], Mapping[str, Any] | None]
) -> tuple[int, ...]:
    """The seeds that a picture was drawn with, where all that shapes it is as it was: then it comes out equal.

    Args:
        repeated: The run that is repeated; None is none.
        seeds: That are wanted now.
        batch: How many may be drawn at once; the default says nothing.
        record: Gives what would be recorded now, but for the seed; it is asked only where it counts.

    Returns:
        One batch; () where the picture was drawn alone, where something is changed, or where fewer are to be drawn at
        once.
    """
    if repeated is None or not repeated.together or len(seeds) != 1:
        return ()
    if batch not in (VariationSettings.batch, len(repeated.together)):
        return ()
    now, there = record(), record_in(repeated.source)
    same = now is not None and difference(there, {**now, "seed": seeds[0]}) is None
    return repeated.together if same else ()
