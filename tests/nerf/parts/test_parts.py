"""Parts: found by name, in several columns, as rays cross them and points lie in them."""

import pytest
import torch

from gencontrol.errors import ConfigError, InputError
from gencontrol.nerf.field import grid
from gencontrol.nerf.parts.parts import (
    Part,
    check_parts,
    find_part,
    largest_membership,
    memberships,
    part_names,
    random_points_within,
    rays_crossing,
)
from gencontrol.nerf.parts.shapes import Sphere, Whole, membership
from gencontrol.schedules import Schedule

LEFT = Part(name="left", prompt="a", shape=Sphere(centre=(-0.5, 0.0, 0.0), radius=0.4))
RIGHT = Part(name="right", prompt="b", shape=Sphere(centre=(0.5, 0.0, 0.0), radius=0.6))


def test_names_are_in_the_parts_order() -> None:
    assert part_names([Part(name="b", prompt=""), Part(name="a", prompt="")]) == ("b", "a")


def test_memberships_have_a_column_a_part_and_an_edit_takes_the_largest() -> None:
    points = grid.nodes(9)
    columns = memberships([LEFT, RIGHT])(points)
    assert torch.equal(columns[:, 0], membership(LEFT.shape, points))
    assert torch.equal(columns[:, 1], membership(RIGHT.shape, points))
    soft = largest_membership([LEFT, RIGHT], points, softness=0.2)
    each = [membership(part.shape, points, softness=0.2) for part in (LEFT, RIGHT)]
    assert torch.equal(soft, torch.maximum(*each))
    assert (soft[columns.amax(1) == 0] == 0).all()


def test_parts_are_found_by_name() -> None:
    assert find_part([LEFT, RIGHT], "right") is RIGHT
    with pytest.raises(InputError, match="No part 'up'; the parts are left, right"):
        find_part([LEFT, RIGHT], "up")
    assert check_parts([LEFT, RIGHT]) == (LEFT, RIGHT)


def test_rays_cross_a_part_where_they_hit_it() -> None:
    x = torch.linspace(-1.21, 1.21, 49)
    origins = torch.stack([x, torch.full_like(x, -3.0), torch.zeros_like(x)], dim=1)
    found = rays_crossing([LEFT, RIGHT], origins, torch.tensor([[0.0, 1.0, 0.0]]).expand(49, 3), samples=200)
    # The ball on the right reaches beyond the cube.
    expected = ((x + 0.5).abs() < 0.4) | (((x - 0.5).abs() < 0.6) & (x <= 1))
    assert torch.equal(found, expected)
    assert not rays_crossing([LEFT], origins, torch.tensor([[0.0, -1.0, 0.0]]).expand(49, 3)).any()


def test_places_within_a_part_are_in_it_and_everywhere_in_it() -> None:
    first, second = (random_points_within([LEFT], 21, generator=torch.Generator().manual_seed(s)) for s in (0, 1))
    assert (membership(LEFT.shape, first) > 0).all() and not torch.equal(first[:5], second[:5])
    # One to a node: their number tells the volume, and their mean the middle.
    assert len(first) * 0.1**3 == pytest.approx(4 / 3 * torch.pi * 0.4**3, rel=0.1)
    assert first.mean(dim=0).tolist() == pytest.approx([-0.5, 0, 0], abs=0.03)


def test_blanks_are_no_prompt_and_no_name() -> None:
    assert Part(name="a", prompt="  \n\t").prompt == "" and Part(name="a", prompt=" red cat ").prompt == "red cat"
    for name in ("", "  "):
        with pytest.raises(ConfigError, match="A part needs a name; got"):
            Part(name=name, prompt="x")


def test_a_weight_below_0_is_refused() -> None:
    falling = Schedule(points=((0, 1.0), (10, -0.5)))
    with pytest.raises(ConfigError, match=r"weight of part 'hat' must be at least 0; got 0:1.0 10:-0.5. .*'remove'"):
        Part(name="hat", prompt="x", weight=falling)
    Part(name="hat", prompt="x", weight=Schedule(points=((0, 1.0), (10, 0.0))))


def test_defaults() -> None:
    part = Part(name="a", prompt="x")
    assert (part.weight, part.shape, part.steered) == (Schedule(points=((0, 1.0),)), Whole(), True)
    x = torch.linspace(-0.9, 0.9, 200)
    origins = torch.stack([x, torch.full_like(x, -3.0), torch.zeros_like(x)], dim=1)
    ahead = torch.tensor([[0.0, 1.0, 0.0]]).expand(200, 3)
    found = rays_crossing([LEFT], origins, ahead)
    assert torch.equal(found, rays_crossing([LEFT], origins, ahead, samples=24))
    assert not found.all() and found.any()
