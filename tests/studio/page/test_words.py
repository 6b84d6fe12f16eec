"""What the page says."""

import pytest

from gencontrol.studio.page.words import answers, bars, in_labels, in_time, in_toast, progress, said, share_done

STEP = {"call": 2, "calls": 4, "step": 5, "steps": 10}


def test_settings_go_by_their_labels_and_other_words_stay() -> None:
    assert in_labels("`strength`: `seed` or `other`") == "Strength: Seed or `other`"
    assert in_toast('`seed`: "<b>a & b.png"') == 'Seed: "&lt;b&gt;a &amp; b.png"'


def test_how_much_is_done() -> None:
    assert share_done(STEP) == pytest.approx(0.375)
    assert share_done({"call": 4, "calls": 4, "step": 11, "steps": 10}) == 1


def test_the_bar_says_the_time_that_is_left() -> None:
    shown = progress(STEP, 30.0)
    assert 'value="0.375"' in shown and "step 5 of 10, batch 2 of 4, 50 s left" in shown
    assert "left" not in progress(STEP, 0.5) and "batch" not in progress({**STEP, "call": 1, "calls": 1}, 0.5)


@pytest.mark.parametrize(("seconds", "text"), [(0.2, "1 s"), (59.4, "59 s"), (61, "1 min 1 s"), (7260, "2 h 1 min")])
def test_lengths_of_time(seconds: float, text: str) -> None:
    assert in_time(float(seconds)) == text


def test_bars_come_largest_first_and_texts_are_no_code() -> None:
    row = {"region": "<b>", "shares": [0.25, 0.75], "cosines": [0.1, 0.2]}
    shown = bars(["a cat", "<script>"], [row])
    assert shown.index("75.0%") < shown.index("a cat") < shown.index("25.0%")
    assert "<script>" not in shown and "&lt;script&gt;" in shown and "<b>" not in shown
    assert "<i>" not in said("<i>")


def test_what_is_said_of_each_region_is_text_and_no_markup() -> None:
    shown = answers([{"region": "a<b", "answer": "a red & blue cup"}, {"region": "c", "answer": "nothing"}])
    assert shown == (
        "<section><h4>a&lt;b</h4><p>a red &amp; blue cup</p></section><section><h4>c</h4><p>nothing</p></section>"
    )
