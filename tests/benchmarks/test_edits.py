"""The benchmark of edits: cases, seams, verdicts, tables, and that a run goes on where it was broken off."""

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch

from benchmarks import edits
from benchmarks.edits import ROWS, Case, Settings, case_of, judged, main, report, step_across
from benchmarks.judge.model import Verdict
from benchmarks.settings import chosen_rows
from gencontrol.errors import ConfigError, InputError
from gencontrol.images.picture import Picture
from gencontrol.pipelines.editing.painting import soft_border
from gencontrol.regions import from_box
from gencontrol.regions.scene import Scene

HOLE = from_box((8, 8, 24, 24), size=(32, 32))


def a_case(*, wanted: int = 2, before: int = 5) -> Case:
    rgb = torch.randint(256, (3, 32, 32), generator=torch.Generator().manual_seed(0)).to(torch.uint8)
    photo = Picture(rgb=rgb)
    others = torch.tensor([-1, 3, 4])
    return Case(
        photo=photo, hole=HOLE, like=Scene(picture=photo), alone=photo, wanted=wanted, others=others, before=before
    )


def saying(name: int, *, names: int = 8) -> Any:
    """A judge that sees one thing in everything, then the others in their order."""
    scores = -torch.arange(names, dtype=torch.float32)
    scores[name] = 1.0
    seen: list[torch.Tensor] = []

    def judge(pictures: torch.Tensor) -> Verdict:
        seen.append(pictures)
        return Verdict(log_probabilities=scores.expand(len(pictures), -1), features=torch.zeros(len(pictures), 1))

    judge.net = SimpleNamespace(shape=SimpleNamespace(size=16))  # type: ignore[attr-defined]
    judge.seen = seen  # type: ignore[attr-defined]
    return judge


def test_steps_are_counted_across_the_border_alone() -> None:
    soft = soft_border(HOLE.alpha, 0.0)
    flat = torch.full((3, 32, 32), 100, dtype=torch.uint8)
    assert step_across(flat, soft) == 0.0
    square = flat.clone()
    square[:, 8:24, 8:24] = 130
    assert step_across(square, soft) == pytest.approx(30.0)
    within = flat.clone()
    within[:, 10:20, 10:20] = 200
    assert step_across(within, soft) == 0.0
    half = flat.clone()
    half[:, 8:24, 8:24] = 130
    half[0] = 100
    assert step_across(half, soft) == pytest.approx(20.0)
    # Of a soft border every step of it counts.
    assert 0 < step_across(within, soft_border(HOLE.alpha, 0.25)) < 100
    assert step_across(square, torch.ones(32, 32)) == 0.0


def test_verdicts() -> None:
    case = a_case()
    for name, expected in {2: "shown", 3: "other", 5: "before", 7: None}.items():
        judge = saying(name)
        record = judged(case.photo, case, judge, seam=0.05)
        said = {key: record[key] for key in ("shown", "other", "before")}
        assert said == {key: int(key == expected) for key in said}
        assert record["equal"] == 1 and judge.seen[0].shape == (1, 3, 16, 16)
    # The judge sees the hole and a little around it: not the far corner.
    other = case.photo.stored_rgb.clone()
    other[:, 0, 0] = 255 - other[:, 0, 0]
    assert judged(Picture(rgb=other), case, saying(2), seam=0.05)["equal"] == 0
    one, two = saying(2), saying(2)
    for picture, judge in ((case.photo, one), (Picture(rgb=other), two)):
        judged(picture, case, judge, seam=0.05)
    assert torch.equal(one.seen[0], two.seen[0])
    assert judged(case.photo, case, saying(2), seam=0.05)["margin"] == pytest.approx(4.0)
    assert judged(case.photo, a_case(wanted=7), saying(0), seam=0.05)["shown5"] == 0
    assert judged(case.photo, case, saying(7), seam=0.05)["shown5"] == 1


def test_a_case_is_a_box_around_a_sprite_and_the_mask_of_another(marked: Any) -> None:
    photos, references = marked(seed=1, count=4), marked(seed=2, count=4)
    case = case_of(photos, references, 3, grow=0.0)
    assert torch.equal(case.like.regions[0].alpha, references.alpha[3])
    assert case.wanted == int(references.concept[3]) and case.before == int(photos.concept[3])
    marks = (photos.alpha[3] >= 0.5).nonzero()
    rows, columns = (case.hole.alpha > 0).nonzero().unbind(1)
    assert (int(rows.min()), int(columns.min())) == tuple(marks.amin(0).tolist())
    assert (int(rows.max()), int(columns.max())) == tuple(marks.amax(0).tolist())
    assert case_of(photos, references, 3, grow=0.2).hole.alpha.sum() > case.hole.alpha.sum()
    assert case.photo.stored_rgb.dtype == torch.uint8


def test_the_table_has_means_and_standard_errors() -> None:
    made = {"shown": 1, "shown5": 1, "other": 0, "before": 0, "margin": 2.0, "equal": 1, "seam": 4.0}
    none = made | {"shown": 0, "margin": 4.0, "equal": 0, "seam": 8.0}
    lines = report({"alpha/0": made, "alpha/1": none, "crop/0": made}).splitlines()
    assert len(lines) == 4 and lines[2].startswith("| crop |") and lines[3].startswith("| alpha |")
    cells = [cell.strip() for cell in lines[3].strip("|").split("|")]
    assert cells == [
        "alpha", "50.0 ± 50.0", "100.0 ± 0.0", "0.0 ± 0.0", "0.0 ± 0.0", "3.00 ± 1.00", "50.0", "6.0 ± 2.0", "2",
    ]  # fmt: skip
    assert "nan" in lines[2]


def test_rows_are_chosen_by_their_keys() -> None:
    assert [row.key for row in chosen_rows(ROWS, ())] == [row.key for row in ROWS]
    assert {"nothing", "whole", "crop", "alpha", "zoom"} <= {row.key for row in ROWS}
    assert [row.key for row in chosen_rows(ROWS, ("zoom", "crop"))] == ["crop", "zoom"]
    with pytest.raises(ConfigError, match="no row Zoom; there are untouched, removed"):
        chosen_rows(ROWS, ("Zoom",))


def test_a_run(
    model: Path, judge_folder: Path, sprite_file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch
) -> None:
    how: dict[str, Any] = {"model": str(model), "judge": judge_folder, "sprites": sprite_file, "size": 96, "steps": 2}
    settings = Settings(**how, scenes=2, output=tmp_path / "edits.json")
    main(settings)
    printed = capsys.readouterr().out
    assert printed.count("\n") == 2 + len(ROWS) and "100.0" in printed
    records = json.loads((tmp_path / "edits.json").read_text())["edits"]["records"]
    assert len(records) == 2 * len(ROWS) and all(record["equal"] == 1 for record in records.values())
    painted = {row: [records[f"{row}/{n}"]["seam"] for n in (0, 1)] for row in ("nothing", "whole", "alpha", "alone")}
    assert len({tuple(seams) for seams in painted.values()}) == 4
    monkeypatch.setattr(edits, "edit", lambda *_, **__: pytest.fail("measured again"))
    main(settings)
    assert capsys.readouterr().out == printed
    with pytest.raises(InputError, match="measured with another steps"):
        main(Settings(**(how | dict[str, Any](steps=3)), scenes=2, output=tmp_path / "edits.json"))


def test_a_judge_of_other_names(model: Path, sprite_file: Path, tmp_path: Path, judge_folder: Path) -> None:
    index = json.loads((judge_folder / "judge.json").read_text())
    other = tmp_path / "judge"
    other.mkdir()
    (other / "judge.safetensors").write_bytes((judge_folder / "judge.safetensors").read_bytes())
    (other / "judge.json").write_text(json.dumps(index | {"concepts": ["x", *index["concepts"][1:]]}))
    with pytest.raises(InputError, match="The judge knows"):
        main(Settings(model=str(model), judge=other, sprites=sprite_file, output=tmp_path / "e.json"))
