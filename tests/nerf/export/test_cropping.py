"""What of a lattice belongs to the shapes that a scene is cropped to."""

import pytest
import torch

from gencontrol.errors import InputError
from gencontrol.nerf.export.cropping import cropped
from gencontrol.nerf.export.mesh import MeshSettings, scene_mesh
from gencontrol.nerf.export.splats import scene_splats
from gencontrol.nerf.parts.shapes import Box, Sphere
from gencontrol.nerf.still_life.world import Thing, World, bake

LEFT = Box(centre=(-0.5, 0.0, 0.0), size=(1.0, 2.0, 2.0))
BALL = Sphere(centre=(-0.5, 0.0, 0.0), radius=0.2)
THING = Thing(name="ball", body=Sphere(centre=(0.2, -0.1, 0.3), radius=0.4), colour=(0.9, 0.2, 0.1))
FAR = Box(centre=(5.0, 0.0, 0.0), size=(1.0, 1.0, 1.0))


def test_what_belongs_to_all_shapes_keeps_its_density() -> None:
    points = torch.tensor([[-0.5, 0.0, 0.0], [-0.9, 0.0, 0.0], [0.5, 0.0, 0.0]])
    density = torch.tensor([3.0, 4.0, 5.0])
    assert torch.equal(cropped(density, points, ()), density)
    assert cropped(density, points, [LEFT]).tolist() == [3, 4, 0]
    assert cropped(density, points, [LEFT, BALL]).tolist() == [3, 0, 0]


def test_shapes_that_hold_nothing_of_the_scene_are_refused() -> None:
    scene = bake(World(things=(THING,)), 16)
    points = torch.tensor([[-0.5, 0.0, 0.0], [0.5, 0.0, 0.0]])
    right = Box(centre=(0.5, 0.0, 0.0), size=(0.5, 2.0, 2.0))
    for shapes in ([FAR], [BALL, right]):
        with pytest.raises(InputError, match="Nothing lies in what the scene is cropped to: the scene fills the cube"):
            cropped(torch.ones(2), points, shapes)
    with pytest.raises(InputError, match="Nothing lies in what the scene is cropped to"):
        scene_mesh(scene, MeshSettings(resolution=16, crop=FAR))
    with pytest.raises(InputError, match="Nothing lies in what the scene is cropped to"):
        scene_splats(scene, resolution=16, within=[FAR])
