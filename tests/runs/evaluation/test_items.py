"""Item by item: broken off and gone on with, and by several processes."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from gencontrol.errors import InputError
from gencontrol.runs.evaluation.items import Kept, check_kept, keep_items, measure_items, read_kept, remove_kept
from gencontrol.runs.notices import RunWarning

EXPECTED = tuple({"square": item**2} for item in range(7))


def square(item: int) -> dict[str, Any]:
    return {"square": item**2}


def kept(tmp_path: Path, **changes: Any) -> Kept:
    values: dict[str, Any] = {"output": tmp_path / "o[1].json", "made_with": {"split": ("val",), "limit": None}}
    return Kept(**(values | changes))


def broken_off(tmp_path: Path, after: int) -> list[int]:
    """Measure until an item fails, and tell which were."""
    seen: list[int] = []

    def failing(item: int) -> dict[str, Any]:
        if item == after:
            raise KeyboardInterrupt
        seen.append(item)
        return square(item)

    with pytest.raises(KeyboardInterrupt):
        measure_items(range(7), failing, kept(tmp_path))
    return seen


def test_all_items_in_their_order_and_nothing_is_left(tmp_path: Path) -> None:
    assert measure_items(range(7), square, kept(tmp_path)) == EXPECTED
    assert kept(tmp_path).paths() == [tmp_path / "o[1].json.0.part"]
    assert read_kept(kept(tmp_path))[3] == {"square": 9}
    remove_kept(kept(tmp_path))
    assert not list(tmp_path.iterdir())
    assert measure_items([], square, kept(tmp_path)) == ()


def test_what_was_done_is_not_done_again(tmp_path: Path) -> None:
    assert broken_off(tmp_path, 4) == [0, 1, 2, 3]
    path = tmp_path / "o[1].json.0.part"
    # Killed in the middle of a line.
    with path.open("a", encoding="utf-8") as file:
        file.write('{"item": 4, "do')
    seen: list[int] = []
    with pytest.warns(RunWarning, match="4 of 7 were measured before: going on with the rest"):
        found = measure_items(range(7), lambda item: [seen.append(item), square(item)][1], kept(tmp_path))
    assert found == EXPECTED and seen == [4, 5, 6]


def test_parts_of_other_settings_are_refused_or_begun_anew(tmp_path: Path) -> None:
    broken_off(tmp_path, 2)
    other = {"made_with": {"split": ("test",), "limit": None}}
    with pytest.raises(InputError, match=r"o\[1\]\.json\.0\.part holds a part of a measurement with other settings"):
        measure_items(range(7), square, kept(tmp_path, **other))
    # A data set of another size is another one.
    with pytest.raises(InputError, match="with other settings"):
        measure_items(range(6), square, kept(tmp_path))
    assert measure_items(range(7), square, kept(tmp_path, overwrite=True, **other)) == EXPECTED
    # A file that holds nothing yet is nobody's.
    remove_kept(kept(tmp_path))
    kept(tmp_path).path(3).touch()
    check_kept(kept(tmp_path))
    assert not kept(tmp_path).paths()


def test_two_processes_share_items_and_go_on_with_those_of_one(tmp_path: Path) -> None:
    # What `accelerate launch` starts for several processes, and what it has no flag for on CPUs without MPI.
    launch = ("torch.distributed.run", "--standalone", "--nproc_per_node", "2")
    order = (sys.executable, "-m", *launch, str(Path(__file__).with_name("_two.py")), str(tmp_path))
    environment = {**os.environ, "ACCELERATE_USE_CPU": "true"}
    subprocess.run(order, check=True, capture_output=True, env=environment)
    found = json.loads((tmp_path / "found.json").read_text())
    assert [one["square"] for one in found] == [item**2 for item in range(7)]
    assert [one["process"] for one in found] == [0, 1, 0, 1, 0, 1, 0]
    # One of the two loses what it did after its first item; alone, another goes on with the rest.
    (tmp_path / "found.json").unlink()
    part = tmp_path / "out.json.1.part"
    part.write_text("".join(part.read_text().splitlines(keepends=True)[:2]))
    alone = {"output": tmp_path / "out.json", "made_with": {"a": 1}, "device": "cpu"}
    with pytest.warns(RunWarning, match="5 of 7 were measured before"):
        again = measure_items(range(7), lambda item: {"square": item**2, "process": 5}, Kept(**alone))
    assert again is not None and [one["process"] for one in again] == [0, 1, 0, 5, 0, 5, 0]
    assert [one["square"] for one in again] == [item**2 for item in range(7)]


def test_items_that_are_done_elsewhere_come_in_any_order(tmp_path: Path) -> None:
    given: list[list[int]] = []

    def through(numbers: Sequence[int]) -> Iterator[tuple[int, dict[str, Any]]]:
        given.append(list(numbers))
        for number in reversed(numbers):
            if number == 2 and len(given) == 1:
                raise KeyboardInterrupt
            yield number, square(number)

    with pytest.raises(KeyboardInterrupt):
        keep_items(7, through, kept(tmp_path))
    with pytest.warns(RunWarning, match="4 of 7 were measured before"):
        assert keep_items(7, through, kept(tmp_path)) == EXPECTED
    assert given == [[0, 1, 2, 3, 4, 5, 6], [0, 1, 2]]
    # What one process did alone goes on elsewhere, and the other way round.
    with pytest.warns(RunWarning, match="7 of 7 were measured before"):
        assert measure_items(range(7), square, kept(tmp_path)) == EXPECTED
