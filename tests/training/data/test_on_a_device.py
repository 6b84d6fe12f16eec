"""Scenes and pairs that are made on another device: the same ones, and nothing from two devices meets."""

import dataclasses
from types import ModuleType
from typing import Any

import pytest
import torch

from gencontrol.sprites.compose import SceneConfig, compose, isolate
from gencontrol.sprites.matching import in_colours_of
from gencontrol.sprites.store import SpriteStore
from gencontrol.training.data.alpha_maps import KINDS
from gencontrol.training.data.pairs import SpritePairs
from gencontrol.training.data.several import SpriteRegions
from gencontrol.training.data.variations import CacheConfig, CachedLook, draw_pictures
from gencontrol.training.stages.autoencoder import AutoencoderTask, AutoencoderTraining
from gencontrol.training.stages.clip import ClipTask, ClipTraining

ALL = SceneConfig(size=32, recolour=0.5, deform=0.5, close=0.5, finish=1.0, blur=0.5)
"""Scenes with every change that there is."""


def test_scenes(elsewhere: ModuleType, sprite_store: SpriteStore) -> None:
    for backgrounds in torch.eye(5).tolist():
        config = dataclasses.replace(ALL, backgrounds=tuple(backgrounds))
        elsewhere.on_both(sprite_store, lambda store, config=config: compose(store, config, batch=16, seed=0))


def test_scenes_without_changes(elsewhere: ModuleType, sprite_store: SpriteStore) -> None:
    elsewhere.on_both(sprite_store, lambda store: compose(store, SceneConfig(size=16, blur=0.0), batch=4, seed=1))


def test_one_sprite_alone(elsewhere: ModuleType, sprite_store: SpriteStore) -> None:
    def alone(store: SpriteStore) -> Any:
        return isolate(store, compose(store, ALL, batch=4, seed=2), torch.zeros(4, dtype=torch.int64))

    elsewhere.on_both(sprite_store, alone)


def test_boxes_and_visible_parts_come_back(elsewhere: ModuleType, sprite_store: SpriteStore) -> None:
    here = compose(sprite_store, ALL, batch=4, seed=3)
    with elsewhere.second_device() as device:
        there = compose(sprite_store.to(device), ALL, batch=4, seed=3)
        assert torch.equal(there.boxes, here.boxes) and torch.equal(there.visible, here.visible)


@pytest.mark.parametrize("kind", range(len(KINDS)))
def test_pairs(kind: int, elsewhere: ModuleType, sprite_store: SpriteStore) -> None:
    kinds = tuple(float(index == kind) for index in range(len(KINDS)))
    elsewhere.on_both(
        sprite_store,
        lambda store: SpritePairs(
            store=store, scenes=ALL, seed=4, whole_share=0.4, alpha_kinds=kinds, with_alone=True, described=0.7,
            graded=0.4, blanked=0.5,
        ).draw(0, 16),
    )  # fmt: skip


def test_several_regions(elsewhere: ModuleType, sprite_store: SpriteStore) -> None:
    elsewhere.on_both(
        sprite_store,
        lambda store: SpriteRegions(
            store=store, scenes=ALL, seed=5, alpha_kinds=(0.5, 0.5, 0.5, 0.5), left_out=0.5
        ).draw(0, 8),
    )


@pytest.mark.parametrize("as_shown", [False, True])
def test_pictures_and_looks_of_the_denoiser(as_shown: bool, elsewhere: ModuleType, sprite_store: SpriteStore) -> None:
    config = CacheConfig(
        picture=SceneConfig(size=32, counts=(1.0,), recolour=0.5), condition=ALL, paper=0.5, as_shown=as_shown,
        looks=(CachedLook(alone=True), CachedLook(alphas=(0.0, 0.0, 0.0, 1.0))),
    )  # fmt: skip
    elsewhere.on_both(sprite_store, lambda store: draw_pictures(config, store, 0, 8))


def test_colours_of_another_drawing(elsewhere: ModuleType, sprite_store: SpriteStore) -> None:
    def changed(store: SpriteStore) -> Any:
        layout = compose(store, SceneConfig(size=16, counts=(1.0,)), batch=4, seed=6).layout
        other = compose(store, SceneConfig(size=16, counts=(1.0,)), batch=4, seed=7).layout
        return in_colours_of(store, layout, other)

    elsewhere.on_both(sprite_store, changed)


def test_chunks_of_the_stages(elsewhere: ModuleType, sprite_store: SpriteStore) -> None:
    clip, autoencoder = ClipTraining(), AutoencoderTraining(channels=(8, 8), crop=16)
    clip = dataclasses.replace(clip, run=dataclasses.replace(clip.run, chunk=4))
    autoencoder = dataclasses.replace(autoencoder, run=dataclasses.replace(autoencoder.run, chunk=4))
    here = [ClipTask(clip, sprite_store).draw(0), AutoencoderTask(autoencoder, sprite_store).draw(0)]
    tests = ClipTask(clip, sprite_store).tests
    with elsewhere.second_device() as device:
        task = ClipTask(clip, sprite_store, device=device)
        there = [task.draw(0), AutoencoderTask(autoencoder, sprite_store, device=device).draw(0)]
    elsewhere.check_same(here, there)
    # Tests stay here.
    for one, other in zip(tests, task.tests, strict=True):
        assert torch.equal(one.rgb, other.rgb) and torch.equal(one.alpha, other.alpha)
