"""The mist that an edit of empty space starts from."""

import dataclasses

import pytest
import torch

from gencontrol.nerf.field import grid
from gencontrol.nerf.field.field import VoxelField
from gencontrol.nerf.parts.initial_density import missing_density, start_change
from gencontrol.nerf.parts.parts import Part
from gencontrol.nerf.parts.shapes import Box, Sphere, membership

SOLID = Part(name="solid", prompt="x", shape=Sphere(centre=(-0.5, 0.0, 0.0), radius=0.3))
EMPTY = Part(name="empty", prompt="x", shape=Sphere(centre=(0.5, 0.0, 0.0), radius=0.2))
TINY = Part(name="tiny", prompt="x", shape=Sphere(centre=(0.53, 0.53, 0.53), radius=0.05))


def half_full(nodes: int = 9) -> VoxelField:
    """Dense where x is at most -0.25, empty elsewhere; a change of 8 nodes, none of which the tiny part holds."""
    base = torch.full((4, nodes, nodes, nodes), grid.EMPTY)
    base[0, :, :, : nodes // 2] = 5.0
    return VoxelField(torch.zeros(4, 8, 8, 8), base=base)


def test_an_empty_part_is_filled_up_to_the_peak_and_a_solid_one_is_not() -> None:
    field = half_full()
    added = missing_density(field, [SOLID, EMPTY, TINY], peak=-2.5, empty_below=0.05)
    assert added is not None and not added.requires_grad
    field.add(added)
    points = torch.rand(20000, 3, generator=torch.Generator().manual_seed(0)) * 2 - 1
    for part in (EMPTY, TINY):
        inside = points[membership(part.shape, points) > 0]
        assert torch.allclose(field.raw(inside)[:, 0], torch.tensor(-2.5), atol=1e-4)
    solid = points[membership(SOLID.shape, points) > 0]
    assert torch.equal(field.raw(solid), grid.sample(half_full().base, solid))  # pyright: ignore[reportArgumentType]


def test_where_every_part_holds_something_nothing_is_added() -> None:
    assert missing_density(half_full(), [SOLID], peak=-2.5, empty_below=0.05) is None
    wide = Part(name="wide", prompt="x", shape=Sphere(centre=(0.0, 0.0, 0.0), radius=0.6))
    assert missing_density(half_full(), [wide], peak=-2.5, empty_below=0.05) is None


def test_over_a_wisp_that_the_change_is_too_coarse_for_the_mist_is_no_crust() -> None:
    base = torch.full((4, 33, 33, 33), grid.EMPTY)
    base[0, 16, 16, 24] = -6.1  # less than what is rendered, and between the nodes of the change
    field = VoxelField(torch.zeros(4, 8, 8, 8), base=base)
    part = Part(name="part", prompt="x", shape=Box(centre=(0.4, 0.0, 0.0), size=(1.0, 1.6, 1.6)))
    added = missing_density(field, [part], peak=-2.5, empty_below=0.05)
    assert added is not None
    field.add(added)
    points = torch.rand(20000, 3, generator=torch.Generator().manual_seed(0)) * 2 - 1
    points = torch.cat([points, torch.tensor([[0.5, 0.0, 0.0]])])
    raw = field.raw(points[membership(part.shape, points) > 0])[:, 0]
    assert raw.max() <= -2.5 + 1e-4 and (raw > -2.6).float().mean() > 0.5


@pytest.mark.parametrize("part", [SOLID, EMPTY])
def test_a_replacement_starts_as_a_mist_whatever_stood_there(part: Part) -> None:
    field = half_full()
    field.mode = "replace"
    start_change(field, [part], mode="replace", peak=-2.0)
    points = grid.nodes(21)
    inside = membership(part.shape, points)
    raw = field.raw(points, inside)[:, 0]
    assert torch.allclose(raw[inside > 0], torch.tensor(-2.0), atol=1e-4)
    assert torch.equal(raw[inside == 0], grid.sample(half_full().base, points)[inside == 0, 0])  # pyright: ignore


def test_an_edit_starts_as_it_is_where_something_stands() -> None:
    field = half_full()
    start_change(field, [SOLID], mode="edit", peak=-2.0)
    assert not field.change.any()
    start_change(field, [SOLID, EMPTY], mode="edit", peak=-2.0)
    assert field.change.any()


def test_an_empty_part_that_no_text_steers_stays_empty() -> None:
    field = half_full()
    start_change(field, [dataclasses.replace(EMPTY, prompt="")], mode="edit", peak=-2.5)
    assert torch.equal(field.change, half_full().change)


def test_a_mist_reaches_the_nodes_around_its_part_and_no_further() -> None:
    field = VoxelField(torch.zeros(4, 9, 9, 9), base=torch.full((4, 9, 9, 9), grid.EMPTY))
    # Between the nodes at 0.25 and 0.5, and wide on the other axes.
    thin = Part(name="thin", prompt="x", shape=Box(centre=(0.375, 0.0, 0.0), size=(0.21, 2.0, 2.0)))
    added = missing_density(field, [thin], peak=-2.5, empty_below=0.05)
    assert added is not None
    # One node of the change beyond, and one of the search's finer nodes, which the part may reach between.
    assert torch.linspace(-1, 1, 9)[added[4, 4] > 0].tolist() == [0.0, 0.25, 0.5, 0.75]
    assert torch.allclose(added[:, :, 5], torch.tensor(-2.5 - grid.EMPTY))
