import dataclasses
import itertools

import torch

from gencontrol.sprites.compose import SceneConfig, compose, render
from gencontrol.sprites.relations import names_of, relations_of

TWO = SceneConfig(size=32, counts=(0.0, 1.0), blur=0.0, jitter=0.0, turn=0.0)


def placed(store, centres, sides=(0.3, 0.3), counts=2):
    """A scene of two red blocks at these places, the second in front, with room for `counts`."""
    block = next(i for i, c in enumerate(store.concepts) if c.name == "red block")
    config = dataclasses.replace(TWO, counts=tuple(float(n + 1 == counts) for n in range(counts)))
    layout = compose(store, config, batch=1, seed=0).layout
    centre, side = layout.centre.clone(), layout.side.clone()
    centre[0, :2], side[0, :2] = torch.tensor(centres), torch.tensor(sides)
    concept = torch.full_like(layout.concept, -1)
    concept[0, :2] = block
    changed = dataclasses.replace(layout, centre=centre, side=side, concept=concept)
    return render(store, changed, torch.zeros(1, 3, 32, 32))


def test_names_are_listed_from_back_to_front_without_empty_slots(sprite_store):
    scenes = compose(sprite_store, SceneConfig(size=16), batch=12, seed=0)
    for row, names in enumerate(names_of(sprite_store, scenes)):
        assert len(names) == int(scenes.used[row].sum())
        assert names == [sprite_store.concepts[i].name for i in scenes.concept[row][: len(names)].tolist()]


def test_beside_and_above_need_a_margin(sprite_store):
    found = relations_of(sprite_store, placed(sprite_store, [(0.2, 0.5), (0.8, 0.45)]))
    assert found.left_of[0].tolist() == [[False, True], [False, False]]
    assert found.right_of[0].tolist() == [[False, False], [True, False]]
    assert not found.above.any() and not found.below.any() and not found.in_front_of.any()
    found = relations_of(sprite_store, placed(sprite_store, [(0.5, 0.8), (0.55, 0.2)]))
    assert found.above[0].tolist() == [[False, False], [True, False]] and found.below[0, 0, 1]
    assert not found.left_of.any()


def test_what_hides_is_in_front(sprite_store):
    found = relations_of(sprite_store, placed(sprite_store, [(0.4, 0.5), (0.55, 0.5)]))
    assert found.in_front_of[0].tolist() == [[False, False], [True, False]] and found.behind[0, 0, 1]
    # Wholly hidden still is behind.
    found = relations_of(sprite_store, placed(sprite_store, [(0.5, 0.5), (0.5, 0.5)], sides=(0.2, 0.6)))
    assert found.in_front_of[0, 1, 0] and found.in_front_of.sum() == 1


def test_empty_slots_have_no_relations(sprite_store):
    found = relations_of(sprite_store, placed(sprite_store, [(0.2, 0.2), (0.8, 0.8)], counts=4))
    assert found.left_of.shape == (1, 4, 4)
    assert found.left_of.sum() == 1 and found.above.sum() == 1 and not found.in_front_of.any()


def test_relations_of_many_scenes_are_those_of_their_centres(sprite_store):
    scenes = compose(sprite_store, SceneConfig(size=16, counts=(1.0, 1.0, 1.0)), batch=24, seed=0)
    found, centre = relations_of(sprite_store, scenes), scenes.layout.centre
    for b, i, j in itertools.product(range(24), range(3), range(3)):
        both = bool(scenes.used[b, i] and scenes.used[b, j])
        assert found.left_of[b, i, j] == found.right_of[b, j, i] == (both and centre[b, j, 0] - centre[b, i, 0] > 0.1)
        assert found.above[b, i, j] == found.below[b, j, i] == (both and centre[b, j, 1] - centre[b, i, 1] > 0.1)
        assert not found.in_front_of[b, i, j] or (both and i > j)
        assert found.behind[b, j, i] == found.in_front_of[b, i, j]
    assert found.in_front_of.any() and found.left_of.sum() > 20
