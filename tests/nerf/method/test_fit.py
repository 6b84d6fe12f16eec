"""Pictures that are fitted, and a part of them that is then changed."""

from pathlib import Path
from typing import Any

import pytest
import torch

from gencontrol.nerf.rays.rendering import Rendering

pytest.importorskip("nerfstudio")
# nerfstudio 1.1.5 and the versions it pins warn about themselves, at import and in use.
pytestmark = pytest.mark.filterwarnings("ignore")

EGG = (0.6, -0.1, -0.2, 0.5)


def test_a_part_of_pictures_is_fitted_and_then_replaced(
    make, tmp_path: Path, manager: Any, attributes: Any, train: Any
) -> None:
    from gencontrol.nerf.still_life.dataset import DatasetSettings, write_dataset
    from gencontrol.nerf.still_life.world import still_life

    folder = write_dataset(still_life(), tmp_path / "set", DatasetSettings(views=4, held_out=1, size=16, resolution=8))
    data = manager(data=folder, fit_steps=3, rays=256)
    model = make(prompt="red cat", mode="replace", sphere=EGG, resolution="0:16")
    history = train(model, data, attributes(model, data), range(5))
    assert "photometric" in history[2] and "transmittance" in history[3] and model.field.mode == "replace"


def test_a_data_set_is_fitted_and_then_edited(make, tmp_path: Path, manager: Any, attributes: Any, train: Any) -> None:
    from gencontrol.nerf.still_life.dataset import DatasetSettings, write_dataset
    from gencontrol.nerf.still_life.world import still_life

    folder = write_dataset(still_life(), tmp_path / "set", DatasetSettings(views=6, held_out=2, size=24, resolution=8))
    data = manager(data=folder, fit_steps=40, rays=512)
    model = make(prompt="red cat", mode="edit", sphere=EGG, resolution="0:16")
    around = attributes(model, data)
    history = train(model, data, around, range(42))
    assert history[39]["psnr"] > history[0]["psnr"] + 4
    assert "guidance_part" in history[40] and model.field.base is not None
    assert (model._step, model._guided) == (41, 1)  # schedules of weights count from the edit's beginning
    assert model.scene().prompts == {"part": "red cat"}
    assert len(data.fixed_indices_eval_dataloader.image_indices) == 2


def test_an_edits_schedules_begin_with_it_even_after_a_longer_fit(
    make, tmp_path: Path, manager: Any, attributes: Any
) -> None:
    from gencontrol.nerf.method.callbacks import begin_step
    from gencontrol.nerf.still_life.dataset import DatasetSettings, write_dataset
    from gencontrol.nerf.still_life.world import still_life

    folder = write_dataset(still_life(), tmp_path / "set", DatasetSettings(views=3, held_out=1, size=16, resolution=8))
    data = manager(data=folder, fit_steps=5, rays=64)
    model = make(prompt="red cat", mode="edit", sphere=EGG, resolution="0:16")
    around = attributes(model, data)
    begin_step(model, around, 30)  # goes on from a fit of 30 steps
    assert model.field.base is not None and model._guided == 0
    begin_step(model, around, 31)
    assert model._guided == 1


def test_pictures_without_alpha_are_refused_unless_their_background_is_named(tmp_path: Path, manager: Any) -> None:
    from PIL import Image

    from gencontrol.errors import InputError
    from gencontrol.nerf.still_life.dataset import DatasetSettings, write_dataset
    from gencontrol.nerf.still_life.world import still_life

    folder = write_dataset(still_life(), tmp_path / "set", DatasetSettings(views=3, held_out=1, size=16, resolution=8))
    for path in (folder / "images").iterdir():
        with Image.open(path) as picture:
            flat = Image.new("RGBA", picture.size, "white")
            flat.alpha_composite(picture)
        flat.convert("RGB").save(path)
    with pytest.raises(InputError, match=r"no alpha channel, so .* no bound.*`in_front_of` 1 1 1, .* `crop` X Y"):
        manager(data=folder)
    data = manager(data=folder, in_front_of=(1.0, 1.0, 1.0), rays=64)
    assert data.pictures.dtype == torch.uint8 and data.pictures.shape == (3, 16, 16, 3)
    (_, held_out), *_ = data.fixed_indices_eval_dataloader
    assert held_out["in_front_of"].tolist() == [1.0, 1.0, 1.0]
    _, batch = data.next_train(0)
    assert batch["behind"].min() == 1 and batch["target"].shape == (64, 3)


def test_a_fitted_removal_still_removes_when_it_is_resumed(
    make, tmp_path: Path, manager: Any, attributes: Any, train: Any
) -> None:
    from gencontrol.nerf.still_life.dataset import DatasetSettings, write_dataset
    from gencontrol.nerf.still_life.world import still_life

    folder = write_dataset(still_life(), tmp_path / "set", DatasetSettings(views=4, held_out=1, size=16, resolution=8))
    data, settings = manager(data=folder, fit_steps=15, rays=512), {"mode": "remove", "resolution": "0:16"}
    first = make(sphere=EGG, **settings)
    train(first, data, attributes(first, data), range(17))
    second = make(sphere=EGG, **settings)
    second.update_to_step(16)
    second.load_state_dict(first.state_dict())
    assert second.field.mode == "remove"
    assert torch.equal(second.lattice(), first.lattice()) and (second.lattice()[0] <= second.field.base[0]).all()


def test_the_photometric_loss_compares_over_the_pixels_background() -> None:
    from gencontrol.nerf.method.fit import photometric

    ray = Rendering(
        colour=torch.tensor([[0.2, 0.0, 0.0]]),
        opacity=torch.tensor([0.5]),
        depth=torch.zeros(1),
        parts=torch.zeros(1, 0),
    )
    target, behind = torch.tensor([[0.7, 0.5, 0.3]]), torch.ones(1, 3)
    assert photometric(ray, target, behind).item() == pytest.approx(0.2**2 / 3)


def test_weights_count_from_the_first_guided_step(make, scene_file: Path) -> None:
    from gencontrol.nerf.method.change_record import stored_change_record
    from gencontrol.nerf.method.fit import fitted_before

    def before(model: Any) -> int:
        return fitted_before(model.config, 7, change=stored_change_record(model))

    for mode in ("create", "fit"):
        assert before(make(prompt="red cat", mode=mode)) == 0
    assert before(make(prompt="red cat", mode="edit")) == 7
    edit = make(prompt="red cat", mode="edit", scene=scene_file)
    assert before(edit) == 0
    # Resumed without its scene, or after a fit of another length, it counts from where it counted before.
    resumed = make(prompt="red cat", mode="edit")
    resumed.load_state_dict(edit.state_dict())
    assert before(resumed) == 0
    fitted = make(prompt="red cat", mode="edit")
    fitted.begin_step(5, fitted=5)
    fitted.begin_edit()
    resumed = make(prompt="red cat", mode="edit")
    resumed.load_state_dict(fitted.state_dict())
    assert before(resumed) == 5


def test_an_edit_begins_once_its_pictures_are_fitted_and_never_twice(make) -> None:
    from gencontrol.nerf.method.fit import starts_edit

    for mode, step, has_base, expected in (
        ("edit", 6, False, False),
        ("edit", 7, False, True),
        ("remove", 9, False, True),
        ("edit", 9, True, False),
        ("fit", 9, False, False),
        ("create", 9, False, False),
    ):
        config = make(mode="fit").config
        config.mode = mode
        assert starts_edit(config, 7, step=step, has_base=has_base) is expected, (mode, step, has_base)


def test_pixels_are_drawn_with_the_rays_through_their_centres() -> None:
    from gencontrol.nerf.method.datamanager import to_studio
    from gencontrol.nerf.method.fit import pixel_rays
    from gencontrol.nerf.rays.cameras import Orbit, camera_rays, orbit_cameras

    ours = orbit_cameras(torch.tensor([0.0, 70.0]), torch.tensor([10.0, 30.0]), (5, 7), orbit=Orbit())
    # Each pixel's bytes say which it is: picture, row, column; a quarter of it is transparent.
    index = torch.stack(torch.meshgrid(torch.arange(2), torch.arange(5), torch.arange(7), indexing="ij"), dim=-1)
    alpha = torch.where(index[..., 1:2] == 0, 51, 255)
    pictures = torch.cat([index, alpha], dim=-1).to(torch.uint8)

    def draw(in_front_of: Any, seed: int = 0) -> Any:
        generator = torch.Generator().manual_seed(seed)
        return pixel_rays(pictures, to_studio(ours), count=400, in_front_of=in_front_of, generator=generator)

    rays, target, behind = draw((0.0, 0.0, 0.0))
    share = torch.tensor([0.2, 1.0])
    (_, directions), straight = camera_rays(ours), (target * 255)
    row = torch.where(straight[:, 1] > 0.5, straight[:, 1].round(), 0).long()
    where = (straight / share[(row > 0).long()][:, None]).round().long()
    seen = directions[where[:, 0], where[:, 1], where[:, 2]]
    assert torch.allclose(rays.directions, seen, atol=1e-5) and (behind == 0).all()
    assert len(where.unique(dim=0)) > 65  # all pictures and pixels, nearly
    _, _, random = draw(None)
    assert random.unique(dim=0).shape == (400, 3) and torch.equal(random, draw(None)[2])
    assert not torch.equal(random, draw(None, seed=1)[2])
