"""What is true of scenes that are put together by hand."""

from dataclasses import replace

import pytest
import torch

from gencontrol.relations.learned.answers import RELATIONS
from gencontrol.relations.vocabulary import CONVERSE, MOVING
from gencontrol.sprites.compose import render
from gencontrol.sprites.staging.poses import Placed
from gencontrol.sprites.staging.roles import UNKNOWN, Roles
from gencontrol.sprites.staging.scenes import Staged, layout_of
from gencontrol.sprites.store import SpriteStore
from gencontrol.training.relating.truths import truths_of


@pytest.fixture
def told(sprite_store: SpriteStore, roles: Roles):
    """A function from sprites, given as (name, x, y, side), to what is true of two of them."""

    def find(*sprites: tuple[str, float, float, float], facing=None, tint=None, facts=(), moving: bool = False):
        style = sprite_store.styles.index("noto")
        names = [c.name for c in sprite_store.concepts]
        placed = tuple(Placed(concept=names.index(n), style=style, x=x, y=y, side=s) for n, x, y, s in sprites)
        tints = torch.full((1, len(placed)), -1) if tint is None else torch.tensor([tint])
        layout = layout_of([placed], len(placed), tints, torch.Generator().manual_seed(0))
        scenes = render(sprite_store, replace(layout, softness=torch.zeros(1)), torch.zeros(1, 3, 64, 64))
        known = torch.tensor([facing or [0] * len(placed)])
        staged = Staged(scenes=scenes, facts=(tuple(facts),), facing=known, tint=tints)
        truth = truths_of(sprite_store, roles, staged, 0, moving=moving)
        assert truth.shape == (len(placed), len(placed), len(RELATIONS))

        def ask(i: int, relation: str, j: int) -> int:
            return int(truth[i, j, RELATIONS.index(relation)])

        return ask

    return find


def test_places_and_sizes(told) -> None:
    ask = told(("red block", 0.2, 0.3, 0.3), ("blue block", 0.7, 0.33, 0.2))
    assert ask(0, "left of", 1) == 1 and ask(1, "left of", 0) == 0 and ask(1, "right of", 0) == 1
    assert ask(0, "above", 1) == 0 and ask(1, "below", 0) == 0
    assert ask(0, "bigger than", 1) == 1 and ask(1, "smaller than", 0) == 1 and ask(1, "bigger than", 0) == 0
    assert ask(0, "touching", 1) == ask(0, "overlapping", 1) == ask(0, "in front of", 1) == ask(0, "inside", 1) == 0
    # By less than a margin, and by hardly more: not to be said.
    ask = told(("red block", 0.2, 0.3, 0.3), ("blue block", 0.7, 0.38, 0.3))
    assert ask(0, "above", 1) == -1 and ask(0, "bigger than", 1) == 0


def test_later_sprites_hide_earlier_ones(told) -> None:
    ask = told(("red block", 0.4, 0.5, 0.4), ("blue block", 0.6, 0.5, 0.4))
    assert ask(1, "in front of", 0) == 1 and ask(0, "behind", 1) == 1 and ask(0, "in front of", 1) == 0
    assert ask(0, "overlapping", 1) == ask(1, "overlapping", 0) == ask(0, "touching", 1) == 1


def test_inside_is_within_and_smaller(told) -> None:
    ask = told(("red ring", 0.5, 0.5, 0.9), ("blue disc", 0.5, 0.5, 0.2))
    assert ask(1, "inside", 0) == 1 and ask(0, "around", 1) == 1 and ask(0, "inside", 1) == 0


def test_the_nearest_by_far_enough(told) -> None:
    ask = told(("red block", 0.15, 0.5, 0.2), ("blue block", 0.45, 0.5, 0.2), ("green block", 0.88, 0.5, 0.2))
    assert ask(0, "nearest to", 1) == 1 and ask(2, "nearest to", 1) == 0 and ask(1, "nearest to", 2) == 1
    ask = told(("red block", 0.15, 0.5, 0.2), ("blue block", 0.5, 0.5, 0.2), ("green block", 0.85, 0.5, 0.2))
    assert ask(0, "nearest to", 1) == ask(2, "nearest to", 1) == -1


def test_kinds_and_colours(told) -> None:
    sprites = (("red block", 0.2, 0.2, 0.2), ("red block", 0.8, 0.2, 0.2), ("blue disc", 0.5, 0.8, 0.2))
    ask = told(*sprites, tint=[3, 3, 1])
    assert ask(0, "same kind as", 1) == ask(1, "same kind as", 0) == 1 and ask(0, "same kind as", 2) == 0
    assert ask(0, "same colour as", 1) == 1 and ask(0, "same colour as", 2) == 0
    assert told(*sprites, tint=[3, -1, 1])(0, "same colour as", 1) == -1


def test_who_looks_at_whom(told) -> None:
    sprites = (("red step", 0.2, 0.5, 0.2), ("blue step", 0.8, 0.5, 0.2))
    ask = told(*sprites, facing=[1, -1])
    assert ask(0, "facing", 1) == ask(1, "facing", 0) == ask(0, "looking at each other", 1) == 1
    assert ask(0, "facing away from", 1) == 0 and ask(0, "interacting with", 1) == 1
    ask = told(*sprites, facing=[1, 1])
    assert ask(0, "facing", 1) == 1 and ask(1, "facing", 0) == 0 and ask(1, "facing away from", 0) == 1
    assert ask(0, "looking at each other", 1) == ask(1, "looking at each other", 0) == 0
    ask = told(*sprites, facing=[0, UNKNOWN])
    assert ask(0, "facing", 1) == ask(0, "facing away from", 1) == 0 and ask(1, "facing", 0) == -1
    assert ask(0, "looking at each other", 1) == 0
    # What lies above or below is faced by nobody.
    ask = told(("red step", 0.5, 0.2, 0.2), ("blue step", 0.52, 0.8, 0.2), facing=[1, -1])
    assert ask(0, "facing", 1) == ask(1, "facing", 0) == 0


def test_facts_win_and_chance_is_not_asked(told) -> None:
    worn = (("red step", 0.5, 0.6, 0.5), ("red hill", 0.4, 0.45, 0.2))
    assert told(*worn)(0, "wearing", 1) == -1 and told(*worn)(1, "wearing", 0) == 0
    ask = told(*worn, facts=[(0, 1, "wearing", True), (1, 0, "on", None)])
    assert ask(0, "wearing", 1) == 1 and ask(1, "on", 0) == -1 and ask(1, "interacting with", 0) == 1
    ask = told(*worn, facts=[(0, 1, "wearing", False), (1, 0, "on", False)])
    assert ask(0, "wearing", 1) == 0 and ask(1, "on", 0) == 0
    apart = told(("red step", 0.2, 0.6, 0.3), ("red hill", 0.8, 0.2, 0.2))
    assert apart(0, "wearing", 1) == apart(1, "on", 0) == apart(0, "interacting with", 1) == 0
    assert told(("red step", 0.5, 0.4, 0.3), ("red bar", 0.5, 0.6, 0.4))(0, "riding", 1) == -1
    assert told(("red step", 0.5, 0.6, 0.4), ("red pole", 0.4, 0.6, 0.2))(0, "holding", 1) == -1
    # It rests on top of it, as chance has it.
    assert told(("red block", 0.5, 0.3, 0.3), ("blue block", 0.5, 0.6, 0.3))(0, "on", 1) == -1


def test_motion_is_asked_of_clips_alone(told) -> None:
    sprites = (("red step", 0.2, 0.5, 0.2), ("blue step", 0.8, 0.5, 0.2))
    assert all(told(*sprites)(0, name, 1) == -1 for name in MOVING)
    ask = told(*sprites, facts=[(0, 1, "chasing", True), (1, 0, "circling", None)], moving=True)
    assert ask(0, "chasing", 1) == 1 and ask(1, "chasing", 0) == 0 and ask(1, "circling", 0) == -1


def test_converses_are_turned(told) -> None:
    ask = told(("red block", 0.3, 0.3, 0.4), ("blue disc", 0.6, 0.7, 0.3), ("green bar", 0.55, 0.3, 0.3))
    for name, other in CONVERSE.items():
        assert all(ask(i, name, j) == ask(j, other, i) for i in range(3) for j in range(3) if i != j)
