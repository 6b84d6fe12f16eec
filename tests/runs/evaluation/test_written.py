"""What is taken of a data set, what of the settings is told, and the one file."""

import json
from pathlib import Path

import pytest

from gencontrol import __version__
from gencontrol.cli.evaluate import FLAGS
from gencontrol.errors import GencontrolError
from gencontrol.runs.evaluation.refcoco import Row
from gencontrol.runs.evaluation.settings import EvaluationSettings
from gencontrol.runs.evaluation.written import finish, kept_of, settings_told, spread


def test_items_are_spread_over_all() -> None:
    assert spread(range(10), None) == range(10)
    assert list(spread(range(10), 3)) == [0, 3, 6] and list(spread(range(10), 4)) == [0, 2, 4, 6]
    assert list(spread(range(3), 5)) == [0, 1, 2]


def test_settings_are_those_that_a_result_depends_on() -> None:
    told = settings_told(FLAGS(data="refcoco", root="r", format="json", output="a.json", offline=True))
    assert told == settings_told(FLAGS(data="refcoco", root="r", output="b.json", overwrite=True))
    assert told["root"] == "r" and {"format", "config", "output", "overwrite", "offline"}.isdisjoint(told)
    assert told != settings_told(EvaluationSettings(data="refcoco", root="other"))


def test_one_file_and_nothing_beside_it(tmp_path: Path) -> None:
    settings = EvaluationSettings(data="refcoco", root="r", output=str(tmp_path / "e.json"), device="cpu")
    kept = kept_of(settings, {"looks": ["alpha"]})
    assert kept.made_with == {"settings": settings_told(settings), "looks": ["alpha"]} and kept.device == "cpu"
    kept.path(1).write_text("{}")
    finish(kept, Row(focus="alpha", way="one text", accuracy=0.5), settings, facts={"templates": ["é", "caf\udce9"]})
    record = json.loads((tmp_path / "e.json").read_text(encoding="utf-8"))
    assert record["gencontrol"] == __version__ and record["settings"] == settings_told(settings)
    assert record["accuracy"] == 0.5 and record["templates"] == ["é", "caf\udce9"] and "torch" in record["versions"]
    assert [path.name for path in tmp_path.iterdir()] == ["e.json"]
    with pytest.raises(GencontrolError):
        finish(kept, Row(focus="alpha", way="one text", accuracy=0.5), settings, facts={})
