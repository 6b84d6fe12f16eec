"""Which settings of phrases are refused, recorded, and held by a record."""

from typing import Any

import pytest

from gencontrol.errors import ConfigError
from gencontrol.runs.referring.phrase_settings import (
    CANDIDATES,
    PHRASED,
    PROPOSED,
    PhraseSettings,
    ProposalSettings,
    check_phrases,
    check_proposals,
    recorded_values,
    without_held,
)
from gencontrol.runs.settings import RECORDED, RegionSettings, VariationSettings

TWO = ("1,1,2,2", "3,3,4,4")


def test_names() -> None:
    assert PhraseSettings().phrase == () and ProposalSettings().grounder is None
    assert set(PROPOSED) == {"grounder", "segmenter", "score", "most"} and "label_map" in CANDIDATES
    assert PHRASED - {"like_phrase"} <= RECORDED


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"phrase": ("a cup", " ")}, "`phrase` is empty"),
        ({"score": 1.5}, "`score`"),
        ({"most": 0}, "`most`"),
        ({"alpha_from_image": True}, "`alpha_from_image` shows a region and `phrase` looks for one"),
        ({"box": TWO, "grounder": "g"}, "`box` gives candidates for `phrase`, and `grounder` proposes them"),
        ({"label_map": "l.png", "grounder": "g"}, "`label_map` gives candidates"),
        ({"mask": ("m.png",)}, "`mask` shows one region and `phrase` another: leave one of them out"),
        ({"box": ("1,1,2,2",)}, "`box` shows one region and `phrase` another"),
    ],
)
def test_settings_that_say_nothing_or_too_much(given: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        check_phrases(RegionSettings(**{"phrase": ("a cup",), **given}))


@pytest.mark.parametrize(
    "given", [{}, {"box": TWO}, {"mask": ("m.png",), "point": ("1,1",)}, {"label_map": "l.png"}, {"grounder": "g"}]
)
def test_settings_that_say_where_candidates_come_from(given: dict[str, Any]) -> None:
    check_phrases(RegionSettings(phrase=("a cup",), **given))


def test_messages_name_the_settings_as_they_are_called() -> None:
    settings = RegionSettings(phrase=("a cup",), mask=("m.png",))
    with pytest.raises(ConfigError, match="`like_mask` shows one region and `like_phrase` another"):
        check_phrases(settings, prefix="like_")
    check_proposals(ProposalSettings(score=0.0, most=1))


def test_records_speak_of_phrases_where_there_are_any() -> None:
    plain = recorded_values(VariationSettings(), RECORDED)
    assert not PHRASED & plain.keys() and plain["focus"] is None
    worded = recorded_values(VariationSettings(phrase=("a cup",), most=3), RECORDED)
    assert worded["phrase"] == ("a cup",) and worded["most"] == 3 and worded.keys() == RECORDED


def test_a_phrase_is_held_while_nothing_is_said_anew() -> None:
    settings = RegionSettings(phrase=("a cup",), grounder="g")
    recorded = {"phrase": ["a cup"], "grounder": "g", "segmenter": "grabcut", "score": None, "most": 100}
    recorded["phrase_model"] = None
    assert without_held(settings, recorded, unchanged=True).phrase == ()
    assert without_held(settings, recorded, unchanged=False) is settings
    assert without_held(settings, None, unchanged=True) is settings
    for other in ({"phrase": ["a dog"]}, {"grounder": "h"}, {"most": 3}, {"phrase_model": "tiny"}):
        assert without_held(settings, {**recorded, **other}, unchanged=True) is settings
    anew = RegionSettings(phrase=("a cup",), grounder="g", box=TWO)
    assert without_held(anew, recorded, unchanged=True) is anew
