"""How parts are to stand, read from texts; and losses that set them there, seen level and alone."""

from typing import Any

import pytest
import torch
from torch.testing import assert_close

from gencontrol.errors import ConfigError, InputError
from gencontrol.nerf.parts.parts import Part
from gencontrol.nerf.parts.shapes import Box, Sphere, membership
from gencontrol.nerf.steering.relations import (
    PartRelation,
    level_rays,
    relation_losses,
    relations_of,
    silhouette,
    view_azimuths,
)

# A place over a block, 0.4 wide and from its top at -0.2 up to 0.8; the block; a hook beside.
PLACE = Part(name="hat", prompt="a red crown", shape=Box(centre=(0.0, 0.0, 0.3), size=(0.4, 0.4, 1.0)))
BLOCK = Part(name="block", prompt="", shape=Box(centre=(0.0, 0.0, -0.5), size=(0.8, 0.8, 0.6)), steered=False)
HOOK = Part(name="hook on wall", prompt="", shape=Sphere(centre=(0.6, 0.0, 0.5), radius=0.2), steered=False)


def scene(points, *things):
    """Dense within shapes, a soft edge of 0.02, and a colour that nothing here looks at."""
    members = [membership(shape, points, softness=0.02) for shape in things]
    return 200 * torch.stack(members).sum(dim=0), torch.zeros_like(points)


def still(points):
    return scene(points, BLOCK.shape, HOOK.shape)


def read(text, steered=(PLACE,), beside=(BLOCK, HOOK)):
    (found,) = relations_of([text], steered, beside, still)
    return found


def placed(where: torch.Tensor, **asked: Any) -> torch.Tensor:
    """The loss of a ball of 0.3 across at a place that is asked to stand so to the block."""

    def field(points):
        ball = 200 * torch.sigmoid((0.15 - (points - where).norm(dim=-1)) / 0.02)
        return still(points)[0] + ball * (points[:, 2] > -0.2), torch.zeros_like(points)

    generator = torch.Generator().manual_seed(asked.pop("seed", 0))
    settings = {"weight": 1.0, "generator": generator} | asked.pop("settings", {})
    (loss,) = relation_losses([read(asked.pop("text", "hat on block"))], field, (PLACE,), **settings).values()
    return loss


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("hat on block", ("hat", "on", "block")),
        ("  Hat on top of  BLOCK ", ("hat", "on", "block")),
        ("a red crown to the left of block", ("hat", "left of", "block")),
        ("block under hat", ("block", "below", "hat")),
        ("hat on hook on wall", ("hat", "on", "hook on wall")),
        ("hook on wall over hat", ("hook on wall", "above", "hat")),
        ("hat in contact with block", ("hat", "touching", "block")),
    ],
)
def test_a_text_is_two_parts_and_a_relation(text, expected):
    found = read(text)
    assert (found.subject, found.relation, found.other) == expected
    assert [part.name for part in found.staying] == [next(name for name in expected[::2] if name != "hat")]


def test_two_steered_parts_stay_neither_and_a_prompt_of_both_names_none():
    two = (PLACE, Part(name="ball", prompt="a red crown", shape=Sphere(centre=(0.0, 0.0, 0.6), radius=0.1)))
    assert read("ball on hat", two) == PartRelation(subject="ball", relation="on", other="hat")
    assert read("ball on hat", two).key == "relation_ball_on_hat"
    assert read("hat left of block").key == "relation_hat_left_of_block"
    with pytest.raises(InputError, match="there is no part 'a red crown'; known are "):
        read("a red crown on block", two)


@pytest.mark.parametrize(
    ("text", "kind", "message"),
    [
        ("hat on blok", InputError, r"`relations`: 'hat on blok': there is no part 'blok'; did you mean 'block'\?"),
        ("het on block", InputError, r"'het on block': there is no part 'het'; did you mean 'hat'\?"),
        ("hat onto block", InputError, r"'hat onto block': nothing steers to 'onto'; did you mean .*'on'"),
        ("hat riding block", InputError, r"nothing steers to 'riding'; known are above, below, inside, left of, on"),
        ("hat block", InputError, "cannot read 'hat block': expected PART RELATION PART, such as 'crown on ball'; the"),
        ("", InputError, "cannot read '': expected PART RELATION PART"),
        ("x onto y", InputError, r"cannot read .* relations are left of, .*, and the parts a red crown, block, hook"),
        ("hat on a red crown", ConfigError, "'hat on a red crown' relates 'hat' to itself: name two parts"),
        ("block below hook on wall", ConfigError, "two parts that stay as they are; one has to be among .*: hat"),
    ],
)
def test_what_cannot_be_asked_for(text, kind, message):
    with pytest.raises(kind, match=message):
        read(text)


def test_what_lies_within_the_steered_part_or_is_not_there_places_nothing():
    around = Part(name="hat", prompt="crown", shape=Box(centre=(0.0, 0.0, 0.0), size=(2.0, 2.0, 2.0)))
    with pytest.raises(InputError, match="outside of what is steered there is nothing of 'block' to see"):
        read("hat on block", (around,))
    gone = Part(name="gone", prompt="", shape=Sphere(centre=(0.0, 0.8, 0.8), radius=0.1), steered=False)
    with pytest.raises(InputError, match="there is nothing of 'gone' to see"):
        read("hat above gone", beside=(gone,))


def test_a_level_view_shows_the_box_upright_and_without_perspective():
    low, high = torch.tensor([-0.3, -0.3, 0.0]), torch.tensor([0.3, 0.3, 0.8])
    origins, directions = level_rays(torch.tensor([0.0, 90.0]), low, high, side=8)
    assert origins.shape == directions.shape == (2, 8, 8, 3)
    assert_close(directions[0, 2, 5], torch.tensor([0.0, 1.0, 0.0]))
    assert_close(directions[1, 2, 5], torch.tensor([-1.0, 0.0, 0.0]), atol=1e-6, rtol=0)
    # From the front, right is +x; from 90 degrees, where +x is near, right is +y; rows go down.
    half = 1.05 * (0.6 * 2**0.5) / 2
    assert_close(origins[0, 0, 0], torch.tensor([-half * 7 / 8, -3.0, 0.4 + half * 7 / 8]))
    assert_close(origins[1, 7, 7], torch.tensor([3.0, half * 7 / 8, 0.4 - half * 7 / 8]), atol=1e-5, rtol=0)
    tall = level_rays(torch.tensor([0.0]), low, torch.tensor([0.3, 0.3, 2.0]), side=2)[0]
    assert_close(tall[0, 0, 0], torch.tensor([-1.05 / 2, -3.0, 1 + 1.05 / 2]))


def test_a_part_is_seen_as_if_it_were_alone():
    rays = level_rays(torch.tensor([90.0]), torch.tensor([-1.0, -1.0, -1.0]), torch.tensor([1.0, 1.0, 1.0]))
    # From +x the hook stands before the place; of a thing that is dense everywhere only the block's own shape is seen.
    seen = silhouette(lambda x: (torch.full_like(x[:, 0], 50.0), x), lambda x: membership(BLOCK.shape, x), *rays)
    pixel = 1.05 * 8**0.5 / 48
    assert seen.sum().item() * pixel**2 == pytest.approx(0.8 * 0.6, rel=0.1)
    alone = silhouette(still, lambda x: membership(HOOK.shape, x), *rays)
    assert alone.sum().item() * pixel**2 == pytest.approx(torch.pi * 0.2**2, rel=0.2)


@pytest.mark.parametrize("relation", ["left of", "right of", "on", "above", "touching"])
def test_sides_are_looked_at_from_the_front_and_all_else_from_all_around(relation):
    generator = torch.Generator().manual_seed(0)
    drawn = torch.stack([view_azimuths(relation, generator=generator) for _ in range(200)])
    low, high = (-45, 45) if relation in ("left of", "right of") else (0, 180)
    assert drawn.min() >= low and drawn.max() <= high
    assert drawn.min() < low + 3 and drawn.max() > high - 3
    assert_close(drawn[:, 1] - drawn[:, 0], torch.full((200,), (high - low) / 2.0))


@pytest.mark.parametrize("height", [0.3, 0.0])
def test_what_hovers_over_the_block_sinks(height):
    where = torch.tensor([0.0, 0.0, height], requires_grad=True)
    loss = placed(where)
    (slope,) = torch.autograd.grad(loss, where)
    assert slope[2] > 0.03 and slope[2] > 5 * slope[:2].norm()
    standing = placed(torch.tensor([0.0, 0.0, -0.05]))
    assert standing.item() < min(loss.item(), 0.05)


def test_left_is_the_pictures_left_from_the_front_and_the_part_that_stays_gets_no_gradient():
    where, strength = torch.tensor([0.0, 0.0, 0.2], requires_grad=True), torch.tensor(1.0, requires_grad=True)
    loss = placed(where, text="hat left of block")
    assert torch.autograd.grad(loss, where)[0][0] > 1e-3
    loss = placed(where, text="hat right of block")
    assert torch.autograd.grad(loss, where)[0][0] < -1e-3

    def field(points):
        density, colour = still(points)
        return density * strength + 20 * membership(PLACE.shape, points) * where[2], colour

    settings = {"weight": 1.0, "generator": torch.Generator().manual_seed(0)}
    (loss,) = relation_losses([read("block below hat")], field, (PLACE,), **settings).values()
    # Only within the place, where nothing of the block is, does its strength count.
    assert torch.autograd.grad(loss, strength, retain_graph=True)[0] == 0
    assert loss.requires_grad


def test_what_is_steered_belongs_to_the_steered_part_alone():
    low = Part(name="hat", prompt="crown", shape=Box(centre=(0.0, 0.0, 0.2), size=(1.0, 1.0, 1.2)))
    (asked,) = relations_of(["hat on block"], (low,), (BLOCK,), still)

    def field(points):
        return 200 * membership(Box(centre=(0.0, 0.0, -0.2), size=(0.8, 0.8, 1.2)), points), points

    settings = {"weight": 1.0, "generator": torch.Generator().manual_seed(0)}
    (loss,) = relation_losses([asked], field, (low,), **settings).values()
    # The place begins at -0.4, within the block: what is above is the hat's, which stands on what is left of it.
    assert loss.item() < 0.05


def test_the_weight_multiplies_and_a_weight_of_0_renders_nothing():
    where = torch.tensor([0.0, 0.0, 0.3])
    one = placed(where)
    three = placed(where, settings={"weight": 3.0})
    assert_close(three, 3 * one)
    settings = {"weight": 0.0, "generator": torch.Generator()}
    assert relation_losses([read("hat on block")], still, (PLACE,), **settings) == {}
    # The same generator gives the same views.
    assert placed(where, seed=1) != one and torch.equal(placed(where), one)
