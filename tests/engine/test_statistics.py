"""Counting by hand."""

from typing import Any

import pytest

from gencontrol.engine import statistics
from gencontrol.engine.statistics import Spread, Tally


def line(picture: str, reason: str = "", **values: Any) -> dict[str, Any]:
    usual = {"picture": picture, "phrase": "Cat", "box": [0, 0, 1, 1], "area": 0.5, "agreement": 0.25}
    return usual | {"rejected_because": reason} | values


def test_a_run_by_hand() -> None:
    tally = Tally()
    tally.add(line("a"), place=0)
    tally.add(line("a", phrase="dog", area=0.1), place=0)
    tally.add(line("b", "low agreement", agreement=-0.5), place=0)
    tally.add(line("b", "phrase not found", box=None, agreement=None, area=None), place=0)
    # In another shard it is another picture.
    tally.add(line("b", phrase="cat", agreement=None), place=1)
    told = tally.told()
    assert (told["pictures"], told["pictures_used"], told["boxes"], told["pairs"]) == (3, 2, 4, 3)
    assert told["rejected"] == {"low agreement": 1, "phrase not found": 1}
    assert told["phrases"] == 2 and told["commonest_phrases"] == {"cat": 2, "dog": 1}
    assert told["mask_area"]["count"] == 3 and told["mask_area"]["mean"] == pytest.approx(1.1 / 3, abs=1e-4)
    assert told["agreement"]["kept"] == {
        "count": 2,
        "mean": 0.25,
        "quantile_0.1": 0.255,
        "quantile_0.5": 0.255,
        "quantile_0.9": 0.255,
    }
    assert told["agreement"]["rejected"]["mean"] == -0.5


def test_the_commonest_are_named() -> None:
    tally = Tally()
    for number in range(30):
        tally.add(line("a", phrase=f"thing {number:02d}"), place=0)
    tally.add(line("a", phrase="thing 29"), place=0)
    told = tally.told()
    assert told["phrases"] == 30
    assert list(told["commonest_phrases"]) == ["thing 29", *(f"thing {number:02d}" for number in range(19))]


def test_quantiles_are_right_to_a_bin() -> None:
    spread = Spread(0, 1)
    for number in range(1000):
        spread.add(number / 1000)
    spread.add(None)
    told = spread.told()
    assert told["count"] == 1000 and told["mean"] == 0.4995
    for share in (0.1, 0.5, 0.9):
        assert told[f"quantile_{share:g}"] == pytest.approx(share, abs=0.005)
    ends = Spread(-1, 1)
    ends.add(7)
    ends.add(-7)
    assert ends.bins[0] == ends.bins[-1] == 1 and Spread(0, 1).told() == {"count": 0}


def test_phrases_are_forgotten_before_they_fill_the_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gencontrol.engine.statistics._DISTINCT", 10)
    tally = Tally()
    for number in range(500):
        tally.add(line("a", phrase=f"rare {number}"), place=0)
        tally.add(line("a", phrase="often"), place=0)
    assert len(tally.phrases) <= 21 and tally.told()["commonest_phrases"]["often"] == 500


def test_the_rarest_are_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(statistics, "_DISTINCT", 2)
    tally = Tally()
    for phrase in ("a", "b", "b", "c", "d", "d"):
        tally.add(line("x", phrase=phrase), place=0)
    assert tally.told()["phrases"] == 4
    tally.add(line("x", phrase="e"), place=0)
    assert tally.told()["commonest_phrases"] == {"b": 2, "d": 2} and tally.told()["pairs"] == 7


def test_each_number_falls_into_its_bin() -> None:
    spread = Spread(0, 1)
    for value in (0.0, 0.004, 0.005, 0.995, 1.0):
        spread.add(value)
    assert spread.bins[0] == 2 and spread.bins[1] == 1 and spread.bins[199] == 2 and len(spread.bins) == 200
    alone = Spread(-1, 1)
    alone.add(1)
    assert alone.told() == {
        "count": 1,
        "mean": 1,
        **dict.fromkeys(("quantile_0.1", "quantile_0.5", "quantile_0.9"), 0.995),
    }
    four = Spread(0, 100)
    for value in (10, 20, 30, 40):
        four.add(value)
    # Half of four is the second.
    assert [four.told()[f"quantile_{share}"] for share in ("0.1", "0.5", "0.9")] == [10.25, 20.25, 40.25]


def test_reasons_come_the_commonest_first_and_then_by_name() -> None:
    tally = Tally()
    for reason in ("b", "a", "c", "c"):
        tally.add(line("x", reason), place=0)
    told = tally.told()
    assert list(told["rejected"].items()) == [("c", 2), ("a", 1), ("b", 1)] and told["pictures_used"] == 0


def test_a_picture_that_is_named_twice_is_two_rows() -> None:
    tally = Tally()
    for row in (0, 0, 1):
        tally.add(line("a", row=row), place=0)
    assert (tally.told()["pictures"], tally.told()["pictures_used"]) == (2, 2)
