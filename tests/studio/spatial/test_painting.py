"""What is painted on views becomes masks for their cameras, and a part of the scene."""

import base64
import io
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from gencontrol.errors import InputError
from gencontrol.nerf.field.scene import load_scene
from gencontrol.nerf.parts.part_lists import read_parts
from gencontrol.nerf.parts.shapes import Voxels, membership
from gencontrol.nerf.rays.cameras import one_camera
from gencontrol.studio.spatial.painting import (
    SIDE,
    VIEWS,
    as_text,
    lifted,
    masks_of,
    painting_cameras,
    read_painted,
    views_to_paint_on,
    write_part,
)
from gencontrol.studio.spatial.views import project

BALL = (-0.55, 0.0, -0.25)
"""Where the still life has its ball."""


def stroke(at: Any, radius: float = 12, tool: str = "brush") -> dict[str, Any]:
    return {"tool": tool, "points": [[float(value) for value in at]], "radius": radius}


def painted_on_ball(*names: str) -> str:
    """A dab on the middle of the ball, in those views."""
    cameras, point = painting_cameras(), torch.tensor([BALL])
    seen = {name: project(point, one_camera(cameras, number))[0] for number, name in enumerate(VIEWS)}
    return json.dumps({name: [stroke(seen[name].tolist())] for name in names})


def test_the_views_are_of_the_scene_and_travel_in_the_text(scene_file: Path) -> None:
    views = views_to_paint_on(load_scene(scene_file))
    assert list(views) == list(VIEWS) and all(view.size == (SIDE, SIDE) for view in views.values())
    said = json.loads(as_text("scene one", views))
    assert (said["start"], said["side"], [view["name"] for view in said["views"]]) == ("scene one", SIDE, list(VIEWS))
    head, _, body = said["views"][1]["url"].partition(",")
    assert head == "data:image/png;base64"
    with Image.open(io.BytesIO(base64.b64decode(body))) as image:
        assert (np.asarray(image) == np.asarray(views["from the right"])).all()
    # The ball is red, and on the left from the front.
    column, row = (int(value) for value in project(torch.tensor([BALL]), one_camera(painting_cameras(), 0))[0])
    red, green, blue = np.asarray(views["from the front"])[row, column].tolist()
    assert red > 2 * max(green, blue) and column < SIDE / 2


def test_what_is_painted_on_the_ball_is_the_ball(scene_file: Path) -> None:
    scene = load_scene(scene_file)
    masks = masks_of(read_painted(painted_on_ball("from the front", "from the right")))
    assert list(masks) == [(0.0, 20.0), (90.0, 20.0)]
    assert all(mask.shape == (SIDE, SIDE) and 300 < mask.sum() < 600 for mask in masks.values())
    part = lifted(scene, masks)
    places = torch.tensor([BALL, (0.05, 0.15, -0.3), (0.6, -0.1, -0.2)])
    assert membership(part, places).tolist() == [1, 0, 0]


def test_the_list_in_the_runs_folder_says_the_same(scene_file: Path, tmp_path: Path) -> None:
    scene, masks = load_scene(scene_file), masks_of(read_painted(painted_on_ball("from the front", "from above")))
    listed = write_part(masks, prompt="apple", folder=tmp_path)
    assert listed.parent == tmp_path / "painted"
    (part,) = read_parts(listed, base=scene)
    here = lifted(scene, masks)
    assert isinstance(part.shape, Voxels) and isinstance(here, Voxels)
    # A file has 256 greys, which decides no more than an edge.
    assert float((part.shape.values != here.values).float().mean()) < 1e-3
    assert (part.name, part.prompt) == ("apple", "apple")
    (gone,) = read_parts(write_part(masks, prompt="", folder=tmp_path / "other"), base=scene)
    assert (gone.name, gone.prompt) == ("painted", "")


def test_a_view_on_which_all_is_erased_says_that_nothing_is_there(scene_file: Path) -> None:
    erased = [stroke((90, 90)), stroke((90, 90), radius=40, tool="eraser")]
    masks = masks_of(read_painted(json.dumps({"from the front": [stroke((60, 110))], "from above": erased})))
    assert not masks[(0.0, 75.0)].any() and masks[(0.0, 20.0)].any()
    with pytest.raises(InputError, match="Nothing is painted: draw on the part"):
        masks_of(read_painted(json.dumps({"from above": erased})))


@pytest.mark.parametrize("text", ["", "{}", json.dumps({"from the front": []})])
def test_without_marks_nothing_is_painted(text: str) -> None:
    assert read_painted(text) == {}
    with pytest.raises(InputError, match="Nothing is painted"):
        masks_of({})


def test_empty_space_is_no_part(scene_file: Path) -> None:
    with pytest.raises(InputError, match="nothing solid"):
        lifted(load_scene(scene_file), masks_of(read_painted(json.dumps({"from the front": [stroke((4, 4), 3)]}))))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[", "Expected marks on views"),
        ("[]", "Expected marks on views"),
        ('{"from below": []}', "Expected marks on views"),
        ('{"from above": 3}', "The view from above: expected at most 2000 marks, got 3"),
        (json.dumps({"from above": [stroke((1, 1))] * 2001}), "The view from above: expected at most 2000 marks"),
        ('{"from above": [{"tool": "spray", "points": []}]}', "Expected a mark with `tool`"),
        ('{"from above": [{"tool": "brush", "points": [[1, 1]]}]}', "has no radius"),
        (" " * (16 * 2**20 + 1), "More is painted than can be sent"),
    ],
)
def test_what_no_page_sends_is_refused(text: str, said: str) -> None:
    with pytest.raises(InputError, match=said):
        read_painted(text)
