"""Splats: read back by a parser that knows nothing of us, and as opaque as the field."""

import io
import math

import numpy as np
import pytest
import torch

from gencontrol.errors import InputError
from gencontrol.nerf.export.splats import scene_splats, splat_bytes
from gencontrol.nerf.field import grid
from gencontrol.nerf.field.scene import Scene
from gencontrol.nerf.parts.shapes import Box, Sphere
from gencontrol.nerf.still_life.world import Thing, World, bake

BALL = Thing(name="ball", body=Sphere(centre=(0.2, -0.1, 0.3), radius=0.4), colour=(0.9, 0.2, 0.1))


@pytest.fixture(scope="module")
def scene() -> Scene:
    return bake(World(things=(BALL,)), 24)


def even(density: float) -> Scene:
    """One density everywhere, of mid grey."""
    raw = math.log(math.expm1(density / grid.DENSITY_SCALE))
    return Scene(lattice=torch.cat([torch.full((1, 21, 21, 21), raw), torch.zeros(3, 21, 21, 21)]))


def test_a_viewers_parser_reads_what_the_field_is(scene: Scene) -> None:
    plyfile = pytest.importorskip("plyfile")
    data = plyfile.PlyData.read(io.BytesIO(splat_bytes(scene_splats(scene))))
    assert data.byte_order == "<" and [element.name for element in data.elements] == ["vertex"]
    vertex = data["vertex"]
    names = [p.name for p in vertex.properties]
    assert names[:6] == ["x", "y", "z", "nx", "ny", "nz"] and {p.val_dtype for p in vertex.properties} == {"f4"}
    where = np.stack([vertex[axis] for axis in "xyz"], axis=1)
    assert np.linalg.norm(where - [0.2, -0.1, 0.3], axis=1).max() < 0.4 + 3 * 2 / 23
    density, rgb = scene(torch.from_numpy(where.copy()))
    colour = 0.5 + 0.28209479177387814 * np.stack([vertex[f"f_dc_{i}"] for i in range(3)], axis=1)
    assert np.abs(colour - rgb.numpy()).max() < 1e-3
    opacity = 1 / (1 + np.exp(-vertex["opacity"]))
    expected = 1 - np.exp(-density.numpy() * (2 / 23) / (2 * np.pi * 0.5**2))
    assert opacity.min() >= 1 / 255 - 1e-6 and np.abs(opacity - expected.clip(max=0.999)).max() < 1e-4
    assert np.allclose(np.exp(vertex["scale_0"]), 0.5 * 2 / 23) and np.array_equal(vertex["scale_0"], vertex["scale_2"])
    rotation = np.stack([vertex[f"rot_{i}"] for i in range(4)], axis=1)
    assert (rotation == [1, 0, 0, 0]).all()


def test_every_node_that_is_not_empty_is_one_splat(scene: Scene) -> None:
    splats = scene_splats(scene)
    density, _ = scene(grid.nodes(24))
    least = -math.log(1 - 1 / 255) * (2 * math.pi * 0.25) / (2 / 23)
    assert len(splats.centre) == int((density >= least).sum())
    assert len(scene_splats(scene, resolution=12).centre) < len(splats.centre) / 4


def test_a_layer_of_splats_is_as_opaque_as_the_field() -> None:
    splats = scene_splats(even(1.5))
    spacing = 2 / 20
    # Along z, between the nodes: every layer of splats adds its share, none hides another while they are thin.
    place = torch.tensor([0.3 * spacing, 0.6 * spacing])
    across = (splats.centre[:, :2] - place).square().sum(dim=1)
    share = splats.opacity * torch.exp(-across / (2 * splats.deviation**2))
    height = splats.centre[:, 2]
    through = torch.stack([1 - share[height == z].sum() for z in height.unique()]).prod().item()
    # One layer a spacing: 21 of them.
    assert through == pytest.approx(math.exp(-1.5 * 21 * spacing), abs=0.02)


def test_only_what_lies_in_the_shapes_is_taken(scene: Scene) -> None:
    box = Box(centre=(0.2, -0.1, 0.8), size=(2.0, 2.0, 1.0))
    splats = scene_splats(scene, within=(box,))
    assert splats.centre[:, 2].min() >= 0.3 - 1e-6
    assert len(splats.centre) < len(scene_splats(scene).centre) * 0.7


def test_nothing_to_see_is_refused() -> None:
    with pytest.raises(InputError, match=r"dense enough to be seen \(the densest node has 0\.01\).*crop less"):
        scene_splats(even(0.01))
