"""Whether the scene's cube holds what a data set shows."""

import warnings
from typing import Any

import numpy as np
import pytest
import torch

from gencontrol.errors import InputError

pytest.importorskip("nerfstudio")
# nerfstudio 1.1.5 and the versions it pins warn about themselves when they are imported.
pytestmark = pytest.mark.filterwarnings("ignore:(?!.*cropped away)")


def cameras(radius: float):
    from gencontrol.nerf.method.datamanager import to_studio
    from gencontrol.nerf.rays.cameras import Orbit, orbit_cameras

    orbit = Orbit(radius=radius, field_of_view=(50.0, 50.0))
    azimuth = torch.tensor([0.0, 90.0])
    return to_studio(orbit_cameras(azimuth, torch.zeros(2), (40, 40), orbit=orbit))


def shown(share: float) -> torch.Tensor:
    """A disc around the middle that takes a share of the picture's side."""
    line = torch.linspace(-1, 1, 40)
    return ((line[:, None] ** 2 + line**2) < share**2).expand(2, 40, 40)


def test_what_lies_in_the_cube_is_taken_silently() -> None:
    from gencontrol.nerf.method.data_set_pictures import check_bounds

    with warnings.catch_warnings():
        # nerfstudio's own warnings aside.
        warnings.simplefilter("ignore")
        warnings.filterwarnings("error", message=".*cropped away")
        check_bounds(cameras(3.0), shown(0.5))


def test_what_sticks_out_is_cropped_with_a_warning() -> None:
    from gencontrol.nerf.method.data_set_pictures import check_bounds

    # From 6 away the cube's near face is about 0.43 of the picture's half side.
    with pytest.warns(UserWarning, match=r"% of what the pictures show is cropped away.*auto-scale-poses"):
        check_bounds(cameras(6.0), shown(0.6))


def test_what_lies_elsewhere_is_refused_with_advice() -> None:
    from gencontrol.nerf.method.data_set_pictures import check_bounds

    with pytest.raises(InputError, match=r"% of what the pictures show lies outside the scene's cube: .*scale-factor"):
        check_bounds(cameras(12.0), shown(0.9))
    with pytest.raises(InputError, match=r"2 of 2 cameras stand inside the scene's cube: .*scale-factor"):
        check_bounds(cameras(0.9), shown(0.5))
    with pytest.warns(UserWarning, match=r"1 of 2 cameras stand inside the scene's cube: .*scale-factor"):
        one_within = cameras(3.0)
        one_within.camera_to_worlds[0, :3, 3] = torch.tensor([0.0, -0.9, 0.0])
        check_bounds(one_within, shown(0.2))
    with pytest.raises(InputError, match="show nothing"):
        check_bounds(cameras(3.0), torch.zeros(2, 40, 40, dtype=torch.bool))


def test_pixels_are_put_over_what_is_behind() -> None:
    from gencontrol.nerf.method.data_set_pictures import over

    behind = torch.tensor([[0.2, 0.4, 0.6], [1.0, 1.0, 1.0]])
    rgba = torch.tensor([[255, 0, 51, 51], [10, 20, 30, 0]], dtype=torch.uint8)
    expected = torch.tensor([[0.2 + 0.8 * 0.2, 0.8 * 0.4, 0.04 + 0.8 * 0.6], [1.0, 1.0, 1.0]])
    assert torch.allclose(over(rgba, behind), expected, atol=1e-6)
    assert torch.allclose(over(rgba[:, :3], behind), rgba[:, :3] / 255)


@pytest.mark.parametrize(("grey", "shows"), [(204, True), (222, True), (240, False)])
def test_a_pixel_shows_something_where_it_is_a_tenth_off_the_named_background(grey: int, shows: bool) -> None:
    from nerfstudio.data.datasets.base_dataset import InputDataset

    from gencontrol.nerf.method.config import SteeredDataManagerConfig
    from gencontrol.nerf.method.data_set_pictures import load_pictures

    picture = np.where(shown(0.4)[0, ..., None].numpy(), grey, 255).astype(np.uint8).repeat(3, axis=2)

    class Dataset(InputDataset):
        def __init__(self) -> None:  # pyright: ignore[reportMissingSuperCall]
            self.cameras = cameras(3.0)

        def __len__(self) -> int:
            return 2

        def get_numpy_image(self, image_idx: int) -> Any:
            return picture

    dataset = Dataset()
    config = SteeredDataManagerConfig(in_front_of=(1.0, 1.0, 1.0))
    if shows:
        assert load_pictures(dataset, config).shape == (2, 40, 40, 3)
        return
    with pytest.raises(InputError, match="show nothing"):
        load_pictures(dataset, config)
