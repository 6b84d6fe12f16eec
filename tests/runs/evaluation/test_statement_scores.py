"""Verdicts and their sums, by hand."""

from pathlib import Path
from typing import Any

import pytest

from gencontrol.runs.evaluation.statement_scores import MODULE, ONE_TEXT, RULES, summed, verdict
from gencontrol.tasks.protocols.statements import ALONE, Statement


def statement(*captions: str, right: int = 0, **about: Any) -> Statement:
    rest: dict[str, Any] = {"part": "a", "kind": "on"} | about
    return Statement(picture=Path("a.jpg"), captions=captions, right=right, **rest)


def done(whole: Any, rules: Any, module: Any) -> dict[str, Any]:
    return {ONE_TEXT: whole, RULES: rules, MODULE: module, "understood": None not in rules, "regions": 2}


def test_the_likelier_caption_is_said_and_a_tie_is_wrong() -> None:
    two = statement("cup on box", "box on cup")
    found = done([0.2, 0.3], [0.9, 0.4], [0.5, 0.5])
    assert verdict(two, found, ONE_TEXT) == (False, True) and verdict(two, found, RULES) == (True, True)
    assert verdict(two, found, MODULE) == (False, True)
    # What has no answer is judged as one text; words that the encoder does not know are wrong.
    assert verdict(two, done([0.4, 0.3], [None, 0.4], [0.1, 0.2]), RULES) == (True, False)
    assert verdict(two, done(None, [None, None], [0.1, 0.2]), RULES) == (False, False)
    assert verdict(statement("a", "b", "c", right=2), done([0.1, 0.2, 0.3], [], []), ONE_TEXT) == (True, True)


@pytest.mark.parametrize(("fits", "right", "wanted"), [(0.5, 0, True), (0.49, 0, False), (0.49, ALONE, True)])
def test_one_caption_is_true_from_one_half_on(fits: float, right: int, wanted: bool) -> None:
    one = statement("cup on box", right=right)
    assert verdict(one, done(None, [fits], [None]), RULES) == (wanted, True)
    # Without an answer it is said to be false.
    assert verdict(one, done(None, [fits], [None]), MODULE) == (right == ALONE, False)


def test_a_table_by_hand() -> None:
    group = {"on": "height", "under": "height", "left": "beside", "right": "beside"}
    four = [statement("x", "y", kind=kind, group=("mug table", pair)) for kind, pair in group.items()]
    lone = statement("x", "y", kind="on", group=("cup box", "height"))
    right, wrong = [0.9, 0.1], [0.1, 0.9]
    measured = [done(right, right, right)] * 2 + [done(wrong, right, right), done(right, right, [None, None])]
    found = summed([*measured, done(wrong, wrong, wrong)], [*four, lone], regions="some", architecture="tiny")
    rows = {row.way: row for row in found.rows}
    assert list(rows) == [ONE_TEXT, RULES, MODULE] and (found.statements, found.understood) == (5, 5)
    assert (rows[ONE_TEXT].accuracy, rows[RULES].accuracy) == (0.6, 0.8)
    # By kind: on one of two, under one, left none or one, right one.
    assert rows[ONE_TEXT].by_kind == pytest.approx((0.5 + 1 + 0 + 1) / 4) and found.kinds[RULES]["on"] == 0.5
    assert (rows[ONE_TEXT].pairs, rows[RULES].pairs) == (0.5, 1.0) and (rows[ONE_TEXT].sets, rows[RULES].sets) == (0, 1)
    assert (rows[MODULE].answered, rows[MODULE].of_answered) == (0.8, 0.75) and rows[RULES].answered == 1


def test_one_caption_alone_is_no_text_to_compare() -> None:
    one = [statement("x", part="random/test"), statement("y", part="random/test", right=ALONE)]
    found = summed([done(None, [0.9], [0.2]), done(None, [0.9], [0.2])], one, regions="", architecture="")
    assert [(row.way, row.accuracy) for row in found.rows] == [(RULES, 0.5), (MODULE, 0.5)]
    assert found.published["people"] == 95.4 and found.rows[0].pairs is None and ONE_TEXT not in found.kinds
