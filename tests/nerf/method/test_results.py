"""What a run writes: previews on its way, the scene and a turntable at its end."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from PIL import Image

pytest.importorskip("nerfstudio")
# nerfstudio 1.1.5 and the versions it pins warn about themselves when they are imported.
pytestmark = pytest.mark.filterwarnings("ignore")


def around(folder: Path, data: Any) -> Any:
    """A run in a folder, with a data manager."""
    from nerfstudio.engine.callbacks import TrainingCallbackAttributes

    pipeline: Any = SimpleNamespace(datamanager=data)
    trainer: Any = SimpleNamespace(base_dir=folder)
    return TrainingCallbackAttributes(optimizers=None, grad_scaler=None, pipeline=pipeline, trainer=trainer)


def test_a_preview_has_four_views_and_a_row_a_plane_and_leaves_the_model_training(
    make, manager: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from gencontrol.nerf.method import results
    from gencontrol.nerf.method.results import write_preview
    from gencontrol.nerf.parts.parts import Part
    from gencontrol.nerf.parts.shapes import Sphere
    from gencontrol.nerf.rays.cameras import orbit_cameras

    seen: list[Any] = []

    def spy(azimuth: torch.Tensor, elevation: torch.Tensor, *given: Any, **settings: Any) -> Any:
        seen.append((azimuth.tolist(), elevation.tolist(), settings["orbit"]))
        return orbit_cameras(azimuth, elevation, *given, **settings)

    monkeypatch.setattr(results, "orbit_cameras", spy)
    model = make(prompt="red cat", eval_samples=8)
    model.train()
    data = manager()
    data.look_at([Part(name="a", prompt="", shape=Sphere(centre=(0.5, 0.0, 0.0), radius=0.2))])
    write_preview(model, around(tmp_path, data), 42)
    assert [path.name for path in (tmp_path / "previews").iterdir()] == ["000042.png"] and model.training
    # No quarter turns apart, half-way up the orbit, and where the random cameras look.
    assert seen == [([0.0, 105.0, 210.0, 315.0], [20.0] * 4, data.orbit)]
    with Image.open(tmp_path / "previews" / "000042.png") as sheet:
        assert sheet.size == (4 * 97 + 1, 3 * 97 + 1)  # the picture, the opacity, and the part's alpha


def test_the_results_are_the_scene_and_unless_switched_off_a_turntable(make, manager: Any, tmp_path: Path) -> None:
    from gencontrol.nerf.field.scene import load_scene
    from gencontrol.nerf.method.results import write_results

    model = make(prompt="red cat", turntable_frames=0)
    write_results(model, around(tmp_path, manager()), 9)
    assert [path.name for path in tmp_path.iterdir()] == ["scene.safetensors"]
    assert torch.equal(load_scene(tmp_path).lattice, model.lattice())
    model.config.turntable_frames, model.config.turntable_size = 2, 16
    write_results(model, around(tmp_path, manager()), 9)
    assert (tmp_path / "turntable.mp4").stat().st_size > 0


def test_whole_pictures_are_rendered_some_rays_at_a_time(make) -> None:
    from gencontrol.nerf.method.results import render_cameras
    from gencontrol.nerf.rays.cameras import Orbit, orbit_cameras

    cameras = orbit_cameras(torch.tensor([0.0, 105.0]), torch.zeros(2), (6, 5), orbit=Orbit())
    model = make(prompt="red cat", eval_samples=8).eval()
    whole = render_cameras(model, cameras)
    assert whole.colour.shape == (2, 6, 5, 3) and whole.opacity.max() > 0.1
    model.config.eval_num_rays_per_chunk = 7
    assert torch.allclose(render_cameras(model, cameras).colour, whole.colour, atol=1e-6)


def test_previews_follow_the_cameras_and_the_turntable_shows_the_scene(manager: Any, tmp_path: Path) -> None:
    from gencontrol.nerf.method.results import orbit_of
    from gencontrol.nerf.parts.parts import Part
    from gencontrol.nerf.parts.shapes import Sphere
    from gencontrol.nerf.rays.cameras import Orbit

    data = manager()
    data.look_at([Part(name="a", prompt="", shape=Sphere(centre=(0.5, 0.0, 0.0), radius=0.2))])
    run = around(tmp_path, data)
    assert orbit_of(run, of_scene=True) == Orbit()
    assert orbit_of(run, of_scene=False).target == pytest.approx((0.5, 0.0, 0.0), abs=0.03)
