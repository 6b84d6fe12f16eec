"""Which settings say what is looked at."""

import pytest

from gencontrol.errors import ConfigError
from gencontrol.runs.referring.finding import check_candidates
from gencontrol.runs.referring.settings import ReferringSettings


def test_defaults() -> None:
    usual = ReferringSettings()
    assert (usual.grounder, usual.segmenter, usual.score, usual.output, usual.overwrite) == (
        None,
        "grabcut",
        None,
        None,
        False,
    )


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"text": "cup"}, "Give a picture and what is meant in it"),
        ({"image": "a.png", "text": "  "}, "Give a picture and what is meant in it"),
        ({"image": "a.png", "text": "cup"}, r"Give candidates \(`mask`, `box`, `label_map`, ...\), or a `grounder`"),
        ({"image": "a.png", "text": "cup", "box": ("1,1,2,2",), "score": 0.5}, "`score` is of proposals"),
        ({"image": "a.png", "text": "cup", "box": ("1,1,2,2",), "most": 3}, "`most` is of proposals"),
        ({"image": "a.png", "text": "cup", "label_map": "l.png", "segmenter": "box"}, "`segmenter` is of proposals"),
        ({"image": "a.png", "text": "cup", "mask": ("m.png",), "grounder": "g"}, "`mask` gives candidates"),
        ({"image": "a.png", "text": "cup", "grounder": "g", "score": float("nan")}, "`score`: expected 0 or more"),
        ({"image": "a.png", "text": "cup", "grounder": "g", "most": 0}, "`most`: expected 1 or more"),
        ({"image": "a.png", "text": "cup", "label_map": "l.png", "grounder": "g"}, "`label_map` gives candidates"),
    ],
)
def test_candidates_are_said_once(given: dict, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        check_candidates(ReferringSettings(**given))


@pytest.mark.parametrize("given", [{"box": ("1,1,2,2",)}, {"label_map": "l.png"}, {"grounder": "g", "score": 0.5}])
def test_candidates_of_either_kind(given: dict) -> None:
    check_candidates(ReferringSettings(image="a.png", text="cup", **given))
