"""Work dealt out to processes that end in the middle."""

from collections.abc import Sequence
from typing import Any

import pytest

from gencontrol.engine.dealing import DEATHS, Ended, Pool, dealt
from gencontrol.errors import InputError


class Hands:
    """Processes that double a number; `ends` says how often each piece, or None for opening, ends one."""

    def __init__(self, ends: dict[int | None, int] | None = None):
        self.ends = dict(ends or {})
        self.hired = 0
        self.dismissed: list[int] = []
        self.given: list[tuple[int, int]] = []
        self.at: dict[int, int | None] = {}
        self.most = 0

    def hire(self) -> tuple[int, int]:
        self.hired += 1
        return self.hired, self._ticket(None)

    def give(self, hand: int, item: int) -> int:
        assert hand not in self.dismissed
        self.given.append((hand, item))
        return self._ticket(item)

    def _ticket(self, item: int | None) -> int:
        number = len(self.at)
        self.at[number] = item
        return number

    def first(self, tickets: Sequence[int]) -> int:
        assert tickets
        self.most = max(self.most, len(tickets))
        return tickets[0]

    def result(self, ticket: int) -> Any:
        item = self.at[ticket]
        if self.ends.get(item, 0):
            self.ends[item] -= 1
            raise Ended("the machine is gone")
        return None if item is None else 2 * item

    def dismiss(self, hand: int) -> None:
        self.dismissed.append(hand)


def done(hands: Hands, items: Sequence[int], workers: int = 2) -> tuple[dict[int, int], list[str]]:
    said: list[str] = []
    found = list(dealt(hands, items, workers=workers, say=said.append))
    assert len(found) == len(dict(found))
    return dict(found), said


def test_all_is_done_once_by_no_more_than_are_wanted() -> None:
    hands = Hands()
    assert isinstance(hands, Pool)
    assert done(hands, [3, 1, 2, 7, 8]) == ({n: 2 * n for n in (1, 2, 3, 7, 8)}, [])
    assert hands.hired == 2 and hands.most == 2 and sorted(hands.dismissed) == [1, 2] and len(hands.given) == 5
    assert [item for _, item in hands.given] == [3, 1, 2, 7, 8]
    assert {hand for hand, _ in hands.given} == {1, 2}
    # Of less work than processes, nobody is hired for nothing.
    few = Hands()
    assert done(few, [5], workers=9)[0] == {5: 10} and few.hired == 1
    assert done(Hands(), []) == ({}, [])


def test_what_was_lost_is_done_again_by_another() -> None:
    hands = Hands({1: 1})
    found, said = done(hands, [0, 1, 2])
    assert found == {0: 0, 1: 2, 2: 4} and hands.hired == 3
    assert said == ["A process of the cluster ended over shard 1, which another begins again: the machine is gone."]
    by = [hand for hand, item in hands.given if item == 1]
    # It is dismissed at once, and given nothing more.
    assert len(by) == 2 and by[0] != by[1] and by[0] == hands.dismissed[0]
    # The lost piece comes before those that nobody has begun.
    alone = Hands({0: 1})
    assert done(alone, [0, 1, 2], workers=1)[0] == {0: 0, 1: 2, 2: 4}
    assert [item for _, item in alone.given] == [0, 0, 1, 2]


def test_the_last_piece_too() -> None:
    hands = Hands({2: 2})
    assert done(hands, [0, 1, 2])[0] == {0: 0, 1: 2, 2: 4} and hands.hired == 4


def test_a_piece_that_ends_whoever_takes_it_is_named() -> None:
    hands = Hands({1: DEATHS})
    with pytest.raises(InputError, match=r"3 processes .* over shard 1; .* fewer `workers`, or a smaller `shard`\."):
        done(hands, [0, 1, 2])
    assert DEATHS == 3
    assert done(Hands({0: 2, 1: 2, 2: 2}), [0, 1, 2])[0] == {0: 0, 1: 2, 2: 4}


def test_processes_that_end_before_they_begin() -> None:
    hands = Hands({None: 2})
    found, said = done(hands, [0, 1])
    assert found == {0: 0, 1: 2} and said == [] and hands.hired == 4
    with pytest.raises(InputError, match=r"3 processes .* before their models were open; .*: the machine is gone"):
        done(Hands({None: 3}), [0, 1])


def test_one_that_opens_takes_the_blame_from_the_models() -> None:
    class Turns(Hands):
        """Every second one does not open, and every piece ends its first process."""

        def result(self, ticket: int) -> Any:
            if self.at[ticket] is None and ticket % 2 == 0:
                raise Ended("gone")
            return super().result(ticket)

    hands = Turns({n: 1 for n in range(6)})
    found, said = done(hands, range(6), workers=1)
    assert found == {n: 2 * n for n in range(6)} and len(said) == 6 and hands.hired > 6


def test_what_the_work_raises_is_raised() -> None:
    class Broken(Hands):
        def result(self, ticket: int) -> Any:
            raise InputError("no such model")

    with pytest.raises(InputError, match="no such model"):
        done(Broken(), [1])


def test_nobody_is_left_when_it_is_over() -> None:
    class Late(Hands):
        """Whoever came last is heard first."""

        def first(self, tickets: Sequence[int]) -> int:
            return max(tickets)

    hands = Late()
    assert done(hands, [0, 1, 2])[0] == {0: 0, 1: 2, 2: 4} and sorted(hands.dismissed) == [1, 2]
    stopped = Hands()
    for _ in (work := dealt(stopped, [0, 1, 2], workers=2, say=print)):
        break
    work.close()
    assert sorted(stopped.dismissed) == [1, 2]
    broken = Hands({1: 9})
    with pytest.raises(InputError):
        done(broken, [0, 1, 2])
    assert sorted({*broken.dismissed}) == list(range(1, broken.hired + 1)) and len(broken.dismissed) == broken.hired
