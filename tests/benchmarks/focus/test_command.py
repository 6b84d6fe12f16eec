"""The benchmark runs, and measures nothing twice; nothing is timed here."""

import dataclasses
import json
from pathlib import Path

import pytest
from PIL import Image

from benchmarks.focus.command import Settings, main
from benchmarks.focus.rows import GENERATED, ROWS
from benchmarks.focus.scenes import KINDS
from benchmarks.settings import chosen_rows
from gencontrol.errors import ConfigError


def test_it_runs_and_measures_nothing_twice(
    model: Path, judge_folder: Path, sprite_file: Path, tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    settings = Settings(
        model=str(model),
        sprites=sprite_file,
        judge=judge_folder,
        rows=("plain", "alpha"),
        quick=True,
        sheet=tmp_path / "sheet.png",
        sheet_scenes=2,
        output=tmp_path / "focus.json",
    )
    main(settings)
    printed = capsys.readouterr().out
    for text in ("## Recognition", "60 scenes a row", "## Variation", "6 pictures a row, 4 steps", "not measured"):
        assert text in printed
    assert "training styles 50.0% of 10" in printed
    with Image.open(tmp_path / "sheet.png") as sheet:
        assert sheet.width == 8 + (1 + len(GENERATED)) * (128 + 8)
    written = json.loads(settings.output.read_text())
    names = {f"{row}/{kind.name}" for row in ("chance", "plain", "alpha") for kind in KINDS}
    assert set(written["recognition"]["records"]) == names
    assert set(written["variation"]["records"]) == {"chance", "plain/0", "alpha/0"}
    written["recognition"]["records"]["alpha/3"]["top1"] = 0.123
    written["variation"]["records"]["alpha/0"]["masked"] = [1, 0, 0, 0, 0, 0]
    settings.output.write_text(json.dumps(written))
    main(dataclasses.replace(settings, sheet=None))
    assert json.loads(settings.output.read_text()) == written
    assert "| Alpha-CLIP, mask | 16.7 |" in capsys.readouterr().out


def test_unknown_rows_are_refused() -> None:
    with pytest.raises(ConfigError, match="no row alfa; there are plain, attention"):
        chosen_rows(ROWS, ("alfa",))
    assert [row.key for row in chosen_rows(ROWS, ("alpha", "plain"))] == ["plain", "alpha"]
