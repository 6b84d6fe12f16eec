"""The sheet of unchosen variations: what is written, which names are right, and how readers are counted."""

import dataclasses
import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from benchmarks import likeness
from benchmarks.focus.rows import _ZOOMS, GENERATED, ROWS
from benchmarks.focus.scenes import Marked
from benchmarks.unchosen import (
    COLUMNS,
    FILES,
    Reading,
    Settings,
    counts,
    draw_sheets,
    is_right,
    main,
    read_reading,
    write_sheets,
)
from gencontrol.alpha_clip.model import AlphaCLIP
from gencontrol.errors import InputError
from gencontrol.focus import configured_focus
from gencontrol.runs.notation import parse_focus


@pytest.mark.parametrize(
    ("said", "names", "right"),
    [
        ("pumpkin", ["jack-o-lantern", "pumpkin"], True),
        ("A Pumpkin!", ["pumpkin"], True),
        ("tree", ["palm tree"], True),
        ("green palm tree", ["tree"], True),
        ("palm", ["palm tree"], False),
        ("tree house", ["tree"], False),
        ("", ["tree"], False),
        ("the", ["the"], False),
    ],
)
def test_a_name_is_right_if_its_last_word_is(said: str, names: list[str], right: bool) -> None:
    assert is_right(said, names) is right


def test_readers_are_counted_alone_and_together() -> None:
    first = Reading(names=("cat", "dog", "sun"), of_this_one=(True, False, True))
    second = Reading(names=("cat", "cow", "moon"), of_this_one=(True, True, False))
    truths = [["cat"], ["dog"], ["crescent moon", "moon"]]
    assert counts([first, second], truths) == {
        "named": [2, 2],
        "all named": 1,
        "of this one": [2, 2],
        "all of this one": 1,
    }


@pytest.mark.parametrize("text", ["{", "[]", '{"names": ["cat"]}', '{"names": ["cat"], "of_this_one": [true, false]}'])
def test_files_that_are_no_readers_are_refused(tmp_path: Path, text: str) -> None:
    path = tmp_path / "reader.json"
    path.write_text(text)
    with pytest.raises(InputError, match=r"reader\.json: expected"):
        read_reading(path, 1)


def test_the_sheets_hold_every_variation_in_order(sprite_store, marked: Callable[..., Marked], tmp_path: Path) -> None:
    scenes = [marked(count=10, seed=seed) for seed in (1, 2)]
    drawn = torch.linspace(0, 1, 20)[:, None, None, None].expand(20, 3, 16, 16)
    folder = write_sheets(drawn, scenes, sprite_store.concepts, tmp_path / "out")
    assert sorted(path.name for path in folder.iterdir()) == sorted(FILES)
    with Image.open(folder / "variations.png") as sheet:
        greys = set(np.unique(np.asarray(sheet.convert("L"))).tolist())
    assert {round(255 * n / 19) for n in range(20)} <= greys
    with Image.open(folder / "references.png") as beside, Image.open(folder / "variations.png") as sheet:
        # Pairs: half as many labels in a row, and so twice the rows, less what the last one lacks; pictures are larger.
        assert beside.height / (128 + 30) > 4 and sheet.height < beside.height and COLUMNS == 8
    names = json.loads((folder / "names.json").read_text())
    concepts = [c for shown in scenes for c in shown.concept.tolist()]
    assert names == [list(sprite_store.concepts[c].names) for c in concepts]


def test_the_command_draws_and_then_counts(sprite_file: Path, model: Path, tmp_path: Path, capsys) -> None:
    folder, reader = tmp_path / "unchosen", tmp_path / "reader.json"
    settings = Settings(model=str(model), sprites=sprite_file, pictures=4, steps=1, output=folder)
    main(settings)
    assert f"wrote {folder}" in capsys.readouterr().out
    names = json.loads((folder / "names.json").read_text())
    reader.write_text(json.dumps({"names": [names[0][0], "", "", ""], "of_this_one": [True, True, False, False]}))
    main(Settings(score=(folder, reader)))
    assert "of 4: named [1], all named 1, of this one [2], all of this one 2" in capsys.readouterr().out
    again = draw_sheets(dataclasses.replace(settings, output=tmp_path / "again"))
    assert (again / "variations.png").read_bytes() == (folder / "variations.png").read_bytes()
    other = draw_sheets(dataclasses.replace(settings, seed=4, output=tmp_path / "other"))
    assert (other / "variations.png").read_bytes() != (folder / "variations.png").read_bytes()


def test_what_the_readme_says_of_the_readers(capsys: pytest.CaptureFixture[str]) -> None:
    root = Path(__file__).parents[2]
    readers = root / "benchmarks" / "readers"
    main(Settings(score=(readers, readers / "first.json", readers / "second.json")))
    assert "of 64: named [44, 43], all named 43, of this one [46, 45]" in capsys.readouterr().out
    said = (root / "README.md").read_text(encoding="utf-8").replace("\n", " ")
    assert "named 44 and 43 of them rightly" in said and 'would call 46 and 45 "of this one"' in said


def test_what_is_measured_is_how_tiny_looks_by_itself() -> None:
    default = AlphaCLIP.from_pretrained("tiny").default_focus
    assert parse_focus(Settings().focus) == configured_focus(default)
    assert parse_focus(likeness.Settings().focus[-1]) == configured_focus(default)
    (row,) = [row for row in ROWS if row.key == "zooms-source"]
    assert row.key in GENERATED and _ZOOMS == configured_focus(default)
