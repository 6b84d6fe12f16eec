import numpy as np
import pytest
import torch

from gencontrol.errors import InputError
from gencontrol.sprites.catalog import Concept
from gencontrol.sprites.store import open_store, prepare_store


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
        InputError, match=r"no style openmoji; it has fluent-emoji.* make it anew with `gencontrol data sprites`"
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
