"""From lines to files."""

import json
from pathlib import Path
from typing import Any

import pytest

from gencontrol.engine.candidates import NOT_BEST
from gencontrol.engine.finishing import finish_set
from gencontrol.engine.rules import Rules
from gencontrol.engine.shards import Set
from gencontrol.training.data.folder_pairs import read_listing


class Shards:
    """A source whose rows are done."""

    def __init__(self, shards: int):
        self.shards, self.facts = shards, {}

    def read(self, shard: int) -> Any:
        raise AssertionError


class Maker:
    """One that is not asked."""

    def make(self, row: Any, picture: Any, place: Any) -> Any:
        raise AssertionError


def line(name: str, mask: str | None, agreement: float = 0.5, **values: Any) -> dict[str, Any]:
    usual: dict[str, Any] = {"picture": name, "class": "cat", "whole_caption": None, "image": f"../{name}"}
    usual |= {"mask": mask, "phrase": "cat", "box": [4.0, 6.0, 20.0, 22.0], "score": None, "mask_score": None}
    usual |= {"area": 0.1, "agreement": agreement, "caption": "a cat", "detail": ""}
    return usual | {"rejected_because": "" if mask else "low agreement"} | values


@pytest.fixture
def making(sets: Any, tmp_path: Path) -> Set:
    """Two shards: of the first two masks, one of which no line names; of the second two."""
    sets.save_pictures(tmp_path, 3)
    folder = tmp_path / "out"
    done = Set(folder=folder, source=Shards(2), maker=Maker(), rules=Rules())
    for path in ("000000/a.png", "000000/old.png", "000001/b.png", "000001/c.png"):
        (folder / "masks" / path).parent.mkdir(parents=True, exist_ok=True)
        sets.picture().convert("1").save(folder / "masks" / path)
    done.lines(0).parent.mkdir()
    first = [line("0.png", "masks/000000/a.png", 0.3), line("1.png", None)]
    second = [line("1.png", "masks/000001/b.png", 0.9, whole_caption="ü"), line("2.png", "masks/000001/c.png", 0.3)]
    sets.write_lines(done.lines(0), first)
    sets.write_lines(done.lines(1), second)
    return done


def rows(path: Path) -> list[dict[str, Any]]:
    return [json.loads(one) for one in path.read_text(encoding="utf-8").splitlines()]


def masks(folder: Path) -> list[str]:
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("masks/*/*.png"))


def test_training_reads_what_is_kept_and_the_rest_says_why(making: Set) -> None:
    told = finish_set(making)
    assert (told["pairs"], told["pictures"], told["rejected"]) == (3, 4, {"low agreement": 1})
    pairs = read_listing(making.folder)
    assert [(pair.image, pair.mask, pair.caption, pair.whole_caption) for pair in pairs] == [
        ("../0.png", "masks/000000/a.png", "a cat", None),
        ("../1.png", "masks/000001/b.png", "a cat", "ü"),
        ("../2.png", "masks/000001/c.png", "a cat", None),
    ]
    kept = rows(making.folder / "kept.jsonl")
    assert [one["agreement"] for one in kept] == [0.3, 0.9, 0.3] and "rejected_because" not in kept[0]
    (lost,) = rows(making.folder / "rejected.jsonl")
    assert lost["rejected_because"] == "low agreement" and lost["phrase"] == "cat" and "mask" not in lost
    assert masks(making.folder) == ["masks/000000/a.png", "masks/000001/b.png", "masks/000001/c.png"]


def test_the_best_of_a_class(making: Set) -> None:
    told = finish_set(making, per_class=2)
    # Of two that agree alike, the first.
    assert masks(making.folder) == ["masks/000000/a.png", "masks/000001/b.png"]
    assert told["rejected"] == {"low agreement": 1, NOT_BEST: 1} and told["pairs"] == 2
    finish_set(making, per_class=1)
    assert masks(making.folder) == ["masks/000001/b.png"] and not (making.folder / "masks/000000").exists()


def test_the_same_bytes_again(making: Set) -> None:
    finish_set(making, per_class=2)
    before = {path: path.read_bytes() for path in making.folder.rglob("*") if path.is_file()}
    finish_set(making, per_class=2)
    assert before == {path: path.read_bytes() for path in making.folder.rglob("*") if path.is_file()}
    assert {path.name for path in making.folder.iterdir()} == {
        "shards",
        "masks",
        "pairs.jsonl",
        "kept.jsonl",
        "rejected.jsonl",
        "sheet.png",
    }


def test_each_class_has_its_own_best(sets: Any, making: Set) -> None:
    lines = [
        line("0.png", "masks/000000/a.png", 0.1, **{"class": "dog"}),
        line("0.png", "masks/000000/old.png", 0.2, **{"class": None}),
    ]
    sets.write_lines(making.lines(0), lines)
    assert finish_set(making, per_class=1)["rejected"] == {NOT_BEST: 1}
    assert masks(making.folder) == ["masks/000000/a.png", "masks/000000/old.png", "masks/000001/b.png"]


def test_pictures_that_nothing_names_go(sets: Any, making: Set) -> None:
    folder = making.folder / "pictures" / "000000"
    sets.save_pictures(folder, 2)
    sets.save_pictures(making.folder / "pictures" / "000001", 1)
    named = line("0.png", "masks/000000/a.png", image="pictures/000000/0.png")
    dropped = line("1.png", None, image="pictures/000000/1.png")
    sets.write_lines(making.lines(0), [named, dropped])
    sets.write_lines(making.lines(1), [line("2.png", None)])
    finish_set(making)
    assert [path.name for path in folder.parent.rglob("*.png")] == ["0.png"] and not (folder.parent / "000001").exists()


def test_a_copy_that_goes_is_no_longer_named(sets: Any, making: Set) -> None:
    folder = making.pictures(0)
    folder.mkdir(parents=True)
    for name in ("0.png", "1.png"):
        sets.picture().save(folder / name)
    lines = [
        line("0.png", "masks/000000/a.png", 0.3, image="pictures/000000/0.png", row=0),
        line("0.png", None, image="pictures/000000/0.png", row=0),
        line("1.png", "masks/000000/old.png", 0.2, image="pictures/000000/1.png", row=1),
    ]
    sets.write_lines(making.lines(0), lines)
    sets.write_lines(making.lines(1), [])
    finish_set(making, per_class=1)
    assert [path.name for path in folder.iterdir()] == ["0.png"]
    dropped = rows(making.folder / "rejected.jsonl")
    assert [(one["rejected_because"], one["image"]) for one in dropped] == [
        ("low agreement", "pictures/000000/0.png"),
        (NOT_BEST, None),
    ]
    # What counts rows within a run is no part of what it tells.
    assert not any("row" in one for one in [*dropped, *rows(making.folder / "kept.jsonl")])
