import numpy as np
import pytest
import torch

from gencontrol.errors import InputError
from gencontrol.sprites.catalog import Concept
from gencontrol.sprites.store import _premultiply, _pyramid, open_store, prepare_store


def test_levels_halve_and_keep_the_mean(sprite_store):
    large, small = sprite_store.levels[:2]
    assert large.shape[2] == 32 and small.shape[2] == 16
    assert torch.allclose(large.float().mean((2, 3)), small.float().mean((2, 3)), atol=0.6)


def test_sprites_are_premultiplied(sprite_store):
    level = sprite_store.levels[0]
    assert (level[..., :3] <= level[..., 3:]).all()


def test_the_held_out_style_may_lack_concepts(sprite_store):
    held = sprite_store.styles.index("fxemoji")
    assert sprite_store.present[:, held].sum() == 30
    assert sprite_store.present.sum() == 60 * 9 + 30


def test_categories_come_from_noto(sprite_store):
    assert {c.category for c in sprite_store.concepts} == {"Shapes"}


def test_a_training_style_without_a_concept_is_refused(sprite_tarballs, tmp_path):
    with pytest.raises(InputError, match="has no unicorn: a concept needs a picture in every training style"):
        prepare_store(sprite_tarballs, [Concept(slug="unicorn", names=("unicorn",))], tmp_path / "s.npz", size=16)
    assert not (tmp_path / "s.npz").exists()


def test_unknown_styles_are_named(sprite_store):
    with pytest.raises(
        InputError, match=r"no style 'openmoji'; it has fluent-emoji.* make it anew with `gencontrol data sprites`"
    ):
        sprite_store.style_indices(["openmoji"])


@pytest.mark.parametrize("share", [0.0, 0.5, 0.99])
def test_a_store_that_was_cut_off_says_how_to_make_it_again(sprite_file, tmp_path, share):
    content = sprite_file.read_bytes()
    path = tmp_path / "cut.npz"
    path.write_bytes(content[: int(share * len(content))])
    with pytest.raises(InputError, match=r"is no sprite store.*gencontrol data sprites"):
        open_store(path)


def test_missing_and_broken_stores_say_how_to_make_one(tmp_path):
    with pytest.raises(InputError, match="gencontrol data sprites"):
        open_store(tmp_path / "none.npz")
    np.savez(tmp_path / "other.npz", a=np.zeros(1))
    with pytest.raises(InputError, match="is no sprite store"):
        open_store(tmp_path / "other.npz")


def test_levels_end_at_the_smallest_that_is_asked_for(sprite_file):
    assert [level.shape[2] for level in open_store(sprite_file).levels] == [32, 16]
    assert [level.shape[2] for level in open_store(sprite_file, smallest=5).levels] == [32, 16, 8]
    assert [level.shape[2] for level in open_store(sprite_file, smallest=4).levels] == [32, 16, 8, 4]


def test_a_store_has_128_pixels_unless_another_size_is_said(sprite_tarballs, sprite_world, tmp_path):
    prepare_store(sprite_tarballs, sprite_world.concepts()[:1], tmp_path / "s.npz")
    store = open_store(tmp_path / "s.npz")
    assert store.levels[0].shape == (1, 10, 128, 128, 4) and store.styles == tuple(sprite_tarballs)


def test_colours_are_rounded_when_they_are_multiplied_and_averaged():
    straight = np.array([[[255, 100, 85, 128], [255, 100, 43, 3]]], dtype=np.uint8)
    assert _premultiply(straight).tolist() == [[[128, 50, 43, 128], [3, 1, 1, 3]]]
    quads = torch.tensor([[0, 0, 1, 1], [0, 0, 0, 1], [1, 1, 1, 0], [255, 255, 255, 255]], dtype=torch.uint8)
    level = quads.T.view(1, 1, 2, 2, 4).contiguous()
    assert _pyramid(level, 1)[1].flatten().tolist() == [1, 0, 1, 255]
    # Which pixels are one, of a picture four wide.
    columns = torch.tensor([0, 100, 40, 60], dtype=torch.uint8)[None, None, None, :, None].expand(1, 1, 4, 4, 4)
    assert _pyramid(columns.contiguous(), 2)[1][0, 0, :, :, 0].tolist() == [[50, 50], [50, 50]]


def test_an_array_is_no_store(tmp_path):
    np.save(tmp_path / "mask.npy", np.ones((3, 3)))
    with pytest.raises(InputError, match=r"mask\.npy is no sprite store \(a single array\)"):
        open_store(tmp_path / "mask.npy")


@pytest.mark.parametrize(
    "index",
    [
        "{}",
        "[]",
        "[" * 200_000,
        '{"concepts": 3, "styles": []}',
        '{"concepts": [[1, ["a"], ""]], "styles": ["noto"]}',
        '{"concepts": [["a", [], ""]], "styles": ["noto"]}',
        '{"concepts": [["a", ["a"], ""]], "styles": [3]}',
        '{"concepts": [["a", ["a"], ""]], "styles": ["noto", "other"]}',
    ],
)
def test_an_index_that_is_none_is_no_store(index, tmp_path):
    arrays = {"sprites": np.zeros((1, 1, 8, 8, 4), np.uint8), "present": np.ones((1, 1), bool)}
    np.savez(tmp_path / "s.npz", index=np.frombuffer(index.encode(), np.uint8), **arrays)
    with pytest.raises(InputError, match=r"s\.npz is no sprite store .*Make it again"):
        open_store(tmp_path / "s.npz")


@pytest.mark.parametrize(
    "wrong",
    [
        {"sprites": np.zeros((1, 1, 8, 8), np.uint8)},
        {"sprites": np.zeros((1, 1, 8, 8, 4), np.float32)},
        {"present": np.ones((2, 1), bool)},
        {"present": np.ones((1, 1), np.uint8)},
    ],
)
def test_arrays_of_another_kind_are_no_store(wrong, tmp_path):
    index = np.frombuffer(b'{"concepts": [["a", ["a"], ""]], "styles": ["noto"]}', np.uint8)
    arrays = {"sprites": np.zeros((1, 1, 8, 8, 4), np.uint8), "present": np.ones((1, 1), bool)}
    np.savez(tmp_path / "s.npz", index=index, **(arrays | wrong))
    with pytest.raises(InputError, match=r"is no sprite store \(its .* for \(1, 1\) concepts and styles\)"):
        open_store(tmp_path / "s.npz")
