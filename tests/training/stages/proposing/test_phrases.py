"""Which phrases are asked of a scene."""

import torch

from gencontrol.sprites.catalog import Concept
from gencontrol.sprites.compose import SceneConfig, compose
from gencontrol.sprites.store import SpriteStore
from gencontrol.streams import stream
from gencontrol.training.stages.proposing.phrases import LEAST_SEEN, WITH_ARTICLE, asked_of, phrases_of, seen_in

CONCEPTS = (Concept(slug="a", names=("apple",)), Concept(slug="b", names=("dog", "small hound")))


def test_every_name_is_asked_for_in_three_ways() -> None:
    texts, concept = phrases_of(CONCEPTS)
    assert texts[:6] == ["apple", "an apple", "the apple", "dog", "a dog", "the dog"]
    assert texts[6:] == ["small hound", "a small hound", "the small hound"]
    assert concept.tolist() == [0, 0, 0, 1, 1, 1, 1, 1, 1]


def test_phrases_of_slots_name_them_and_the_others_name_nothing_there(sprite_store: SpriteStore) -> None:
    texts, concept = phrases_of(sprite_store.concepts)
    scenes = compose(sprite_store, SceneConfig(size=32), batch=64, seed=3)
    slots = scenes.concept.shape[1]
    asked = asked_of(scenes, concept, 5, stream(0, 0, "x"))
    assert asked.shape == (64, slots + 5)
    named = concept[asked]
    assert torch.equal(named[:, :slots][scenes.used], scenes.concept[scenes.used])
    others = torch.where(scenes.used, -1, named[:, :slots])
    for row in range(64):
        there = set(scenes.concept[row][scenes.used[row]].tolist())
        assert not there & {*named[row, slots:].tolist(), *others[row].tolist()}
    first = asked_of(scenes, concept, 0, stream(0, 0, "x"), template=WITH_ARTICLE)
    assert all(texts[i].split()[0] in ("a", "an") for i in first.flatten().tolist())
    # Every phrase of a concept is drawn in the end, synonyms included.
    drawn = {int(i) for index in range(40) for i in asked_of(scenes, concept, 5, stream(index, 0, "x")).flatten()}
    assert len(drawn) > 0.95 * len(texts)


def test_what_is_hidden_is_not_named(sprite_store: SpriteStore) -> None:
    scenes = compose(sprite_store, SceneConfig(size=32, counts=(0.0, 0.0, 0.0, 1.0)), batch=64, seed=3)
    seen = seen_in(scenes)
    assert bool(seen.any()) and not bool((seen & (scenes.visible < LEAST_SEEN)).any())
    flat = scenes.boxes[seen]
    assert bool((flat[:, 2:] > flat[:, :2]).all()) and not bool(seen[~scenes.used].any())
