"""Turns are taken fairly; nothing is timed here."""

from benchmarks.timing import take_turns


def test_turns_alternate_and_the_first_round_is_dropped() -> None:
    order: list[str] = []
    turns = {n: lambda n=n: order.append(n) for n in ("a", "b")}
    seconds = take_turns(turns, rounds=2)
    assert order == ["a", "b"] * 3
    assert {n: len(s) for n, s in seconds.items()} == {"a": 2, "b": 2}
