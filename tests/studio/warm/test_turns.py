"""Who comes first is served first."""

import threading
import time
from collections.abc import Callable

from gencontrol.studio.warm.turns import Turns


def until(is_so: Callable[[], bool]) -> None:
    end = time.monotonic() + 20
    while not is_so():
        assert time.monotonic() < end, "it has not come to be"
        time.sleep(0.005)


def come(
    turns: Turns[str], name: str, served: list[str], *, cancelled: threading.Event | None = None
) -> threading.Thread:
    """Somebody who waits, and writes down what came of it; here once they stand in the line."""

    def wait() -> None:
        with turns.borrowed(cancelled or threading.Event()) as thing:
            served.append(f"{name} {thing}")

    before = len(turns._waiting)
    thread = threading.Thread(target=wait, daemon=True)
    thread.start()
    until(lambda: len(turns._waiting) > before)
    return thread


def test_nobody_who_comes_later_is_served_earlier(monkeypatch) -> None:
    # Each looks often whether it is still wanted, and loses no place by that.
    monkeypatch.setattr("gencontrol.studio.warm.turns._POLL", 0.001)
    turns, served = Turns(["one"]), []
    names = [f"{number}" for number in range(12)]
    with turns.borrowed(threading.Event()) as thing:
        assert thing == "one"
        threads = [come(turns, name, served) for name in names]
        time.sleep(0.05)
        assert served == []
    for thread in threads:
        thread.join(timeout=20)
    assert served == [f"{name} one" for name in names]


def test_who_does_not_want_it_any_more_leaves_the_line() -> None:
    turns, served, tired = Turns(["one"]), [], threading.Event()
    with turns.borrowed(threading.Event()):
        leaving = come(turns, "leaving", served, cancelled=tired)
        staying = come(turns, "staying", served)
        tired.set()
        leaving.join(timeout=20)
        assert served == ["leaving None"]
    staying.join(timeout=20)
    assert served[1:] == ["staying one"]
    # It is idle again, also after somebody failed with it.
    try:
        with turns.borrowed(threading.Event()) as thing:
            raise KeyError(thing)
    except KeyError as error:
        assert error.args == ("one",)
    with turns.borrowed(threading.Event()) as thing:
        assert thing == "one"


def test_as_many_are_lent_as_there_are() -> None:
    turns = Turns(["one", "other"])
    with turns.borrowed(threading.Event()) as first, turns.borrowed(threading.Event()) as second:
        assert {first, second} == {"one", "other"}
        gone = threading.Event()
        gone.set()
        with turns.borrowed(gone) as third:
            assert third is None
