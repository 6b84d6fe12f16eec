import dataclasses

import pytest
import torch

from gencontrol.sprites.compose import SceneConfig, compose
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
    scenes = compose(sprite_store, SceneConfig(size=16, counts=(0.0, 1.0)), batch=50, seed=0)
    hidden = dataclasses.replace(scenes, visible=torch.tensor([[0.1, 1.0]] * 50))
    assert (choose_slot(hidden, torch.Generator().manual_seed(0)) == 1).all()


def test_id_lists():
    assert pad_ids(torch.tensor([[1, 2]])).tolist() == [[1, 2, -1, -1, -1, -1, -1, -1]]
    assert single_ids(2).tolist() == [[0, *[-1] * 7], [1, *[-1] * 7]]


def test_defaults(sprite_store):
    scenes = SceneConfig()
    assert SpritePairs(store=sprite_store, scenes=scenes, seed=0) == SpritePairs(
        store=sprite_store,
        scenes=scenes,
        seed=0,
        whole_share=0.1,
        alpha_kinds=(0.5, 0.1, 0.1, 0.1, 0.1, 0.1),
        with_alone=False,
        growth=0,
        described=0.0,
        graded=0.0,
        blanked=0.0,
    )


def test_a_seed_gives_the_pairs_that_the_shipped_weights_have_learnt_from(sprite_store):
    """Means over pairs of every kind: whoever alters a number of theirs alters what published results mean."""
    shares = {"whole_share": 0.4, "described": 0.5, "graded": 0.3, "blanked": 0.4}
    scenes = SceneConfig(size=32, counts=(1.0,) * 5)
    kinds = (1.0,) * 8
    source = SpritePairs(store=sprite_store, scenes=scenes, seed=3, alpha_kinds=kinds, with_alone=True, growth=4)
    source = dataclasses.replace(source, **shares)
    pairs = source.draw(2, 160)
    assert pairs.shares is not None and pairs.alone is not None and pairs.opposites is not None
    found = [pairs.rgb, pairs.alpha, pairs.text_concepts, pairs.image_concepts, pairs.whole, pairs.shares, pairs.alone]
    assert [values.double().mean().item() for values in found] == pytest.approx(
        [0.45489, 0.44478, 3.41641, 5.1375, 0.29375, 0.04531, 0.4579], rel=2e-3
    )
    assert (sum(map(len, pairs.texts)), sum(map(len, pairs.opposites))) == (2923, 290)


@pytest.mark.parametrize(("visible", "chosen"), [(0.36, {0, 1}), (0.34, {1})])
def test_a_third_of_a_sprite_has_to_be_seen_to_choose_it(sprite_store, visible, chosen):
    scenes = compose(sprite_store, SceneConfig(size=16, counts=(0.0, 1.0)), batch=50, seed=0)
    partly = dataclasses.replace(scenes, visible=torch.tensor([[visible, 1.0]] * 50))
    assert set(choose_slot(partly, torch.Generator().manual_seed(0)).tolist()) == chosen
    # Where nothing is seen well enough, anything that is there; never an empty slot.
    few = dataclasses.replace(scenes, visible=torch.zeros(50, 2), concept=torch.tensor([[-1, 3]] * 50))
    assert (choose_slot(few, torch.Generator().manual_seed(0)) == 1).all()
    one = compose(sprite_store, SceneConfig(size=16, counts=(1.0,)), batch=5, seed=0)
    assert not choose_slot(one, torch.Generator().manual_seed(0)).any()


def test_whole_captions_name_up_to_four_things_that_are_seen(sprite_store):
    crowd = SpritePairs(store=sprite_store, scenes=SceneConfig(size=16, counts=(0.0,) * 5 + (1.0,)), seed=0)
    counts = (dataclasses.replace(crowd, whole_share=1.0).draw(0, 200).text_concepts >= 0).sum(-1)
    assert set(counts.tolist()) == {1, 2, 3, 4} and (counts == 4).sum() > 25
