"""Whether the scene's cube holds what a data set shows."""

import dataclasses
import json
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

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


@pytest.mark.filterwarnings("ignore")
def test_masks_serve_as_alpha(own_set: Path, still: Path, manager: Any) -> None:
    whole = manager(data=still, rays=32)
    about = json.loads((own_set / "transforms.json").read_text(encoding="utf-8"))
    (own_set / "cut").mkdir()
    for frame in about["frames"]:
        file = own_set / frame["file_path"]
        frame["mask_path"] = f"cut/{file.name}"
        with Image.open(file) as picture:
            picture.getchannel("A").save(own_set / "cut" / file.name)
            picture.convert("RGB").save(file)
    (own_set / "transforms.json").write_text(json.dumps(about), encoding="utf-8")
    masked = manager(data=own_set, rays=32)
    assert torch.equal(masked.pictures, whole.pictures)
    # For evaluation too, and as part of the picture only.
    assert set(masked.eval_dataset[0]) == {"image", "image_idx", "in_front_of"}
    assert torch.equal(masked.eval_dataset[0]["image"], whole.eval_dataset[0]["image"])


@pytest.mark.filterwarnings("ignore")
def test_a_cut_out_is_shown_over_white_in_three_channels(still: Path, manager: Any) -> None:
    # Of four, nerfstudio's tools make false colours: `ns-render dataset` showed the red ball in cyan.
    data = manager(data=still, rays=32)
    for dataset in (data.train_dataset, data.eval_dataset):
        shown = dataset[0]
        with Image.open(dataset.image_filenames[0]) as picture:
            expected = torch.from_numpy(np.array(over_white(picture).convert("RGB"))) / 255
        assert shown["image"].shape == expected.shape and shown["in_front_of"].tolist() == [1, 1, 1]
        assert torch.allclose(shown["image"], expected, atol=1.1 / 255)


def test_a_mask_is_read_as_everywhere_and_multiplies_alpha(tmp_path: Path) -> None:
    from gencontrol.nerf.method.data_set_pictures import with_mask

    Image.fromarray(np.array([[0, 65535], [32768, 65535]], np.uint16)).save(tmp_path / "m.png")
    pixels = np.dstack([np.full((2, 2, 3), 9, np.uint8), np.array([[255, 255], [255, 100]], np.uint8)])
    found = with_mask(pixels, tmp_path / "m.png")
    assert found[..., 3].tolist() == [[0, 255], [128, 100]] and (found[..., :3] == 9).all()
    assert with_mask(pixels[..., :3], tmp_path / "m.png")[..., 3].tolist() == [[0, 255], [128, 255]]
    # A picture that the thing is not in: nothing of it is left, whereas elsewhere a mask that marks nothing is refused.
    Image.new("L", (2, 2)).save(tmp_path / "black.png")
    assert with_mask(pixels, tmp_path / "black.png")[..., 3].tolist() == [[0, 0], [0, 0]]
    with pytest.raises(InputError, match=r"black.png, a mask of the data set: .* 2 x 2 but the image is 3 x 3"):
        with_mask(np.zeros((3, 3, 3), np.uint8), tmp_path / "black.png")
    with pytest.raises(InputError, match=r"m.png, a mask of the data set: .* 2 x 2 but the image is 3 x 3"):
        with_mask(np.zeros((3, 3, 3), np.uint8), tmp_path / "m.png")


def test_pictures_of_every_mode_are_read_unturned(tmp_path: Path) -> None:
    from gencontrol.nerf.method.data_set_pictures import read_pixels

    rgba = np.random.default_rng(0).integers(0, 255, (4, 6, 4), dtype=np.uint8)
    picture = Image.fromarray(rgba)
    for mode, channels in (("RGBA", 4), ("RGB", 3), ("L", 3), ("LA", 4), ("1", 3)):
        picture.convert(mode).save(tmp_path / "x.png")
        assert read_pixels(tmp_path / "x.png").shape == (4, 6, channels), mode
    palette = picture.convert("RGB").quantize(4)
    palette.save(tmp_path / "p.png", transparency=0)
    found = read_pixels(tmp_path / "p.png")
    assert found.shape == (4, 6, 4) and set(np.unique(found[..., 3])) == {0, 255}
    Image.fromarray(np.array([[0, 257], [65535, 32896]], np.uint16)).save(tmp_path / "deep.png")
    assert read_pixels(tmp_path / "deep.png")[..., 1].tolist() == [[0, 1], [255, 128]]
    turned = Image.Exif()
    turned[0x0112] = 6
    picture.convert("RGB").save(tmp_path / "t.jpg", exif=turned, quality=95)
    assert read_pixels(tmp_path / "t.jpg").shape == (4, 6, 3)
    (tmp_path / "no.png").write_bytes(b"nothing")
    with pytest.raises(InputError, match=r"no.png, a picture of the data set, is not an image"):
        read_pixels(tmp_path / "no.png")
    (tmp_path / "cut.jpg").write_bytes((tmp_path / "t.jpg").read_bytes()[:-40])
    with pytest.raises(InputError, match=r"cut.jpg, a picture of the data set, cannot be read: "):
        read_pixels(tmp_path / "cut.jpg")


@pytest.mark.filterwarnings("ignore")
def test_opaque_rgba_is_no_cut_out(own_set: Path, manager: Any) -> None:
    for file in (own_set / "images").iterdir():
        with Image.open(file) as picture:
            over_white(picture).save(file)
    with pytest.raises(InputError, match=r"an alpha channel that is opaque everywhere, so .*mask_path for"):
        manager(data=own_set)
    data = manager(data=own_set, in_front_of=(1.0, 1.0, 1.0), rays=16)
    assert data.pictures.shape[-1] == 3
    batch = data.eval_dataset[0]
    assert batch["image"].shape[-1] == 3 and batch["in_front_of"].tolist() == [1, 1, 1]
    cropped = manager(data=own_set, crop=(0.0, 0.0, 0.0, 1.0, 1.0, 1.0), rays=16)
    assert cropped.pictures.shape[-1] == 3


@pytest.mark.filterwarnings("ignore:(?!.*opaque everywhere)")
def test_some_opaque_pictures_are_told_of(own_set: Path, manager: Any) -> None:
    file = own_set / "images" / "frame_00002.png"
    with Image.open(file) as picture:
        over_white(picture).save(file)
    with pytest.warns(UserWarning, match=r"1 of 6 pictures .* are opaque everywhere \(the first is number 2"):
        manager(data=own_set)


@pytest.mark.filterwarnings("ignore")
def test_what_a_parser_puts_behind_pictures_is_known_in_evaluation(own_set: Path) -> None:
    from nerfstudio.data.dataparsers.nerfstudio_dataparser import NerfstudioDataParserConfig

    from gencontrol.nerf.method.config import SteeredDataManagerConfig
    from gencontrol.nerf.method.data_set_pictures import Pictures, read_split

    config = SteeredDataManagerConfig(data=own_set)
    pictures = read_split(NerfstudioDataParserConfig(data=own_set).setup(), "val", config)
    assert pictures[0]["in_front_of"].tolist() == [1, 1, 1] and pictures[0]["image"].shape[-1] == 3
    outputs = dataclasses.replace(pictures._dataparser_outputs, alpha_color=torch.tensor([0.0, 1.0, 0.0]))
    green = Pictures(outputs)[0]
    assert green["in_front_of"].tolist() == [0, 1, 0] and green["image"].shape[-1] == 3


def over_white(picture: Image.Image) -> Image.Image:
    flat = Image.new("RGBA", picture.size, "white")
    flat.alpha_composite(picture)
    return flat
