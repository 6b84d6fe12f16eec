"""A crop: the box becomes the cube, what is around it a backdrop that is seamless."""

from pathlib import Path
from typing import Any

import pytest
import torch

from gencontrol.errors import ConfigError, InputError

pytest.importorskip("nerfstudio")
# nerfstudio 1.1.5 and the versions it pins warn about themselves when they are imported.
pytestmark = pytest.mark.filterwarnings("ignore:(?!The capture)")

BOX = (5.0, 0.0, 1.0, 6.0, 2.0, 4.0)


def outputs(radius: float = 9.0) -> Any:
    from nerfstudio.data.dataparsers.base_dataparser import DataparserOutputs

    from gencontrol.nerf.method.datamanager import to_studio
    from gencontrol.nerf.rays.cameras import Orbit, orbit_cameras

    orbit = Orbit(radius=radius, target=BOX[:3], elevation=(10.0, 10.0))
    cameras = to_studio(orbit_cameras(torch.tensor([0.0, 120.0]), torch.tensor([0.0, 30.0]), (8, 8), orbit=orbit))
    transform = torch.tensor([[0.0, 1, 0, 3], [1, 0, 0, -2], [0, 0, -1, 0.5]])
    names = [Path("a.png"), Path("b.png")]
    return DataparserOutputs(
        image_filenames=names, cameras=cameras, dataparser_transform=transform, dataparser_scale=0.5
    )


def test_the_cube_around_the_box_becomes_the_scenes() -> None:
    from gencontrol.nerf.method.crop import crop_outputs

    before = outputs()
    after = crop_outputs(before, BOX)
    place = after.cameras.camera_to_worlds[:, :, 3]
    # The longest side, 6, spans the cube, whose side is 2: from 9 away it becomes 3.
    assert torch.allclose(place.norm(dim=1), torch.full((2,), 3.0), atol=1e-5)
    assert torch.allclose(place, (before.cameras.camera_to_worlds[:, :, 3] - torch.tensor(BOX[:3])) / 3, atol=1e-5)
    assert torch.equal(after.cameras.camera_to_worlds[:, :, :3], before.cameras.camera_to_worlds[:, :, :3])
    assert before.cameras.camera_to_worlds[0, 0, 3] == 5  # as it was


def test_points_find_back_to_the_data_sets_own_frame() -> None:
    from gencontrol.nerf.method.crop import crop_outputs

    before = outputs()
    after = crop_outputs(before, BOX)
    poses = [o.transform_poses_to_original_space(o.cameras.camera_to_worlds.clone()) for o in (before, after)]
    assert torch.allclose(poses[0], poses[1], atol=1e-4)


def test_a_box_around_the_cameras_is_refused() -> None:
    from gencontrol.nerf.method.crop import crop_outputs

    with pytest.raises(InputError, match=r"2 of 2 cameras stand inside the box that is cropped to.*smaller box"):
        crop_outputs(outputs(radius=2.0), BOX)


@pytest.mark.parametrize("wrong", [(0.0, 0.0, 0.0, 1.0, 0.0, 1.0), (float("nan"), 0.0, 0.0, 1.0, 1.0, 1.0)])
def test_what_is_no_box_is_refused(wrong: tuple[float, ...]) -> None:
    from gencontrol.nerf.method.crop import check_crop

    with pytest.raises(ConfigError, match="`crop` takes a box, centre x y z and side lengths above 0; got"):
        check_crop(wrong)
    check_crop(BOX)
    check_crop(None)


def test_a_backdrop_has_a_colour_in_every_direction_and_no_seam() -> None:
    from gencontrol.nerf.method.crop import BACKDROP_SHAPE, backdrop_colour, new_backdrop

    assert torch.equal(backdrop_colour(new_backdrop(), torch.eye(3)), torch.full((3, 3), 0.5))
    backdrop = torch.randn(BACKDROP_SHAPE, generator=torch.Generator().manual_seed(0))
    seam = torch.tensor([[-1.0, 1e-4, 0.2], [-1.0, -1e-4, 0.2]])
    first, second = backdrop_colour(backdrop, torch.nn.functional.normalize(seam, dim=1))
    assert torch.allclose(first, second, atol=1e-3)
    upper = torch.zeros(BACKDROP_SHAPE)
    upper[0, :8] = 5.0
    red = backdrop_colour(upper, torch.tensor([[0.0, 0, 1], [0.0, 0, -1], [0.8, 0, 0.6]]))[:, 0]
    assert red[0] > 0.99 and red[1] == 0.5 and red[2] > 0.99
    east = torch.zeros(BACKDROP_SHAPE)
    east[1, :, 16] = 4.0  # the first column past azimuth 0, towards y
    green = backdrop_colour(east, torch.nn.functional.normalize(torch.tensor([[1.0, 0.1, 0], [-1.0, 0.1, 0]]), dim=1))
    assert green[0, 1] > 0.9 and green[1, 1] == 0.5


@pytest.mark.filterwarnings("ignore")
def test_a_capture_with_surroundings_is_fitted_and_they_are_left_out(
    make: Any, manager: Any, attributes: Any, train: Any, capture: Path
) -> None:
    from gencontrol.nerf.method.datamanager import BACKDROP
    from gencontrol.nerf.method.outputs import psnr

    data = manager(data=capture, crop=(5.0, 0.0, 1.0, 6.0, 6.0, 6.0), fit_steps=60, rays=512)
    assert data.pictures.shape[-1] == 3 and list(data.get_param_groups()) == [BACKDROP]
    model = make(mode="fit", resolution="0:16")
    around = attributes(model, data, "field", BACKDROP)
    history = train(model, data, around, range(60))
    assert history[-1]["psnr"] > history[0]["psnr"] + 4
    sky = data.behind(torch.eye(3))
    assert (sky - 0.5).abs().max() > 0.1
    # An evaluation knows what is behind the crop, pixel for pixel.
    batch = data.eval_dataset[0]
    assert batch["in_front_of"].shape == batch["image"].shape == (16, 16, 3)
    model.eval()
    camera = data.eval_dataset.cameras[0:1]
    outputs = model.get_outputs_for_camera(camera)
    known = psnr(batch["image"], outputs, background=(1.0, 1.0, 1.0), in_front_of=batch["in_front_of"])
    assert known > psnr(batch["image"], outputs, background=(1.0, 1.0, 1.0)) + 3


def test_a_crop_is_told_of_and_excludes_a_plain_background(manager: Any, capture: Path) -> None:
    with pytest.warns(UserWarning, match=r"cropped to the cube of side 6 around \(5, 0, 1\).*in no scene file"):
        manager(data=capture, crop=(5.0, 0.0, 1.0, 6.0, 1.0, 1.0))
    with pytest.raises(ConfigError, match="`crop` is for pictures whose surroundings show, `in_front_of` for"):
        manager(data=capture, crop=(0.0, 0.0, 0.0, 1.0, 1.0, 1.0), in_front_of=(1.0, 1.0, 1.0))
