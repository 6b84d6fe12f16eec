"""A scene from two sides, and the box on it."""

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from gencontrol.nerf.field.scene import load_scene
from gencontrol.nerf.rays.cameras import camera_rays, one_camera
from gencontrol.studio.spatial.views import (
    SIDES,
    box_corners,
    box_edges,
    outlined,
    project,
    side_cameras,
    side_views,
)


def test_corners_and_edges_are_a_boxes() -> None:
    corners = box_corners((1.0, 2.0, 3.0, 2.0, 4.0, 6.0))
    assert corners.amin(0).tolist() == [0, 0, 0] and corners.amax(0).tolist() == [2, 4, 6]
    assert len({tuple(corner) for corner in corners.tolist()}) == 8 and len(box_edges()) == 12
    for a, b in box_edges():
        assert int((corners[a] != corners[b]).sum()) == 1


@pytest.mark.parametrize("index", range(len(SIDES)))
def test_a_point_on_a_pixels_ray_is_seen_at_that_pixel(index: int) -> None:
    camera = one_camera(side_cameras(40), index)
    origins, directions = camera_rays(camera)
    for row, column in ((3, 31), (20, 5), (39, 0)):
        point = origins[0, row, column] + 2.5 * directions[0, row, column]
        seen = project(point[None], camera)[0]
        assert torch.allclose(seen, torch.tensor([column + 0.5, row + 0.5]), atol=1e-3)


def test_from_the_right_one_sees_to_the_back() -> None:
    front, right = (one_camera(side_cameras(100), index) for index in range(2))
    points = torch.tensor([[0.5, 0.0, 0.0], [0.0, 0.5, 0.0], [0.0, 0.0, 0.5]])
    assert project(points, front)[0, 0] > 60 and abs(float(project(points, front)[1, 0]) - 50) < 1
    assert abs(float(project(points, right)[0, 0]) - 50) < 1 and project(points, right)[1, 0] > 60
    assert project(points, front)[2, 1] < 45 and project(points, right)[2, 1] < 45


def orange(sheet: Image.Image) -> np.ndarray:
    return (np.asarray(sheet).astype(int) == (230, 90, 0)).all(-1)


def test_the_box_is_drawn_where_it_is_on_each_view() -> None:
    views = [Image.new("RGB", (144, 144), "white")] * 2
    assert outlined(views, None).size == (600, 300) and not orange(outlined(views, None)).any()
    right = orange(outlined(views, (0.6, 0.0, 0.0, 0.3, 0.3, 0.3)))
    front_columns, side_columns = np.nonzero(right[:, :300])[1], np.nonzero(right[:, 300:])[1]
    assert front_columns.min() > 160 and 120 < side_columns.min() < side_columns.max() < 180


def test_a_scene_is_seen_from_both_sides(scene_file: Path) -> None:
    front, right = (np.asarray(view).astype(int) for view in side_views(load_scene(scene_file)))
    assert front.shape == right.shape == (144, 144, 3)
    # Something in the middle before white.
    for view in (front, right):
        assert (view[0, 0] > 250).all() and (view < 200).any()
    assert np.abs(front - right).max() > 50
