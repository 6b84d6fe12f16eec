"""The speed benchmark's parts, and that it runs; nothing is timed here."""

import json
from pathlib import Path
from typing import Any

import pytest
import torch

from benchmarks.nerf import speed

# nerfstudio 1.1.5 and the versions it pins warn about themselves, at import and in use.
pytestmark = pytest.mark.filterwarnings("ignore")


def small(tiny_folder: Path, **changes: Any) -> speed.Settings:
    settings: dict[str, Any] = {
        "views": 1,
        "size": 12,
        "samples": 8,
        "resolution": 12,
        "view_size": 12,
        "levels": 2,
        "table": 4,
    }
    return speed.Settings(encoder=str(tiny_folder), prompt="red cat", rounds=1, **settings | changes)


def test_skipping_renders_the_same_picture_with_fewer_questions(tiny_folder: Path) -> None:
    settings = small(tiny_folder, resolution=24)
    origins = torch.tensor([[0.0, -3.0, 0.0], [0.9, -3.0, 0.9]])
    directions = torch.tensor([[0.0, 1.0, 0.0]]).expand(2, 3)
    asked: dict[str, int] = {}
    seen = {}
    for name in (speed.OURS, speed.PLAIN):
        model: Any = speed.model_of(name, settings)
        model.field.register_forward_pre_hook(lambda _, points, n=name: asked.__setitem__(n, len(points[0])))
        seen[name] = model(origins, directions, samples=40)
    assert asked[speed.OURS] < asked[speed.PLAIN] == 80
    assert torch.allclose(seen[speed.OURS].opacity, seen[speed.PLAIN].opacity, atol=0.03)
    assert torch.allclose(seen[speed.PLAIN].parts[:, 0], seen[speed.PLAIN].opacity, atol=1e-5)


def test_nerfactos_field_is_asked_at_the_points(tiny_folder: Path) -> None:
    model: Any = speed.model_of(speed.NERFACTO, small(tiny_folder))
    field = model.field
    points = torch.rand(5, 3, generator=torch.Generator().manual_seed(0)) * 1.8 - 0.9
    density, rgb = field(points)
    assert density.shape == (5,) and rgb.shape == (5, 3) and (density > 0).all()
    assert torch.allclose(field.inner._sample_locations, (points + 1) / 2, atol=1e-6)


@pytest.mark.parametrize("name", ["ours", "without skipping", "nerfacto's field", "guidance alone"])
def test_a_step_changes_what_is_trained(tiny_folder: Path, name: str) -> None:
    settings = small(tiny_folder)
    assert name in speed.ROWS
    model, steering = speed.model_of(name, settings), speed.steering_of(settings)
    before = [p.detach().clone() for p in model.parameters()]
    speed.guided_step(model, torch.optim.Adam(model.parameters(), lr=0.01), steering, settings)
    assert any(not torch.equal(a, b) for a, b in zip(before, model.parameters(), strict=True))


def test_a_step_has_every_loss_of_the_method(tiny_folder: Path) -> None:
    settings, method = small(tiny_folder), speed.SteeredModelConfig(prompt="red cat")
    steering = speed.steering_of(settings)
    assert steering.augmentation == method.augmentation and steering.augmentation.noise > 0
    assert len(steering.others[0][0]) > 0  # names that it is told apart from
    lattice, picture = (speed.losses_of(speed.model_of(n, settings), steering, settings) for n in speed.ROWS[::3])
    expected = {"guidance_whole", "contrast_whole", "entropy", "transmittance"}
    assert set(picture) == expected and all(loss != 0 for loss in picture.values())
    assert set(lattice) == expected | {"density_variation", "colour_variation"}


def test_it_runs_and_prints_a_line_for_each_row(
    tiny_folder: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    monkeypatch.setattr(speed, "_memory_of", lambda *_: 7.0)
    speed.main(small(tiny_folder, json=tmp_path / "rows.json"))
    rows = json.loads((tmp_path / "rows.json").read_text())
    assert [row["name"] for row in rows] == list(speed.ROWS)
    assert rows[0]["step_against_ours"] == 1 and rows[0]["parameters"] == 4 * 12**3
    assert rows[-1]["view_milliseconds"] is None
    assert capsys.readouterr().out.count("\n") == 2 + len(rows)


def test_memory_is_measured_in_the_process_asked(tiny_folder: Path, capsys: pytest.CaptureFixture) -> None:
    speed.main(small(tiny_folder, memory_of=speed.OURS))
    assert json.loads(capsys.readouterr().out) >= 0
