"""A picture is repeated in the batch in which it was drawn, if nothing else is changed."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from gencontrol.runs.files.encodings import encode
from gencontrol.runs.files.records import describe
from gencontrol.runs.files.repeat import Repeated, read_repeated
from gencontrol.runs.files.together import batches_of, marked, together_again

RECORD: dict[str, Any] = describe(settings={"steps": 9}, seed=0, image=None, regions=())


def written(path: Path, record: dict[str, Any]) -> Repeated:
    path.write_bytes(encode(Image.new("RGB", (8, 8)), path.suffix, record=record))
    return read_repeated(path)


def test_which_seeds_are_drawn_at_once() -> None:
    assert batches_of((3, 4, 5), 2) == [(3, 4), (5,)]
    assert batches_of((3, 4), 8) == [(3, 4)]
    assert batches_of((4,), 1, (3, 4)) == [(3, 4)]


def test_a_record_says_its_batch_where_there_were_others() -> None:
    batches = [(3, 4), (5,)]
    assert marked({"a": 1}, 4, batches) == {"a": 1, "seed": 4, "together": [3, 4]}
    assert marked({"a": 1}, 5, batches) == {"a": 1, "seed": 5}
    assert marked(None, 5, batches) is None


def test_the_same_again_is_drawn_with_the_same(tmp_path: Path) -> None:
    repeated = written(tmp_path / "made.png", RECORD | {"seed": 4, "together": [3, 4]})
    assert repeated.together == (3, 4)
    for batch in (4, 2):
        assert together_again(repeated, (4,), batch, lambda: RECORD) == (3, 4)


@pytest.mark.parametrize("what", ["nothing repeated", "alone", "another seed", "several", "fewer", "changed", "untold"])
def test_what_is_not_the_same_is_drawn_by_itself(what: str, tmp_path: Path) -> None:
    repeated = written(tmp_path / "made.png", RECORD | {"seed": 4, "together": [3, 4]})
    given: dict[str, Any] = {"repeated": repeated, "seeds": (4,), "batch": 4, "record": lambda: RECORD}
    given |= {
        "nothing repeated": {"repeated": None},
        "alone": {"repeated": replace(repeated, together=())},
        "another seed": {"seeds": (5,)},
        "several": {"seeds": (4, 3)},
        "fewer": {"batch": 1},
        "changed": {"record": lambda: RECORD | {"settings": {"steps": 8}}},
        "untold": {"record": lambda: None},
    }[what]
    assert together_again(*given.values()) == ()


@pytest.mark.parametrize(
    "said", [3, "34", [4], [3, 5], [3, "4", 4], [4, -1], [4, 2**63], [4, True], list(range(65)), None]
)
def test_what_a_stranger_says_of_a_batch_is_left(said: Any, tmp_path: Path) -> None:
    assert written(tmp_path / "made.png", RECORD | {"seed": 4, "together": said}).together == ()
