"""A scene from two sides, and the box on it."""

import json
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
    grips_text,
    marked_views,
    outlined,
    placed,
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


def test_a_point_comes_to_where_one_presses_and_stays_as_far_away() -> None:
    before = (0.2, -0.3, 0.1)
    for column, row, index, kept in ((190.0, 80.0, 0, 1), (300 + 100.0, 220.0, 1, 0)):
        moved = placed(column, row, before)
        camera = one_camera(side_cameras(300), index)
        seen = project(torch.tensor([moved]), camera)[0]
        assert torch.allclose(seen, torch.tensor([column - 300 * index, row]), atol=1e-2)
        away = [(torch.tensor(at) - camera.pose[0, :, 3]) @ camera.pose[0, :, 2] for at in (before, moved)]
        assert torch.allclose(away[0], away[1], atol=1e-5)
        # From a little above, what goes up comes nearer; to the side nothing does.
        assert abs(moved[kept] - before[kept]) < 0.15
    # Beside the sheet it is the nearest side.
    assert placed(-5.0, 150.0, before)[0] < -1 and placed(650.0, 150.0, before)[1] > 1


def test_the_page_is_told_how_to_project_a_box() -> None:
    told = json.loads(grips_text((0.2, 0.0, 0.1, 1.0, 1.0, 0.5), scene="a", away=(-1.0, 1.0), sides=(0.05, 2.0)))
    assert (told["side"], told["box"], told["away"], told["sides"]) == (
        300,
        [0.2, 0, 0.1, 1, 1, 0.5],
        [-1, 1],
        [0.05, 2],
    )
    assert told["scene"] == "a" and [view["name"] for view in told["views"]] == list(SIDES)
    points = torch.tensor([[0.3, -0.2, 0.5], [-0.7, 0.4, 0.1]])
    for index, view in enumerate(told["views"]):
        # As the page does it.
        x, y, z = ((points - torch.tensor(view["place"])) @ torch.tensor(view["turn"])).unbind(-1)
        scale = view["focal"] / -z
        seen = torch.stack([told["side"] / 2 + scale * x, told["side"] / 2 - scale * y], dim=-1)
        assert torch.allclose(seen, project(points, one_camera(side_cameras(300), index)), atol=1e-3)


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


def test_a_part_is_marked_where_it_is_seen(scene_file: Path) -> None:
    scene = load_scene(scene_file)
    plain = [np.asarray(view).astype(int) for view in side_views(scene)]
    marked = [np.asarray(view).astype(int) for view in marked_views(scene, scene.parts["ball"])]
    changed = [np.abs(one - other).max(-1) > 10 for one, other in zip(plain, marked, strict=True)]
    columns = np.nonzero(changed[0])[1]
    # The ball is on the left from the front; from the right it is behind the others, and what is hidden has no colour.
    assert changed[0].any() and columns.max() < 72 and changed[1].sum() < changed[0].sum()
    at = np.argwhere(changed[0])[changed[0].sum() // 2]
    shown, before = marked[0][tuple(at)], plain[0][tuple(at)]
    assert np.abs(shown - (0.7 * np.array([230, 90, 0]) + 0.3 * before)).max() < 12
