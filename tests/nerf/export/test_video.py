"""Films: frames show the scene from the path's cameras, and files hold them."""

import contextlib
import gc
import json
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from gencontrol.errors import ConfigError, InputError
from gencontrol.nerf.export.video import VideoSettings, film, flatten, read_path, write_film
from gencontrol.nerf.rays.cameras import Orbit, orbit_cameras
from gencontrol.nerf.still_life.world import bake, photograph, still_life

SETTINGS = VideoSettings(frames=4, size=33, samples=48)
SCENE = bake(still_life(), 48)


@pytest.fixture(scope="module")
def frames() -> list[Image.Image]:
    return list(film(SCENE, SETTINGS))


def test_frames_show_the_scene_from_all_around(frames: list[Image.Image]) -> None:
    assert [frame.mode for frame in frames] == ["RGBA"] * 4
    for index, frame in enumerate(frames):
        cameras = orbit_cameras(torch.tensor([90.0 * index]), torch.tensor([20.0]), (33, 33), orbit=Orbit())
        exact = photograph(still_life(), cameras).opacity[0, 0].numpy()
        assert np.abs(np.asarray(frame)[..., 3] / 255 - exact).mean() < 0.05


def test_transparency_is_flattened_over_the_background() -> None:
    frame = Image.new("RGBA", (1, 1), (200, 100, 0, 51))
    assert flatten(frame, (1.0, 1.0, 1.0))[0, 0].tolist() == [244, 224, 204]


def test_an_mp4_holds_the_frames_and_has_even_sides(frames: list[Image.Image], tmp_path: Path) -> None:
    av = pytest.importorskip("av")
    path = write_film(iter(frames), tmp_path / "film.mp4", SETTINGS)
    with av.open(str(path)) as container:
        stored = [frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)]
    assert len(stored) == 4 and stored[0].shape == (34, 34, 3)
    difference = stored[2][:33, :33].astype(float) - flatten(frames[2], (1.0, 1.0, 1.0))
    assert np.abs(difference).mean() < 8


def test_a_gif_holds_the_frames(frames: list[Image.Image], tmp_path: Path) -> None:
    path = write_film(frames, tmp_path / "film.gif", SETTINGS)
    with Image.open(path) as film_file:
        assert film_file.n_frames == 4  # pyright: ignore[reportAttributeAccessIssue]
        assert film_file.size == (33, 33)


def test_pngs_keep_transparency(frames: list[Image.Image], tmp_path: Path) -> None:
    folder = write_film(frames, tmp_path / "film", SETTINGS)
    names = sorted(path.name for path in folder.iterdir())
    assert names == [f"{i:05d}.png" for i in range(4)]
    with Image.open(folder / "00001.png") as stored:
        assert np.array_equal(np.asarray(stored), np.asarray(frames[1]))


def test_a_folder_of_frames_is_replaced_and_one_of_other_pictures_is_not(
    frames: list[Image.Image], tmp_path: Path
) -> None:
    write_film(frames, tmp_path / "film", SETTINGS)
    write_film(frames[:2], tmp_path / "film", SETTINGS)
    assert len(list((tmp_path / "film").iterdir())) == 2
    photos = tmp_path / "photos"
    photos.mkdir()
    frames[0].save(photos / "holiday.png")
    with pytest.raises(InputError, match=r"photos holds other things \(holiday.png\): name a new folder"):
        write_film(frames, photos, SETTINGS)
    assert [path.name for path in photos.iterdir()] == ["holiday.png"]


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"frames": 0}, "`frames` must be at least 1; got 0"),
        ({"size": 0}, "`size` must be at least 1; got 0"),
        ({"background": (255.0, 255.0, 255.0)}, r"`background` takes red, green and blue from 0 to 1 .*got \(255.0,"),
        ({"background": (0.5, -0.1, 0.5)}, "`background` takes red"),
    ],
)
def test_settings_that_cannot_be_filmed_are_refused(wrong: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        VideoSettings(**wrong)


def test_another_suffix_is_refused_before_anything_is_rendered(tmp_path: Path) -> None:
    def never():
        raise AssertionError
        yield

    with pytest.raises(InputError, match=r"Cannot write .webm: choose .mp4, .gif"):
        write_film(never(), tmp_path / "film.webm", SETTINGS)


def test_a_failing_film_leaves_nothing(tmp_path: Path) -> None:
    def broken():
        yield Image.new("RGBA", (4, 4))
        raise RuntimeError("stop")

    for name in ("film.mp4", "film"):
        with pytest.raises(RuntimeError, match="stop"):
            write_film(broken(), tmp_path / name, SETTINGS)
    assert list(tmp_path.iterdir()) == []


def test_a_viewers_camera_path_is_read(tmp_path: Path) -> None:
    pose = torch.cat([orbit_cameras(torch.tensor([30.0]), torch.tensor([10.0]), (8, 8), orbit=Orbit()).pose[0],
                      torch.tensor([[0.0, 0.0, 0.0, 1.0]])])  # fmt: skip
    frame = {"camera_to_world": pose.flatten().tolist(), "fov": 90.0, "aspect": 1}
    (tmp_path / "path.json").write_text(json.dumps({"camera_path": [frame, frame]}), encoding="utf-8")
    cameras = read_path(tmp_path / "path.json", (20, 30))
    assert cameras.pose.shape == (2, 3, 4) and torch.allclose(cameras.pose[1], pose[:3])
    assert cameras.focal.tolist() == pytest.approx([10, 10])


def test_a_camera_path_may_hold_whole_numbers(tmp_path: Path) -> None:
    pose = [1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1, 3, 0, 0, 0, 1]
    (tmp_path / "path.json").write_text(json.dumps({"camera_path": [{"camera_to_world": pose, "fov": 90}]}))
    cameras = read_path(tmp_path / "path.json", (8, 8))
    assert cameras.pose.dtype == torch.float32 and cameras.pose[0, 2].tolist() == [0, 0, 1, 3]


@pytest.mark.parametrize(
    "text",
    [
        "[]",
        '{"camera_path": 5}',
        '{"camera_path": [{"camera_to_world": [1, 2, 3], "fov": 5}]}',
        '{"camera_path": [{"fov": 5}]}',
        "{",
    ],
)
def test_what_a_camera_path_holds_is_said(text: str, tmp_path: Path) -> None:
    (tmp_path / "path.json").write_text(text)
    with pytest.raises(InputError, match=r"path\.json is no camera path .*: expected 'camera_path', .*, in JSON\.$"):
        read_path(tmp_path / "path.json", (8, 8))


def test_a_camera_path_that_is_no_file_is_told_as_that(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"^No file at .*none\.json; expected a camera path\.$"):
        read_path(tmp_path / "none.json", (8, 8))


@pytest.mark.parametrize(("text", "message"), [("{}", "no camera path"), ('{"camera_path": []}', "without cameras")])
def test_files_that_are_no_camera_path_are_refused(text: str, message: str, tmp_path: Path) -> None:
    (tmp_path / "path.json").write_text(text, encoding="utf-8")
    with pytest.raises(InputError, match=message):
        read_path(tmp_path / "path.json", (8, 8))


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"elevation": float("nan")}, "`elevation` must be a number from -90 to 90; got nan"),
        ({"elevation": 91.0}, "`elevation` must be at most 90"),
        ({"frames": 100000}, "`frames` must be at most 99999"),
        ({"size": 4097}, "`size` must be at most 4096"),
        ({"frames_per_second": 0}, "`frames_per_second` must be at least 1"),
    ],
)
def test_what_cannot_be_filmed_is_refused_at_once(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        VideoSettings(**settings)


@pytest.mark.parametrize(("fov", "place"), [(0.0, 0.0), (180.0, 0.0), (float("nan"), 0.0), (50.0, float("inf"))])
def test_a_camera_path_of_no_cameras_is_refused(fov: float, place: float, tmp_path: Path) -> None:
    pose = [1, 0, 0, place, 0, 1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1]
    path = {"camera_path": [{"camera_to_world": pose, "fov": fov}]}
    (tmp_path / "path.json").write_text(json.dumps(path), encoding="utf-8")
    with pytest.raises(InputError, match=r"no camera path that can be filmed: expected finite poses .* below 180"):
        read_path(tmp_path / "path.json", (8, 8))


def test_a_gif_on_a_full_disk_is_one_error(frames: list[Image.Image], monkeypatch: pytest.MonkeyPatch) -> None:
    # imageio opens the file itself; nothing of it is left to write once the disk is full.
    monkeypatch.setattr(
        "gencontrol.nerf.export.video.atomic_file", lambda path, **how: contextlib.nullcontext(Path("/dev/full"))
    )
    with warnings.catch_warnings(), pytest.raises(OSError, match="No space left"):
        warnings.simplefilter("error", pytest.PytestUnraisableExceptionWarning)
        write_film(iter(frames), Path("x.gif"), SETTINGS)
        gc.collect()


@pytest.mark.parametrize(
    "pose",
    [
        [0.0] * 16,
        [1e38] * 16,
        [-1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1],
        [1e38, 0, 0, 0, 0, 1e38, 0, 0, 0, 0, 1e38, 0, 0, 0, 0, 1],
        [1, 0, 0, 1e7, 0, 1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1],
    ],
)
def test_a_camera_that_stands_nowhere_is_refused(pose: list[float], tmp_path: Path) -> None:
    good = [1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1, 3, 0, 0, 0, 1]
    frames = [{"camera_to_world": place, "fov": 50} for place in (good, pose)]
    (tmp_path / "path.json").write_text(json.dumps({"camera_path": frames}))
    with pytest.raises(InputError, match=r"the pose of camera 1 .* is flat, mirrored or far beyond the scene"):
        read_path(tmp_path / "path.json", (8, 8))


def test_a_camera_path_that_is_nested_too_deeply_is_refused(tmp_path: Path) -> None:
    (tmp_path / "path.json").write_text("[" * 200_000)
    with pytest.raises(InputError, match=r"path\.json is no camera path"):
        read_path(tmp_path / "path.json", (8, 8))
