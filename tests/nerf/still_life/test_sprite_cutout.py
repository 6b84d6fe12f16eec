"""Sprites as pictures to cut out: straight colour, found by every name."""

import dataclasses
from pathlib import Path

import pytest
import torch

from gencontrol.errors import ConfigError, InputError
from gencontrol.nerf.still_life.sprite_cutout import sprite_picture, sprite_pictures
from gencontrol.sprites.catalog import Concept
from gencontrol.sprites.store import SpriteStore, open_store


def test_colour_is_straight_and_alpha_the_stores(sprite_store: SpriteStore) -> None:
    concept, style = sprite_store.concepts[1], sprite_store.styles[0]
    name, rgb, alpha = sprite_picture(sprite_store, concept.name, style=style)
    stored = sprite_store.levels[0][1, 0].permute(2, 0, 1).float() / 255
    assert name == concept.name and torch.equal(alpha, stored[3])
    assert (rgb * alpha - stored[:3]).abs().max() <= 1 / 255


def test_a_synonym_never_hides_anothers_first_name(sprite_store: SpriteStore) -> None:
    first, second = Concept(slug="a", names=("a", "b")), Concept(slug="b", names=("b", "c"))
    store = dataclasses.replace(sprite_store, concepts=(second, first, *sprite_store.concepts[2:]))
    style = store.styles[0]
    pictures = [sprite_picture(store, name, style=style)[1] for name in ("a", "b", "c")]
    assert torch.equal(pictures[1], pictures[2]) and not torch.equal(pictures[0], pictures[1])


def test_what_is_not_in_the_store_is_refused(sprite_store: SpriteStore) -> None:
    name, style = sprite_store.concepts[0].name, sprite_store.styles[0]
    with pytest.raises(InputError, match="has no 'no such thing'"):
        sprite_picture(sprite_store, "no such thing", style=style)
    with pytest.raises(InputError, match="no style 'crayon'"):
        sprite_picture(sprite_store, name, style="crayon")
    lacking = dataclasses.replace(sprite_store, present=torch.zeros_like(sprite_store.present))
    with pytest.raises(InputError, match="choose another style"):
        sprite_picture(lacking, name, style=style)


def test_up_to_three_different_sprites_are_taken_from_a_store(sprite_file: Path) -> None:
    store = open_store(sprite_file)
    names, style = [concept.name for concept in store.concepts[:3]], store.styles[0]
    pictures = sprite_pictures(names, sprite_file, style=style)
    assert [name for name, _, _ in pictures] == names
    assert torch.equal(pictures[2][1], sprite_picture(store, names[2], style=style)[1])
    assert sprite_pictures((), Path("nowhere"), style=style) == []
    for wrong in (names[:1] * 2, [*names, "fourth"]):
        with pytest.raises(ConfigError, match=f"up to three different sprites; got {', '.join(wrong)}"):
            sprite_pictures(wrong, sprite_file, style=style)


def test_the_faintest_pixel_keeps_its_colour_and_none_has_none(sprite_store: SpriteStore) -> None:
    level = torch.zeros_like(sprite_store.levels[0])
    level[1, 0, 0, 0] = torch.tensor([1, 0, 0, 1], dtype=torch.uint8)
    level[1, 0, 0, 1] = torch.tensor([60, 120, 0, 120], dtype=torch.uint8)
    store = dataclasses.replace(sprite_store, levels=(level,))
    _, rgb, alpha = sprite_picture(store, store.concepts[1].name, style=store.styles[0])
    assert rgb[:, 0, :3].T.tolist() == [[1.0, 0.0, 0.0], [0.5, 1.0, 0.0], [0.0, 0.0, 0.0]]
    assert alpha[0, :3].tolist() == pytest.approx([1 / 255, 120 / 255, 0.0])
