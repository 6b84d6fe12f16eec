"""Rays and pixels of a step: of which cameras, and from what they are drawn."""

import json
import math
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch

pytest.importorskip("nerfstudio")
# nerfstudio 1.1.5 and the versions it pins warn about themselves, at import and in use.
pytestmark = pytest.mark.filterwarnings("ignore")


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"views": 0}, "`views` must be at least 1; got 0"),
        ({"eval_views": 0}, "`eval_views` must be at least 1; got 0"),
        ({"fit_steps": 0}, "`fit_steps` must be at least 1; got 0"),
        ({"size": 4097}, "`size` must be at most 4096; got 4097"),
        ({"seed": -1}, r"`pipeline\.datamanager\.seed` must be at least 0; got -1"),
        ({"in_front_of": (255.0, 255.0, 255.0)}, r"`in_front_of` takes red, green and blue from 0 to 1"),
    ],
)
def test_views_that_cannot_be_are_refused_at_once(settings: dict[str, Any], message: str) -> None:
    from gencontrol.errors import ConfigError
    from gencontrol.nerf.method.entry import datamanager_config

    with pytest.raises(ConfigError, match=message):
        datamanager_config(**settings).setup()


def test_the_viewer_is_given_a_folder(manager: Any) -> None:
    # nerfstudio's viewer asks it whether it is a file, so that None would end `ns-viewer`.
    assert manager().get_datapath() == Path()


def test_draws_depend_on_seed_and_step_alone(manager: Any) -> None:
    first, second = manager(), manager()
    first.next_train(0)
    a, b = first.next_train(7), second.next_train(7)
    assert torch.equal(a[0].directions, b[0].directions) and torch.equal(a[1]["azimuth"], b[1]["azimuth"])
    other = manager(seed=1).next_train(7)
    assert not torch.equal(a[0].directions, other[0].directions)
    assert a[0].origins.shape == (2 * 16 * 16, 3)


def test_tools_draw_other_rays_each_time_as_many_as_they_ask_for(still: Path) -> None:
    from gencontrol.nerf.method.entry import datamanager_config

    for settings, expected in (({}, 16 * 16 * 3), ({"data": still}, 800)):
        config = datamanager_config(size=16, eval_views=2, eval_size=16, rays=32, **settings)
        data = config.setup(test_mode="test")
        data.train_pixel_sampler.num_rays_per_batch = 800
        first, second = data.next_train(0)[0], data.next_train(0)[0]
        assert first.directions.shape == (expected, 3)
        assert not torch.equal(first.directions, second.directions)


def test_renderers_need_no_pictures(own_set: Path) -> None:
    from gencontrol.nerf.method.entry import datamanager_config

    (own_set / "images" / "frame_00001.png").write_bytes((own_set / "images" / "frame_00001.png").read_bytes()[:90])
    data = datamanager_config(data=own_set).setup(test_mode="inference")
    assert data.pictures is None and len(data.train_dataset) == 6


def test_a_creations_views_are_a_data_set_for_tools(manager: Any) -> None:
    from nerfstudio.data.datasets.base_dataset import InputDataset

    data = manager()
    for dataset in (data.train_dataset, data.eval_dataset):
        assert isinstance(dataset, InputDataset) and len(dataset) == len(dataset.cameras) == 2
        assert [name.name for name in dataset.image_filenames] == ["view_00000.png", "view_00001.png"]
        assert dataset[1]["image"].shape == (1, 1, 3)
    assert data.train_dataparser_outputs.dataparser_scale == 1 and data.get_param_groups() == {}


def test_the_data_set_may_be_named_to_its_parser(still: Path) -> None:
    from nerfstudio.data.dataparsers.nerfstudio_dataparser import NerfstudioDataParserConfig

    from gencontrol.nerf.method.datamanager import named_data
    from gencontrol.nerf.method.entry import datamanager_config

    config = datamanager_config(dataparser=NerfstudioDataParserConfig(data=still))
    assert named_data(config) == still
    other = datamanager_config(data=still)
    assert named_data(other) == still and other.dataparser.data == still
    assert named_data(datamanager_config()) is None


def test_other_parsers_are_read(still: Path, tmp_path: Path, manager: Any) -> None:
    from nerfstudio.data.dataparsers.blender_dataparser import BlenderDataParserConfig
    from nerfstudio.data.dataparsers.colmap_dataparser import ColmapDataParserConfig

    write_blender(still, tmp_path / "blender")
    write_colmap(still, tmp_path / "colmap")
    whole = manager(data=still, rays=8)
    as_they_are: dict[str, Any] = {
        "orientation_method": "none",
        "center_method": "none",
        "auto_scale_poses": False,
        "load_3D_points": False,
        "assume_colmap_world_coordinate_convention": False,
        "eval_mode": "filename",
    }
    for parser in (BlenderDataParserConfig(), ColmapDataParserConfig(**as_they_are)):
        kind = "blender" if isinstance(parser, BlenderDataParserConfig) else "colmap"
        data = manager(data=tmp_path / kind, dataparser=parser, rays=8)
        assert torch.equal(data.pictures, whole.pictures), kind
        assert data.next_train(0)[0].directions.dtype == torch.float32
        found, wanted = (d.train_dataset.cameras for d in (data, whole))
        assert torch.allclose(found.camera_to_worlds.float(), wanted.camera_to_worlds, atol=1e-4), kind
        assert torch.allclose(found.fx.float(), wanted.fx, rtol=1e-3), kind


def write_blender(still: Path, folder: Path) -> None:
    about = json.loads((still / "transforms.json").read_text(encoding="utf-8"))
    poses = {frame["file_path"]: frame["transform_matrix"] for frame in about["frames"]}
    angle = 2 * math.atan(about["w"] / 2 / about["fl_x"])
    for split in ("train", "val", "test"):
        frames = [
            {"file_path": str(still / name).removesuffix(".png"), "transform_matrix": poses[name]}
            for name in about[f"{split}_filenames"]
        ]
        folder.mkdir(exist_ok=True)
        text = json.dumps({"camera_angle_x": angle, "frames": frames})
        (folder / f"transforms_{split}.json").write_text(text, encoding="utf-8")


def write_colmap(still: Path, folder: Path) -> None:
    from scipy.spatial.transform import Rotation

    about = json.loads((still / "transforms.json").read_text(encoding="utf-8"))
    model = folder / "colmap" / "sparse" / "0"
    model.mkdir(parents=True)
    (folder / "images").mkdir()
    camera = " ".join(str(about[name]) for name in ("w", "h", "fl_x", "fl_y", "cx", "cy"))
    (model / "cameras.txt").write_text(f"1 PINHOLE {camera}\n", encoding="utf-8")
    (model / "points3D.txt").write_text("", encoding="utf-8")
    lines = []
    for index, frame in enumerate(about["frames"], start=1):
        # COLMAP: world to camera, x right, y down, looking along z.
        pose = torch.tensor(frame["transform_matrix"], dtype=torch.float64)
        turn = (pose[:3, :3] * torch.tensor([1.0, -1, -1])).T
        x, y, z, w = Rotation.from_matrix(turn.numpy()).as_quat()
        place = (-turn @ pose[:3, 3]).tolist()
        split = "train" if frame["file_path"] in about["train_filenames"] else "eval"
        name = f"{split}_{index:03d}.png"
        shutil.copy(still / frame["file_path"], folder / "images" / name)
        lines += [" ".join(map(str, (index, w, x, y, z, *place, 1, name))), ""]
    (model / "images.txt").write_text("\n".join(lines) + "\n", encoding="utf-8")


def test_evaluation_looks_from_other_angles_than_training(manager: Any) -> None:
    data = manager()
    seen = [data.next_train(step)[1]["azimuth"].tolist() for step in range(4)]
    unseen = [data.next_eval(step)[1]["azimuth"].tolist() for step in range(4)]
    assert all(angles not in seen for angles in unseen) and unseen[0] != unseen[1]


def test_a_bundle_is_flat_with_one_area_and_index_a_ray() -> None:
    from gencontrol.nerf.method.datamanager import bundle

    directions = torch.arange(2 * 3 * 4 * 3.0).reshape(2, 3, 4, 3)
    found = bundle(directions + 1, directions, device="cpu")
    assert torch.equal(found.directions, directions.reshape(24, 3))
    assert torch.equal(found.origins, directions.reshape(24, 3) + 1)
    assert torch.equal(found.pixel_area, torch.ones(24, 1))
    assert found.camera_indices is not None and found.camera_indices.shape == (24, 1)


def test_fixed_views_are_spread_over_the_turn_at_the_middle_elevation(angles_of: Any) -> None:
    from gencontrol.nerf.method.config import SteeredDataManagerConfig
    from gencontrol.nerf.method.datamanager import fixed_views
    from gencontrol.nerf.rays.cameras import Orbit

    config = SteeredDataManagerConfig(eval_views=4, eval_size=12, orbit=Orbit(elevation=(10.0, 30.0)))
    cameras = fixed_views(config)
    azimuth, elevation = angles_of(cameras.camera_to_worlds)
    assert (azimuth.round() % 360).tolist() == [0, 90, 180, 270] and elevation.tolist() == pytest.approx([20] * 4)
    assert cameras.width.flatten().tolist() == cameras.height.flatten().tolist() == [12] * 4
    assert cameras.cx.flatten().tolist() == cameras.cy.flatten().tolist() == [6.0] * 4


def test_speeds_count_the_rays_of_a_guided_step(manager: Any) -> None:
    data = manager(views=3, size=8)
    assert data.get_train_rays_per_batch() == data.get_eval_rays_per_batch() == 3 * 8 * 8
    assert (data.world_size, data.local_rank, data.includes_time) == (1, 0, False)
    steps = [data.next_eval(step)[1]["step"] for step in (0, 4)]
    assert steps == [-1, -5] and data.next_train(5)[1]["shape"] == (3, 8, 8)
