"""Settings that cannot be."""

from pathlib import Path
from typing import Any

import pytest

from gencontrol.errors import ConfigError, InputError
from gencontrol.runs.pairs.settings import (
    GIVEN,
    PHRASES,
    TEMPLATES,
    PairsSettings,
    captioner_of,
    check_pairs,
    grounder_of,
    is_by_class,
)

USUAL: dict[str, Any] = {"pictures": "p", "captions": "c.jsonl", "output": "o"}


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"pictures": " "}, "`pictures` is not given: gencontrol data pairs PICTURES"),
        ({"output": ""}, "`output` is not given"),
        ({"captions": ""}, "`captions` is empty"),
        ({"annotations": " "}, "`annotations` is empty"),
        ({"captioner": ""}, "`captioner` is empty"),
        ({"templates": ""}, "`templates` is empty"),
        ({"names": "n.txt"}, "`names` is of folders that are classes, and this data set has captions"),
        ({"annotations": "i.json", "grounder": "x/y"}, "`annotations` have boxes of their own"),
        ({"captions": None, "grounder": GIVEN}, "`grounder` is of captions"),
        ({"captions": None, "captioner": PHRASES}, "`captioner` phrases is of captions"),
        ({"captions": None, "filter": False}, "`no_filter` is of captions"),
        ({"per_class": 0}, "`per_class`: expected 1 or more, got 0"),
        ({"shard": 0}, "`shard`: expected 1 or more"),
        ({"shard": 10**6}, "at most 100,000, got 1000000"),
        ({"share": 0}, "`share`: expected above 0 and at most 1, got 0"),
        ({"share": 1.5}, "`share`"),
        ({"seed": -1}, "`seed`: expected 0 or more"),
        ({"cluster": " "}, "`cluster` is empty"),
        ({"cluster": "ray://head:1"}, "`cluster`: expected HOST:PORT"),
        ({"cluster": "local", "workers": 0}, "`workers`: expected 1 or more, got 0"),
        ({"workers": 2}, "`workers` are a cluster's: say which as `cluster`, or leave `workers` out"),
    ],
)
def test_refused(changes: dict[str, Any], message: str) -> None:
    changes = {name: float(value) if name == "share" else value for name, value in changes.items()}
    with pytest.raises(ConfigError, match=message):
        check_pairs(PairsSettings(**USUAL | changes))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"pictures": Path("p")}, "pictures: expected text, got a path"),
        ({"filter": "no"}, "filter: expected True or False, got the text 'no'"),
        ({"most": "3"}, "most: expected a whole number, got the text '3'"),
        ({"licence": None}, "licence: expected text, got None"),
    ],
)
def test_another_kind_is_refused_as_a_notebook_gives_it(changes: dict[str, Any], message: str) -> None:
    settings = PairsSettings(**USUAL)
    for name, value in changes.items():
        # The test run's own checks would refuse it sooner.
        object.__setattr__(settings, name, value)
    with pytest.raises(InputError, match=f"PairsSettings: {message}"):
        check_pairs(settings)


def test_what_is_not_said_depends_on_the_data_set(sets: Any, tmp_path: Path) -> None:
    captions, things = PairsSettings(**USUAL), PairsSettings(**dict(USUAL, annotations="i.json"))
    classes = PairsSettings(**dict(USUAL, captions=None))
    archive = PairsSettings(**dict(USUAL, captions=None, pictures="a.tar"))
    for settings in (captions, things, classes, archive):
        check_pairs(settings)
    assert [is_by_class(one) for one in (captions, things, classes, archive)] == [False, False, True, False]
    assert [captioner_of(one) for one in (captions, classes)] == [PHRASES, TEMPLATES]
    assert captioner_of(PairsSettings(**dict(USUAL, captioner="x"))) == "x"
    assert "dino" in grounder_of(captions) and grounder_of(things) == GIVEN
    assert grounder_of(PairsSettings(**dict(USUAL, grounder="x"))) == "x"


def test_a_cluster_and_accelerate_exclude_each_other(monkeypatch: pytest.MonkeyPatch) -> None:
    settings = PairsSettings(**USUAL, cluster="local", workers=1)
    check_pairs(settings)
    monkeypatch.setenv("WORLD_SIZE", "2")
    with pytest.raises(ConfigError, match="and `accelerate launch` has begun several of the command: call it without"):
        check_pairs(settings)
    check_pairs(PairsSettings(**USUAL))
