import pytest
import torch

from gencontrol.sprites.backgrounds import draw_backgrounds, load_photographs
from gencontrol.sprites.compose import SceneConfig, compose
from gencontrol.sprites.split import PHOTOGRAPHS, TEXTURES, Split, belongs, draw_colours, held_out_pair


def pairs_of(concept):
    scenes = [sorted(c for c in row if c >= 0) for row in concept.tolist()]
    return [{(a, b) for i, a in enumerate(s) for b in s[i + 1 :]} for s in scenes]


def held(pair):
    return bool(held_out_pair(torch.tensor(pair[0]), torch.tensor(pair[1])))


def test_training_scenes_hold_no_held_out_pair_and_test_scenes_always_one(sprite_store):
    train = compose(sprite_store, SceneConfig(size=16), batch=400, seed=0)
    test = compose(sprite_store, SceneConfig(size=16, split="test", counts=(0.0, 1.0, 1.0, 1.0)), batch=100, seed=0)
    assert not any(held(p) for scene in pairs_of(train.concept) for p in scene)
    assert all(any(held(p) for p in scene) for scene in pairs_of(test.concept))


def test_pairs_are_held_out_whichever_comes_first():
    first, second = torch.meshgrid(torch.arange(100), torch.arange(100), indexing="ij")
    assert torch.equal(held_out_pair(first, second), held_out_pair(second, first))
    # Every fiftieth: those whose sum divides by it.
    assert torch.equal(held_out_pair(first, second), (first + second) % 50 == 0)


def test_background_colours_are_disjoint():
    generator = torch.Generator().manual_seed(0)
    pairs: list[tuple[Split, Split]] = [("train", "test"), ("test", "train")]
    for split, other in pairs:
        colours = draw_colours(2000, split, generator)
        assert belongs(colours, split).all() and not belongs(colours, other).any()
        assert colours.std(0).min() > 0.25  # All of the range, not a corner.


def test_plain_backgrounds_carry_their_splits_colours_to_the_pixel():
    for split in ("train", "test"):
        drawn = draw_backgrounds([0] * 200, 4, split, torch.Generator().manual_seed(1))
        assert belongs((drawn[:, :, 0, 0] * 255).round() / 255, split).all()


def test_photographs_textures_and_styles_are_disjoint(sprite_store):
    assert not set(PHOTOGRAPHS["train"]) & set(PHOTOGRAPHS["test"])
    assert not set(TEXTURES["train"]) & set(TEXTURES["test"])
    assert [len(load_photographs(s)) for s in ("train", "test")] == [4, 2]
    drawn = compose(sprite_store, SceneConfig(size=16), batch=200, seed=0)
    assert sprite_store.styles.index("fxemoji") not in drawn.style[drawn.used]


@pytest.mark.parametrize(
    ("colour", "split"),
    [((0.0, 0.0, 0.0), "train"), ((1.0, 1.0, 1.0), "test"), ((0.124, 0.0, 0.0), "train"), ((0.126, 0.0, 0.0), "test"),
     ((0.0, 0.13, 0.99), "train"), ((0.0, 0.0, 0.3), "train")],
)  # fmt: skip
def test_cells_are_eighths_dealt_like_a_chess_boards(colour, split: Split):
    assert [belongs(torch.tensor(colour), s).item() for s in ("train", "test")] == [split == "train", split == "test"]


def test_colours_keep_away_from_the_edges_of_their_cells():
    within = (draw_colours(3000, "train", torch.Generator().manual_seed(0)) * 8) % 1
    assert within.min() >= 0.05 - 1e-5 and within.min() < 0.06 and 0.94 < within.max() <= 0.95 + 1e-5
