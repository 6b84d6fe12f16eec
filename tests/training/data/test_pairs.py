import dataclasses

import pytest
import torch

from gencontrol.sprites.compose import SceneConfig
from gencontrol.training.data.pairs import SpritePairs, choose_slot, grown_counts, pad_ids, single_ids
from gencontrol.training.stages.contrastive import true_of


def source(store, **changes):
    return SpritePairs(store=store, scenes=SceneConfig(size=24, counts=(0.0, 1.0, 1.0, 1.0)), seed=0, **changes)


def named_in(text, store):
    return {i for i, c in enumerate(store.concepts) if any(n in text for n in c.names)}


def test_region_pairs_name_the_marked_sprite_only(sprite_store):
    pairs = source(sprite_store, whole_share=0.0, alpha_kinds=(1.0,) + (0.0,) * 5, with_alone=True).draw(0, 40)
    for text, ids, image in zip(pairs.texts, pairs.text_concepts.tolist(), pairs.image_concepts.tolist(), strict=True):
        assert named_in(text, sprite_store) == {i for i in ids if i >= 0} == {i for i in image if i >= 0}
        assert sum(i >= 0 for i in ids) == 1
    # Where the marked sprite is, alone and scene agree unless something lies in front; elsewhere they differ.
    assert pairs.alone is not None
    marked = pairs.alpha[:, None].expand(-1, 3, -1, -1) > 0.99
    same = (pairs.alone - pairs.rgb).abs() < 0.2
    assert same[marked].float().mean() > 0.9
    assert (~same).any(1).flatten(1).any(1).float().mean() > 0.8


def test_whole_pairs_look_everywhere_and_name_some_of_what_is_there(sprite_store):
    pairs = source(sprite_store, whole_share=1.0).draw(0, 60)
    assert (pairs.alpha == 1).all()
    own = true_of(pairs.image_concepts, pairs.text_concepts).diagonal()
    assert own.all()
    counts = (pairs.text_concepts >= 0).sum(-1)
    assert counts.min() == 1 and counts.max() >= 3
    for text, ids in zip(pairs.texts, pairs.text_concepts.tolist(), strict=True):
        assert named_in(text, sprite_store) == {i for i in ids if i >= 0}


def test_the_whole_share_is_kept(sprite_store):
    pairs = source(sprite_store, whole_share=0.25).draw(1, 400)
    whole = (pairs.alpha == 1).flatten(1).all(1).float().mean()
    assert 0.18 < whole < 0.32


def test_scenes_grow_from_one_sprite():
    counts = (1.0, 1.0, 2.0, 0.0)
    assert grown_counts(counts, 0, 10) == (1.0, 0.0, 0.0, 0.0)
    assert grown_counts(counts, 5, 10) == pytest.approx((0.625, 0.125, 0.25, 0.0))
    assert grown_counts(counts, 10, 10) == grown_counts(counts, 0, 0) == pytest.approx((0.25, 0.25, 0.5, 0.0))


def test_a_hidden_sprite_is_not_chosen(sprite_store):
    from gencontrol.sprites.compose import compose

    scenes = compose(sprite_store, SceneConfig(size=16, counts=(0.0, 1.0)), batch=50, seed=0)
    hidden = dataclasses.replace(scenes, visible=torch.tensor([[0.1, 1.0]] * 50))
    assert (choose_slot(hidden, torch.Generator().manual_seed(0)) == 1).all()


def test_id_lists():
    assert pad_ids(torch.tensor([[1, 2]])).tolist() == [[1, 2, -1, -1, -1, -1, -1, -1]]
    assert single_ids(2).tolist() == [[0, *[-1] * 7], [1, *[-1] * 7]]
