"""Highlights by their names: a box, a sphere, a part of the scene."""

import dataclasses
from pathlib import Path

import pytest
import torch

from gencontrol.errors import ConfigError, InputError
from gencontrol.nerf.parts.highlights import box_or_sphere, named_shape
from gencontrol.nerf.parts.part_lists import read_parts
from gencontrol.nerf.parts.shapes import Box, Ellipsoid, Sphere, Voxels, Whole, grown
from gencontrol.nerf.still_life.world import bake, still_life


def write(tmp_path: Path, text: str) -> Path:
    (tmp_path / "parts.yaml").write_text(text, encoding="utf-8")
    return tmp_path / "parts.yaml"


def test_a_highlight_may_be_a_part_of_the_scene(tmp_path: Path) -> None:
    scene = bake(still_life(), 16)
    (part,) = read_parts(write(tmp_path, "parts: [{name: a, highlight: {part: egg}}]"), base=scene)
    egg = still_life().things[2].body
    assert isinstance(egg, Ellipsoid)
    # A sixteenth lattice has its nodes 2 / 15 apart, and a thing's surface is blurred over that.
    assert isinstance(part.shape, Ellipsoid) and part.shape.centre == egg.centre
    assert part.shape.size == pytest.approx([length + 4 / 15 for length in egg.size])
    assert part.shape == named_shape(scene, "egg") == grown(egg, 2 / 15)
    assert named_shape(scene, "egg", grow=0.0) == egg
    # Of sides of two and three nodes the longest counts.
    coarse = dataclasses.replace(scene, lattice=torch.zeros(4, 2, 3, 2))
    assert named_shape(coarse, "egg") == grown(egg, 1.0)
    removed = dataclasses.replace(scene, prompts={"egg": ""})
    assert named_shape(removed, "egg") == egg  # it is of its size since, and would else grow at every change
    lifted = dataclasses.replace(scene, parts={"egg": Voxels(values=torch.ones(2, 2, 2))})
    with pytest.raises(InputError, match="is a painted mask, which cannot grow: leave `grow` out"):
        named_shape(lifted, "egg", grow=0.1)
    assert isinstance(named_shape(lifted, "egg"), Voxels)
    steered = dataclasses.replace(scene, prompts={"egg": "red cat"})
    assert named_shape(steered, "egg") == egg and named_shape(steered, "egg", grow=0.1) == grown(egg, 0.1)
    with pytest.raises(InputError, match=r"has no part 'bal'; did you mean 'ball'\?$"):
        named_shape(scene, "bal")
    with pytest.raises(InputError, match=r"has no part 'bal', nor any\.$"):
        named_shape(dataclasses.replace(scene, parts={}), "bal")


def test_flags_give_a_box_a_sphere_or_everything() -> None:
    assert box_or_sphere((0.0, 0.1, 0.2, 1.0, 2.0, 3.0), None) == Box(centre=(0.0, 0.1, 0.2), size=(1.0, 2.0, 3.0))
    assert box_or_sphere(None, (0.0, 0.1, 0.2, 0.5)) == Sphere(centre=(0.0, 0.1, 0.2), radius=0.5)
    assert box_or_sphere(None, None) == Whole()
    with pytest.raises(ConfigError, match="Give a `box` or a `sphere`, not both"):
        box_or_sphere((0.0,) * 6, (0.0,) * 4)
    with pytest.raises(ConfigError, match="`sphere`: the radius must be positive"):
        box_or_sphere(None, (0.0,) * 4)
