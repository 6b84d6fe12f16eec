"""The steering benchmark: its measures against pictures made by hand, and that it runs and goes on."""

import importlib
import json
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import torch

from gencontrol.nerf.field.scene import Scene
from gencontrol.nerf.parts.shapes import Box, Sphere
from gencontrol.nerf.still_life.world import Thing, World, bake

pytest.importorskip("nerfstudio")
# nerfstudio 1.1.5 and the versions it pins warn about themselves, at import and in use.
pytestmark = pytest.mark.filterwarnings("ignore")

BOX = Box(centre=(0.0, 0.0, 0.0), size=(0.8, 0.8, 0.8))


@pytest.fixture(scope="module")
def nerf_bench() -> dict[str, ModuleType]:
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(Path(__file__).parents[2] / "benchmarks"))
        names = ("nerf_steering", "nerf_measures", "nerf_report", "judge_model")
        return {name: importlib.import_module(name) for name in names}


@pytest.fixture(scope="module")
def measures(nerf_bench: dict[str, ModuleType]) -> ModuleType:
    return nerf_bench["nerf_measures"]


@pytest.fixture(scope="module")
def report(nerf_bench: dict[str, ModuleType]) -> ModuleType:
    return nerf_bench["nerf_report"]


def ball(x: float, rgb: tuple[float, float, float] = (0.9, 0.1, 0.1), radius: float = 0.3) -> Thing:
    return Thing(name=f"ball{x}", body=Sphere(centre=(x, 0.0, 0.0), radius=radius), colour=rgb)


def test_the_part_alone_is_seen_on_paper_and_shaded_grey(measures: ModuleType) -> None:
    scene = bake(World(things=(ball(0.0), ball(0.75, (0.1, 0.1, 0.9), 0.2))), 48)
    stage = measures.Stage(box=BOX, views=4, size=24)
    pictures = measures.part_views(scene, stage)
    red, _, blue = pictures[:, :, 12, 12].T
    assert (red > 2 * blue).all()  # the blue ball is not in the part, from whatever side
    assert torch.allclose(pictures[:, :, 0, 0], torch.full((4, 3), measures.PAPER), atol=1e-3)
    grey = measures.part_views(scene, stage, textured=False)
    assert torch.allclose(grey[:, 0], grey[:, 2], atol=1e-4)
    middle = grey[:, 0, 8:16, 8:16].flatten(1)
    assert (middle.std(dim=1) > 0.02).all()  # shape is visible


def test_shading_is_brightest_towards_the_light(measures: ModuleType) -> None:
    field = measures.shaded(bake(World(things=(ball(0.0, radius=0.5),)), 48))
    light = torch.nn.functional.normalize(torch.tensor([-0.4, -0.7, 0.6]), dim=0)
    _, rgb = field(torch.stack([light, -light]) * 0.48)
    assert rgb[0, 0].item() == pytest.approx(0.9, abs=0.05) and rgb[1, 0].item() == pytest.approx(0.36, abs=0.05)


def test_the_silhouette_is_the_boxs_outline_grown(measures: ModuleType) -> None:
    tight, grown = (measures.Stage(box=BOX, views=2, size=48, grown=g).silhouette() for g in (0, 3))
    assert not (tight & ~grown).any() and grown.sum() > 1.2 * tight.sum()
    seen = measures.whole_views(
        bake(World(things=(Thing(name="b", body=BOX),)), 64), measures.Stage(box=BOX, views=2, size=48)
    )
    drawn = (seen < 0.9).any(dim=1, keepdim=True)
    assert not (drawn & ~grown).any() and (drawn ^ tight).float().mean() < 0.03


def test_what_stands_in_the_part_covers_its_own_outline(measures: ModuleType) -> None:
    stage = measures.Stage(box=BOX, views=2, size=48, grown=0)
    small, beside = (bake(World(things=things), 64) for things in ((ball(0.0),), (ball(0.0), ball(0.75))))
    covered = measures.covered(small, stage)
    drawn = (measures.whole_views(small, stage) < 0.5).any(dim=1, keepdim=True)
    assert (covered ^ drawn).float().mean() < 0.02 and covered.any()
    assert torch.equal(measures.covered(beside, stage), covered)  # what stands outside of the part is not in it
    assert (covered & ~stage.silhouette()).sum() == 0
    thin = Scene(lattice=small.lattice.clone())
    thin.lattice[0] -= thin.lattice[0].max() + 4  # haze covers nothing
    assert not measures.covered(thin, stage).any()


def test_picture_measures_look_outside_only(measures: ModuleType) -> None:
    before = torch.rand(2, 3, 24, 24, generator=torch.Generator().manual_seed(0))
    inside = torch.zeros(2, 1, 24, 24, dtype=torch.bool)
    inside[..., :12] = True
    after = before.clone()
    after[..., :8] = 0.5
    assert measures.psnr_outside(before, after, inside) == measures.EQUAL
    assert measures.ssim_outside(before, after, inside) == pytest.approx(1, abs=0.01)
    after[..., 12:] += 0.1
    assert measures.psnr_outside(before, after, inside) == pytest.approx(20, abs=1e-3)
    after[..., 12:] = 0.5
    assert measures.ssim_outside(before, after, inside) < 0.3


def test_change_of_the_rest_is_a_share_of_what_there_was(measures: ModuleType) -> None:
    before = bake(World(things=(ball(0.0), ball(0.7))), 48)
    inside = bake(World(things=(ball(0.7),)), 48)
    gone = bake(World(things=(ball(0.0),)), 48)
    assert measures.change_outside(before, before, BOX) == 0
    assert measures.change_outside(before, inside, BOX) < 0.02
    assert measures.change_outside(before, gone, BOX) == pytest.approx(1, abs=0.01)
    lattice = before.lattice.clone()
    lattice[1:] = 0.0  # grey
    recoloured = measures.change_outside(before, Scene(lattice=lattice), BOX)
    assert 0.1 < recoloured < 0.5


def test_the_rank_is_by_the_mean_over_views(measures: ModuleType) -> None:
    log_probabilities = torch.tensor([[-1.0, -2.0, -9.0], [-4.0, -2.0, -9.0]])
    assert measures.rank_of(log_probabilities, 1) == (1, -2.0)
    assert measures.rank_of(log_probabilities, 0) == (2, -2.5)
    assert measures.rank_of(log_probabilities, 2)[0] == 3


def points(*pairs: tuple[float, float]) -> list[dict[str, Any]]:
    fixed = {"rank": 3, "textureless_rank": 40, "psnr": 50.0, "close_psnr": 30.0, "ssim": 0.9, "minutes": 2.0}
    return [{"log_probability": p, "change": c} | fixed for p, c in pairs]


def test_rows_are_compared_where_both_first_reach_the_score(report: ModuleType) -> None:
    results = {
        ("a", "x", "plain CLIP"): points((-8.0, 0.0), (-4.0, 0.4), (-5.0, 0.9)),
        ("a", "x", "Alpha-CLIP"): points((-8.0, 0.0), (-6.0, 0.1), (-2.0, 0.3)),
        ("b", "x", "plain CLIP"): points((-8.0, 0.0), (-9.0, 0.4)),  # never better than at its start: left out
        ("b", "x", "Alpha-CLIP"): points((-8.0, 0.0), (-2.0, 0.2)),
    }
    # Both reach -4: plain CLIP at its second point, Alpha-CLIP half-way from its second to its third.
    ((plain, alpha),) = report.equal_score(results, "plain CLIP", "Alpha-CLIP")
    assert plain == pytest.approx(0.4) and alpha == pytest.approx(0.2)
    printed = report.table(results, rows=("plain CLIP", "Alpha-CLIP"), names=100)
    assert "ratio 0.50" in printed and printed.splitlines()[1].split()[:4] == ["chance", "50", "5%", "50"]
    assert printed.splitlines()[2].startswith("plain CLIP") and " 100%" in printed.splitlines()[2]
    # The pair with the other optimiser is compared apart.
    results |= {(s, p, f"{row}, steps by size"): run for (s, p, row), run in results.items() if s == "a"}
    first, second = report.table(results, rows=("plain CLIP",), names=100).splitlines()[-2:]
    assert first.startswith(
        "at equal judge score, 1 cases: plain CLIP has changed 40.00% of the rest, and Alpha-CLIP 20"
    )
    assert second.startswith("at equal judge score, 1 cases: plain CLIP, steps by size has changed 40.00%")


def test_nothing_is_compared_without_pairs(report: ModuleType) -> None:
    only = {("a", "x", "Alpha-CLIP"): points((-8.0, 0.0), (-2.0, 0.2))}
    assert "no case" in report.table(only, rows=("Alpha-CLIP",), names=10)


@pytest.fixture(scope="module")
def settings(
    sprite_file: Path, sprite_store: Any, judge_folder: Path, model: Path, tmp_path_factory: pytest.TempPathFactory
) -> dict[str, Any]:
    return {
        "sprites": sprite_file,
        "judge": judge_folder,
        "encoder": str(model),
        "style": sprite_store.styles[0],
        "scenes": ("green disc",),
        "prompts": ("red ball",),  # a synonym of the red disc
        "steps": 2,
        "every": 1,
        "resolution": 24,
        "size": 16,
        "output": tmp_path_factory.mktemp("steering"),
    }


def test_no_run_is_begun_when_the_hours_are_over(
    nerf_bench: dict[str, ModuleType], settings: dict[str, Any], tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    steering = nerf_bench["nerf_steering"]
    steering.main(steering.Settings(**settings | {"output": tmp_path}, hours=0.0))
    assert "The hours are over" in capsys.readouterr().out
    assert [path.name for path in tmp_path.iterdir()] == ["settings.json"]


def test_a_part_of_the_cases_may_be_run_first(
    nerf_bench: dict[str, ModuleType], settings: dict[str, Any], tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    steering = nerf_bench["nerf_steering"]
    changed = settings | {"output": tmp_path}
    steering.main(steering.Settings(**changed | {"rows": (steering.FLOOR,)}))
    printed = capsys.readouterr().out
    assert f"0 of 1 runs are in {tmp_path}; missing:\n  green disc -> red ball, unedited" in printed
    assert f"\n1 of 1 runs are in {tmp_path}\n" in printed
    more = steering.Settings(**changed | {"rows": (steering.FLOOR, steering.CEILING), "hours": 0.0})
    steering.main(more)
    assert f"1 of 2 runs are in {tmp_path}; missing:\n  green disc -> red ball, true sprite" in capsys.readouterr().out


def test_it_measures_every_row_and_goes_on(
    nerf_bench: dict[str, ModuleType], settings: dict[str, Any], capsys: pytest.CaptureFixture
) -> None:
    steering, folder = nerf_bench["nerf_steering"], settings["output"]
    steering.main(steering.Settings(**settings))
    printed = capsys.readouterr().out
    name = nerf_bench["nerf_report"].scene_name
    files = {row: folder / f"{name('green disc', 'red ball', row)}.json" for row in steering.ALL_ROWS}
    for row, file in files.items():
        assert f"\n{row} " in printed
        stored = json.loads(file.read_text())
        assert [point["step"] for point in stored] == ([0, 1, 2] if row in steering.ROWS else [0])
        kept = row == steering.FLOOR or (row in steering.ROWS and not steering.ROWS[row]["free"])
        if row != steering.CEILING:
            assert (stored[-1]["change"] < 1e-6) == kept
    assert (folder / "sheet.png").is_file()
    before = {file: file.stat().st_mtime_ns for file in files.values()}
    steering.main(steering.Settings(**settings))
    assert before == {file: file.stat().st_mtime_ns for file in files.values()}
    with pytest.raises(SystemExit, match="other settings"):
        steering.main(steering.Settings(**settings | {"steps": 3}))
    # What a row means is one of them.
    ways = steering.ROWS | {"Alpha-CLIP, near": {"plain": False, "free": True, "near": True}}
    with pytest.MonkeyPatch.context() as patch, pytest.raises(SystemExit, match="other settings"):
        patch.setattr(steering, "ROWS", ways)
        steering.check_settings(steering.Settings(**settings))
    # A new one is not, and neither are those that are no more.
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(steering, "ROWS", {"another": {"plain": True, "free": True}})
        steering.check_settings(steering.Settings(**settings))
    assert json.loads((folder / "settings.json").read_text())["ways"].keys() == {*steering.ROWS, "another"}


def test_the_optimiser_is_the_methods_own_but_where_steps_go_by_size(
    nerf_bench: dict[str, ModuleType], settings: dict[str, Any]
) -> None:
    steering = nerf_bench["nerf_steering"]
    opened = steering.open_bench(steering.Settings(**settings))
    eps = {
        row: steering.row_config(opened, row, Path("scene"), "red ball").optimizers["field"]["optimizer"].eps
        for row in steering.ROWS
    }
    assert {row: e for row, e in eps.items() if e != 1e-8} == {
        "plain CLIP, steps by size": 1e-4,
        "Alpha-CLIP, steps by size": 1e-4,
    }


def test_the_true_sprite_stands_in_the_part(
    nerf_bench: dict[str, ModuleType], settings: dict[str, Any], measures: ModuleType
) -> None:
    steering = nerf_bench["nerf_steering"]
    opened = steering.open_bench(steering.Settings(**settings))
    green, red = (steering.scene_of(opened, name) for name in ("green disc", "red disc"))
    for scene, channel in ((green, 1), (red, 0)):
        front = measures.part_views(scene, opened.stage)[0]
        middle = front[:, 6:10, 6:10].mean(dim=(1, 2))
        assert middle.argmax() == channel and middle.max() > middle.min() + 0.2
    # Only the part differs, so the ceiling's pictures are those of the same scene outside.
    assert measures.change_outside(green, red, steering.PART) < 0.02
