"""The nerfstudio model and data manager in one process: phases, checkpoints, losses, what is refused."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch

pytest.importorskip("nerfstudio")
# nerfstudio 1.1.5 and the versions it pins warn about themselves, at import and in use.
pytestmark = pytest.mark.filterwarnings("ignore")

EGG = (0.6, -0.1, -0.2, 0.5)


def test_a_creation_trains_through_a_change_of_resolution(make, manager: Any, attributes: Any, train: Any) -> None:
    model, data = make(prompt="red cat", guidance_weight="2"), manager()
    around = attributes(model, data)
    history = train(model, data, around, range(8))
    assert [row["resolution"] for row in history] == [8] * 4 + [12] * 4
    assert around.optimizers.optimizers["field"].param_groups[0]["params"] == [model.field.change]
    assert set(history[0]) >= {"guidance_part", "contrast_part", "transmittance", "entropy", "score_part"}
    assert history[0]["score_part"] == pytest.approx(1 - history[0]["guidance_part"] / 2, abs=1e-5)
    assert history[0]["contrast_part"] > 0


def test_the_encoder_is_in_no_checkpoint_and_is_loaded_on_first_use(make) -> None:
    model = make(prompt="red cat", encoders=("nowhere",))
    assert set(model.state_dict()) == {"field.change", "about", "change_of", "cells", "device_indicator_param"}
    assert model._steering is None


def test_a_resumed_run_sees_and_does_what_an_undisturbed_one_does(
    make, manager: Any, attributes: Any, train: Any
) -> None:
    data = manager()
    whole = make(prompt="red cat")
    train(whole, data, attributes(whole, data), range(6))

    first = make(prompt="red cat")
    around = attributes(first, data)
    train(first, data, around, range(5))
    second = make(prompt="red cat")
    again = attributes(second, data)
    second.update_to_step(4)
    second.load_state_dict(first.state_dict())
    again.optimizers.load_optimizers({k: o.state_dict() for k, o in around.optimizers.optimizers.items()})
    train(second, data, again, range(5, 6))
    assert torch.equal(second.field.change, whole.field.change)


def test_a_run_that_was_interrupted_before_a_change_of_resolution_opens(
    make, manager: Any, attributes: Any, train: Any
) -> None:
    data, first = manager(), make(prompt="red cat")
    train(first, data, attributes(first, data), range(4))
    second = make(prompt="red cat")
    around = attributes(second, data)
    # nerfstudio saves under the next step, which has not begun and would have 12 nodes a side.
    second.update_to_step(4)
    second.load_state_dict(first.state_dict())
    assert second.field.resolution == 8 and torch.equal(second.field.change, first.field.change)
    assert around.optimizers.optimizers["field"].param_groups[0]["params"] == [second.field.change]
    (row,) = train(second, data, around, range(5, 6))
    assert row["resolution"] == 12


def test_an_edit_changes_only_its_part(make, scene_file: Path, manager: Any, attributes: Any, train: Any) -> None:
    from gencontrol.nerf.field import grid

    model, data = make(prompt="red cat", mode="edit", scene=scene_file, sphere=EGG), manager()
    train(model, data, attributes(model, data), range(5))
    points = grid.nodes(16)
    inside = (points - torch.tensor(EGG[:3])).norm(dim=1) <= EGG[3]
    before, after = model.field.base.reshape(4, -1), model.lattice().reshape(4, -1)
    assert torch.equal(after[:, ~inside], before[:, ~inside])
    assert (after[:, inside] - before[:, inside]).abs().amax() > 0.05


def test_an_edit_of_an_empty_place_grows_something_there_and_nothing_elsewhere(
    make, scene_file: Path, manager: Any, attributes: Any, train: Any
) -> None:
    from gencontrol.nerf.field import grid

    place = (0.0, 0.0, 0.7, 0.25)
    model, data = make(prompt="red cat", mode="edit", scene=scene_file, sphere=place, resolution="0:16"), manager()
    start = model.lattice().reshape(4, -1)
    train(model, data, attributes(model, data), range(5))
    inside = (grid.nodes(16) - torch.tensor(place[:3])).norm(dim=1) <= place[3]
    before, after = model.field.base.reshape(4, -1), model.lattice().reshape(4, -1)
    assert torch.equal(after[:, ~inside], before[:, ~inside])
    assert grid.density(before[0, inside]).max() < 0.05
    # From the first step on there is a mist to see, and guidance changes it and its colour.
    assert (grid.density(after[0, inside]) > 0.1).all()
    assert ((after - start)[:, inside].abs().amax(dim=1) > 0.05).all()


def test_a_replacement_grows_anew_in_its_part_and_nowhere_else(
    make, scene_file: Path, manager: Any, attributes: Any, train: Any
) -> None:
    from gencontrol.nerf.field import grid

    model, data = make(prompt="red cat", mode="replace", scene=scene_file, sphere=EGG, resolution="0:16"), manager()
    inside = (grid.nodes(16) - torch.tensor(EGG[:3])).norm(dim=1) <= EGG[3]
    before, start = model.field.base.reshape(4, -1), model.lattice().reshape(4, -1)
    assert grid.density(before[0, inside]).max() > 20  # something solid stood there
    assert torch.allclose(start[0, inside], torch.tensor(-2.5), atol=1e-4)
    history = train(model, data, attributes(model, data), range(3))
    after = model.lattice().reshape(4, -1)
    assert torch.equal(after[:, ~inside], before[:, ~inside])
    assert ((after - start)[:, inside].abs().amax(dim=1) > 0.05).all()
    assert {"guidance_part", "entropy", "transmittance"} <= set(history[0])


def test_a_change_finer_than_the_scene_leaves_the_rest_too(
    make, scene_file: Path, manager: Any, attributes: Any, train: Any
) -> None:
    from gencontrol.nerf.field import grid

    model, data = make(prompt="red cat", mode="edit", scene=scene_file, sphere=EGG, resolution="0:20"), manager()
    train(model, data, attributes(model, data), range(2))
    points = grid.nodes(31)
    outside = (points - torch.tensor(EGG[:3])).norm(dim=1) > EGG[3]
    found, before = model.scene().lattice.reshape(4, -1), grid.sample(model.field.base, points).T
    assert torch.allclose(found[:, outside], before[:, outside], atol=1e-4)


def test_without_composition_the_rest_moves_too(
    make, scene_file: Path, manager: Any, attributes: Any, train: Any
) -> None:
    model, data = make(prompt="red cat", mode="edit", scene=scene_file, sphere=EGG, free=True), manager()
    train(model, data, attributes(model, data), range(3))
    far = (model.lattice() - model.field.base)[:, :, :, :3].abs().amax()
    assert far > 1e-3


def test_a_removal_lowers_the_parts_opacity(make, scene_file: Path, manager: Any, attributes: Any, train: Any) -> None:
    model, data = make(mode="remove", scene=scene_file, sphere=EGG, resolution="0:16"), manager(size=24)
    history = train(model, data, attributes(model, data), range(12))
    assert history[-1]["removal"] < 0.8 * history[0]["removal"]
    assert (model.lattice()[0] <= model.field.base[0]).all()


def test_a_removal_reaches_what_no_view_shows(make, tmp_path: Path, manager: Any, attributes: Any, train: Any) -> None:
    from gencontrol.nerf.field import grid
    from gencontrol.nerf.field.scene import save_scene
    from gencontrol.nerf.parts.shapes import Sphere
    from gencontrol.nerf.still_life.world import Thing, World, bake

    solid = Thing(name="ball", body=Sphere(centre=(0.0, 0.0, 0.0), radius=0.6))
    save_scene(bake(World(things=(solid,)), 33), tmp_path / "ball.safetensors")
    settings = {"mode": "remove", "scene": tmp_path / "ball.safetensors", "sphere": (0.0, 0.0, 0.0, 0.7)}
    model, data = make(**settings, resolution="0:17"), manager(size=16)
    (middle,) = (grid.nodes(33).norm(dim=1) < 0.1).nonzero().T
    before = model.lattice()[0].reshape(-1)[middle].mean()
    train(model, data, attributes(model, data), range(12))
    after = model.lattice()[0].reshape(-1)[middle]
    # softplus(-4) is what a removal starts with; twelve steps of 0.1 take each of them three times further.
    assert before.item() == pytest.approx(8 - 0.018, abs=1e-3) and (after < 8 - 0.04).all()


def test_a_batch_of_evaluation_has_the_losses_of_every_mode(make, scene_file: Path, manager: Any) -> None:
    for mode, loss in (("replace", "transmittance"), ("remove", "removal"), ("edit", "entropy")):
        model, data = make(prompt="red cat", mode=mode, scene=scene_file, sphere=EGG).eval(), manager()
        rays, batch = data.next_eval(3)
        assert loss in model.get_loss_dict(model(rays), batch)


def test_a_checkpoint_is_complete_without_its_scene_and_parts_files(
    make, scene_file: Path, tmp_path: Path, manager: Any, attributes: Any, train: Any
) -> None:
    from gencontrol.nerf.field.scene import load_scene, save_scene

    moved = tmp_path / "moved.safetensors"
    save_scene(load_scene(scene_file), moved)
    parts = tmp_path / "parts.yaml"
    parts.write_text(
        "parts: [{name: egg, prompt: red cat, highlight: {sphere: {centre: [0.6, -0.1, -0.2], radius: 0.5}}}]"
    )
    settings = {"mode": "edit", "scene": moved, "parts": parts}
    trained, data = make(**settings), manager()
    train(trained, data, attributes(trained, data), range(2))
    moved.unlink()
    parts.unlink()
    opened = make(**settings)
    opened.update_to_step(1)
    opened.load_state_dict(trained.state_dict(), strict=True)
    assert opened.parts == trained.parts and opened.parts[0].name == "egg"
    assert opened.scene().parts.keys() == {"ball", "box", "egg", "ground"}
    assert torch.equal(opened.lattice(), trained.lattice())


def test_a_batch_of_evaluation_has_the_losses_of_training(make, manager: Any) -> None:
    model, data = make(prompt="red cat").eval(), manager()
    rays, batch = data.next_eval(3)
    outputs = model(rays)
    metrics = model.get_metrics_dict(outputs, batch)
    losses = model.get_loss_dict(outputs, batch, metrics)
    assert metrics["score_part"] == pytest.approx(1 - losses["guidance_part"].item() / 0.3, abs=1e-5)
    assert losses["transmittance"] < 0


def test_outputs_of_a_view_name_each_parts_alpha(make) -> None:
    from gencontrol.nerf.method.datamanager import bundle, to_studio
    from gencontrol.nerf.rays.cameras import Orbit, orbit_cameras

    model = make(prompt="red cat").eval()
    camera = to_studio(orbit_cameras(torch.zeros(1), torch.zeros(1), (12, 12), orbit=Orbit()))
    outputs = model.get_outputs_for_camera(camera[0:1])
    assert outputs["rgb"].shape == (12, 12, 3)
    assert torch.equal(outputs["alpha"], outputs["alpha_part"])
    assert torch.allclose(outputs["alpha"], outputs["accumulation"], atol=1e-4)
    rgba = model.get_rgba_image(outputs)
    behind = torch.tensor(model.config.background)
    over = rgba[..., :3] * rgba[..., 3:] + (1 - rgba[..., 3:]) * behind
    assert torch.allclose(over, outputs["rgb"], atol=1e-3)
    metrics, images = model.get_image_metrics_and_images(outputs, {})
    assert -1 <= metrics["score_part"] <= 1 and set(images) == {"img", "accumulation", "alpha", "alpha_part"}
    assert bundle(torch.zeros(2, 3), torch.ones(2, 3), device="cpu").origins.shape == (2, 3)


def test_a_hash_grid_trains_and_is_resumed_behind_the_same_interface(
    make, monkeypatch: pytest.MonkeyPatch, manager: Any, attributes: Any, train: Any
) -> None:
    import sys

    class Network(torch.nn.Module):
        def __init__(self, *, seed: int, n_input_dims: int, n_output_dims: int, **_: Any):
            super().__init__()
            start = torch.randn(n_output_dims, n_input_dims, generator=torch.Generator().manual_seed(seed))
            self.params = torch.nn.Parameter(1e-2 * start)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return (x @ self.params.T).half()

    stand_in: Any = SimpleNamespace(NetworkWithInputEncoding=Network)
    monkeypatch.setitem(sys.modules, "tinycudann", stand_in)
    settings = {"prompt": "red cat", "representation": "hash", "hash_resolution": 16}
    model, data = make(**settings), manager()
    before = model.field.network.params.detach().clone()
    history = train(model, data, attributes(model, data), range(3))
    assert history[0]["resolution"] == 16 and not torch.equal(model.field.network.params, before)
    assert model.scene().lattice.shape == (4, 16, 16, 16)
    model.field.add(torch.full((16, 16, 16), -3.0))
    again = make(**settings)
    again.update_to_step(2)
    again.load_state_dict(model.state_dict())
    assert torch.equal(again.lattice(), model.lattice())


def test_schedules_count_from_the_end_of_a_fit_and_cells_reach_one_further(make) -> None:
    from gencontrol.nerf.field import grid
    from gencontrol.nerf.parts.initial_density import TRAINED_ABOVE

    model = make(prompt="red cat", resolution="0:16", ball_radius=0.2)
    for step, fitted, guided in ((7, None, 7), (7, 3, 4), (2, 3, 0)):
        model.begin_step(step, **({} if fitted is None else {"fitted": fitted}))
        assert (model._step, model._guided) == (step, guided)
    model.look_for_empty_cells()
    raw = model.lattice()[0]
    assert TRAINED_ABOVE == 0.05
    assert torch.equal(model.cells, grid.occupied(raw, threshold=0.05, grow=1))
    assert not torch.equal(model.cells, grid.occupied(raw, threshold=0.05, grow=2))
