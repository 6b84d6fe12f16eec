"""Poses of two sprites, by what they cover."""

from dataclasses import replace

import numpy as np
import pytest

from gencontrol.sprites.staging.poses import (
    Outlines,
    Placed,
    head_of,
    hold,
    lie_in,
    read_outline,
    ride,
    stand_on,
    wear_glasses,
    wear_hat,
)
from gencontrol.sprites.store import SpriteStore


@pytest.fixture
def named(sprite_store: SpriteStore):
    def find(name: str, *, x: float = 0.0, y: float = 0.0, side: float = 1.0) -> Placed:
        index = next(i for i, c in enumerate(sprite_store.concepts) if c.name == name)
        return Placed(concept=index, style=sprite_store.styles.index("noto"), x=x, y=y, side=side)

    return find


def test_outlines_of_a_step(sprite_store: SpriteStore, named, outlines: Outlines) -> None:
    # Drawings fill their squares: the step is high on the right half, the bar as wide as its square.
    step = named("red step")
    found = read_outline(sprite_store, step.concept, step.style)
    assert found.box == pytest.approx((0, 0, 1, 1), abs=0.04)
    count = len(found.tops)
    assert found.tops[count // 4] == pytest.approx(0.5, abs=0.04)
    assert found.tops[3 * count // 4] == pytest.approx(0, abs=0.04)
    turned = outlines.of(replace(step, mirrored=True))
    assert turned.tops == found.tops[::-1] and turned.tops != found.tops
    bar = named("red bar")
    box = read_outline(sprite_store, bar.concept, bar.style).box
    assert box == pytest.approx((0, 4 / 14, 1, 10 / 14), abs=0.04)
    half = named("red pole")
    box = read_outline(sprite_store, half.concept, half.style)
    assert box.tops[0] == 1 and outlines.of(replace(half, mirrored=True)).box == pytest.approx(box.box, abs=0.04)


def test_boxes_and_tops_of_placed_sprites(named, outlines: Outlines) -> None:
    step = named("red step", x=3.0, y=2.0, side=16.0)
    assert outlines.box(step) == pytest.approx((-5, -6, 11, 10), abs=0.6)
    assert outlines.top(step, 0.0, 0.4) == pytest.approx(2, abs=0.6)
    assert outlines.top(step, 0.0, 1.0) == pytest.approx(-6, abs=0.6)


def test_heads_are_where_an_actor_looks(named, outlines: Outlines) -> None:
    step = named("red step")
    left, top, width = head_of(outlines, step, -1)
    assert left == pytest.approx(-0.29, abs=0.04) and top == pytest.approx(0, abs=0.05)
    assert width == pytest.approx(0.42, abs=0.03)
    right, top, _ = head_of(outlines, step, 1)
    assert right == pytest.approx(0.29, abs=0.04) and top == pytest.approx(-0.5, abs=0.04)
    middle, _, width = head_of(outlines, named("red disc"), 0)
    assert middle == pytest.approx(0, abs=0.04) and width == pytest.approx(0.66, abs=0.04)


def test_a_hat_sits_on_the_head_and_hovers_when_lifted(named, outlines: Outlines) -> None:
    actor, hat = named("red disc"), named("red hill")
    worn = wear_hat(outlines, actor, hat, 0, np.random.default_rng(0))
    box, head = outlines.box(worn), head_of(outlines, actor, 0)
    assert box[1] < head[1] < box[3] < head[1] + 0.45 * (box[3] - box[1])
    assert box[0] < head[0] < box[2] and 0.8 * head[2] < box[2] - box[0] < 1.3 * head[2]
    hovering = wear_hat(outlines, actor, hat, 0, np.random.default_rng(0), lift=0.8)
    assert outlines.box(hovering)[3] < head[1] - 0.2 * (box[3] - box[1])


def test_glasses_are_before_the_eyes(named, outlines: Outlines) -> None:
    actor = named("red disc")
    left, top, right, bottom = outlines.box(wear_glasses(outlines, actor, named("red bow"), np.random.default_rng(1)))
    face = outlines.box(actor)
    assert face[0] < left < right < face[2] and (left + right) / 2 == pytest.approx(0, abs=0.04)
    assert 0.35 < ((top + bottom) / 2 - face[1]) / (face[3] - face[1]) < 0.55


def test_a_rider_sinks_into_the_seat(named, outlines: Outlines) -> None:
    mount, rider = named("red bar"), named("red disc")
    seat = outlines.top(mount, 0.38, 0.62)
    box = outlines.box(ride(outlines, rider, mount, np.random.default_rng(2)))
    height = box[3] - box[1]
    assert 0.1 * height < box[3] - seat < 0.32 * height
    lifted = outlines.box(ride(outlines, rider, mount, np.random.default_rng(2), lift=0.5))
    assert lifted[3] < seat


@pytest.mark.parametrize("facing", [-1, 1])
def test_what_is_held_is_before_an_actor(named, outlines: Outlines, facing: int) -> None:
    actor, thing = named("red disc"), named("red pole")
    left, _, right, _ = outlines.box(hold(outlines, actor, thing, facing, np.random.default_rng(3)))
    face = outlines.box(actor)
    edge = face[0] if facing < 0 else face[2]
    assert left < edge < right
    apart = outlines.box(hold(outlines, actor, thing, facing, np.random.default_rng(3), gap=0.3))
    assert apart[2] < face[0] if facing < 0 else apart[0] > face[2]


def test_what_stands_touches_the_top(named, outlines: Outlines) -> None:
    support, thing = named("red block"), named("red disc")
    top = outlines.box(support)[1]
    left, high, right, low = outlines.box(stand_on(outlines, thing, support, np.random.default_rng(4)))
    assert 0 <= low - top < 0.06 * (low - high) + 0.02
    assert outlines.box(support)[0] < (left + right) / 2 < outlines.box(support)[2]
    assert outlines.box(stand_on(outlines, thing, support, np.random.default_rng(4), lift=0.5))[3] < top - 0.1
    assert outlines.box(stand_on(outlines, thing, support, np.random.default_rng(4), lift=-0.9))[3] > top + 0.1


def test_what_lies_in_something_is_within(named, outlines: Outlines) -> None:
    container = named("red ring")
    inner = outlines.box(lie_in(outlines, named("red disc"), container, np.random.default_rng(5)))
    outer = outlines.box(container)
    assert outer[0] < inner[0] and outer[1] < inner[1] and inner[2] < outer[2] and inner[3] < outer[3]
