"""The steering benchmark runs, and goes on; nothing is timed here."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from benchmarks.nerf import steering
from benchmarks.nerf.measures import change_outside, part_views
from benchmarks.nerf.report import scene_name
from benchmarks.nerf.steering import (
    ALL_ROWS,
    CEILING,
    FLOOR,
    PART,
    ROWS,
    Settings,
    check_settings,
    main,
    open_bench,
    row_config,
    scene_of,
)

# nerfstudio 1.1.5 and the versions it pins warn about themselves, at import and in use.
pytestmark = pytest.mark.filterwarnings("ignore")


@pytest.fixture(scope="module")
def settings(
    sprite_file: Path, sprite_store: Any, judge_folder: Path, model: Path, tmp_path_factory: pytest.TempPathFactory
) -> Settings:
    return Settings(
        sprites=sprite_file,
        judge=judge_folder,
        encoder=str(model),
        style=sprite_store.styles[0],
        scenes=("green disc",),
        prompts=("red ball",),  # a synonym of the red disc
        steps=2,
        every=1,
        resolution=24,
        size=16,
        output=tmp_path_factory.mktemp("steering"),
    )


def test_no_run_is_begun_when_the_hours_are_over(
    settings: Settings, tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    main(replace(settings, output=tmp_path, hours=0.0))
    assert "The hours are over" in capsys.readouterr().out
    assert [path.name for path in tmp_path.iterdir()] == ["settings.json"]


def test_a_part_of_the_cases_may_be_run_first(
    settings: Settings, tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    changed = replace(settings, output=tmp_path)
    main(replace(changed, rows=(FLOOR,)))
    printed = capsys.readouterr().out
    assert f"0 of 1 runs are in {tmp_path}; missing:\n  green disc -> red ball, unedited" in printed
    assert f"\n1 of 1 runs are in {tmp_path}\n" in printed
    main(replace(changed, rows=(FLOOR, CEILING), hours=0.0))
    assert f"1 of 2 runs are in {tmp_path}; missing:\n  green disc -> red ball, true sprite" in capsys.readouterr().out


def test_it_measures_every_row_and_goes_on(settings: Settings, capsys: pytest.CaptureFixture) -> None:
    folder = settings.output
    main(settings)
    printed = capsys.readouterr().out
    files = {row: folder / f"{scene_name('green disc', 'red ball', row)}.json" for row in ALL_ROWS}
    for row, file in files.items():
        assert f"\n{row} " in printed
        stored = json.loads(file.read_text())
        assert [point["step"] for point in stored] == ([0, 1, 2] if row in ROWS else [0])
        kept = row == FLOOR or (row in ROWS and not ROWS[row]["free"])
        if row != CEILING:
            assert (stored[-1]["change"] < 1e-6) == kept
    assert (folder / "sheet.png").is_file()
    before = {file: file.stat().st_mtime_ns for file in files.values()}
    main(settings)
    assert before == {file: file.stat().st_mtime_ns for file in files.values()}
    with pytest.raises(SystemExit, match="other settings"):
        main(replace(settings, steps=3))
    # What a row means is one of them.
    ways = {**ROWS, "Alpha-CLIP, near": {"plain": False, "free": True, "near": True}}
    with pytest.MonkeyPatch.context() as patch, pytest.raises(SystemExit, match="other settings"):
        patch.setattr(steering, "ROWS", ways)
        check_settings(settings)
    # A new one is not, and neither are those that are no more.
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(steering, "ROWS", {"another": {"plain": True, "free": True}})
        check_settings(settings)
    assert json.loads((folder / "settings.json").read_text())["ways"].keys() == {*ROWS, "another"}


def test_the_optimiser_is_the_methods_own_but_where_steps_go_by_size(settings: Settings) -> None:
    opened = open_bench(settings)
    eps = {row: row_config(opened, row, Path("scene"), "red ball").optimizers["field"]["optimizer"].eps for row in ROWS}
    assert {row: e for row, e in eps.items() if e != 1e-8} == {
        "plain CLIP, steps by size": 1e-4,
        "Alpha-CLIP, steps by size": 1e-4,
    }


def test_the_true_sprite_stands_in_the_part(
    settings: Settings,
) -> None:
    opened = open_bench(settings)
    green, red = (scene_of(opened, name) for name in ("green disc", "red disc"))
    for scene, channel in ((green, 1), (red, 0)):
        front = part_views(scene, opened.stage)[0]
        middle = front[:, 6:10, 6:10].mean(dim=(1, 2))
        assert middle.argmax() == channel and middle.max() > middle.min() + 0.2
    # Only the part differs, so the ceiling's pictures are those of the same scene outside.
    assert change_outside(green, red, PART) < 0.02
