"""How the stages are put together from their settings."""

import dataclasses
import hashlib
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save

from gencontrol.alpha_clip.model import AlphaCLIP
from gencontrol.errors import CheckpointError, ConfigError
from gencontrol.focus.crop import CropFocus
from gencontrol.training.data.pairs import SpritePairs
from gencontrol.training.data.variations import CacheConfig, CachedLook
from gencontrol.training.loop.settings import RunConfig
from gencontrol.training.stages import registry
from gencontrol.training.stages.alpha_clip import AlphaClipTraining
from gencontrol.training.stages.denoiser import DenoiserTraining
from gencontrol.training.stages.graded import graded_set
from gencontrol.training.stages.registry import (
    STAGES,
    Places,
    build_alpha_clip_task,
    build_denoiser_task,
    denoiser_towers,
    digest,
    embedders,
    folder_source,
    preset_path,
    settings_path,
    sprite_source,
)

CONFIG = AlphaClipTraining(
    run=RunConfig(seed=7), whole_share=0.3, alpha_kinds=(0.2, 0.8), graded=0.25, blanked=0.5, anchor=0.5
)


@pytest.fixture(scope="module")
def encoder(tiny) -> AlphaCLIP:
    return AlphaCLIP.from_clip(tiny.clip(), tokenizer=tiny.tokenizer())


@pytest.fixture(autouse=True)
def _no_test_scenes(monkeypatch) -> None:
    monkeypatch.setattr(registry, "recognition_sets", lambda store, size: [])


def test_presets_are_the_stages_own_or_named(tmp_path: Path) -> None:
    names = "clip, alpha-clip, autoencoder, denoiser, relations, one-pass, language, grounder, segmenter"
    assert list(STAGES) == names.split(", ")
    for stage in STAGES.values():
        assert preset_path(stage).is_file() and settings_path(None, stage) == preset_path(stage)
    stage = STAGES["clip"]
    assert settings_path(Path("denoiser"), stage) == preset_path(STAGES["denoiser"])
    mine = tmp_path / "mine.yaml"
    assert settings_path(mine, stage) == mine


def test_pairs_of_the_sprite_world_have_the_settings(encoder, sprite_store) -> None:
    source, names, tests = sprite_source(CONFIG, encoder, sprite_store)
    assert source == SpritePairs(
        store=sprite_store,
        scenes=CONFIG.scenes,
        seed=7,
        whole_share=0.3,
        alpha_kinds=(0.2, 0.8),
        with_alone=True,
        graded=0.25,
        blanked=0.5,
    )
    assert len(names) == 60 and tests == []
    free, _, _ = sprite_source(dataclasses.replace(CONFIG, anchor=0.0), encoder, sprite_store)
    assert isinstance(free, SpritePairs) and not free.with_alone


def test_pairs_of_a_folder_have_the_settings_and_the_encoders_size(encoder, tmp_path: Path) -> None:
    (tmp_path / "a.png").touch()
    (tmp_path / "pairs.jsonl").write_text('{"image": "a.png", "caption": "x"}')
    source = folder_source(CONFIG, encoder, tmp_path)
    assert (source.size, source.seed, source.whole_share, source.alpha_kinds) == (64, 7, 0.3, (0.2, 0.8))


def test_dials_of_two_and_three_sprites_are_watched_where_maps_are_graded(
    tiny_folder: Path, sprite_file: Path, tmp_path: Path, monkeypatch
) -> None:
    monkeypatch.setattr(registry, "graded_set", partial(graded_set, count=2))
    monkeypatch.setattr(registry, "concept_prompts", lambda concepts: ["red cat"] * len(concepts))
    places = Places(folder=tmp_path, sprites=sprite_file)
    graded = dataclasses.replace(CONFIG, base=str(tiny_folder / "clip"))
    task = build_alpha_clip_task(graded, places)
    assert [(dial.name, dial.rgb.shape[-1]) for dial in task.dials] == [("2", 64), ("3", 64)]
    assert not build_alpha_clip_task(dataclasses.replace(graded, graded=0.0), places).dials


def test_stages_without_what_they_start_from_are_refused(sprite_file: Path, tmp_path: Path) -> None:
    places = Places(folder=tmp_path, sprites=sprite_file)
    with pytest.raises(ConfigError, match="base: name the plain CLIP"):
        build_alpha_clip_task(AlphaClipTraining(), places)
    for config in (DenoiserTraining(clip="x"), DenoiserTraining(autoencoder="x")):
        with pytest.raises(ConfigError, match="clip, autoencoder: name the folders"):
            build_denoiser_task(config, places)


@pytest.mark.parametrize("missing", ["runs/clip/export", "/nowhere", "./nowhere"])
def test_a_folder_that_is_not_there_is_told_with_the_setting_that_names_it(missing: str, tmp_path: Path) -> None:
    places, there = Places(folder=tmp_path, sprites=tmp_path / "none.npz"), str(tmp_path)
    refused = rf"^{{}}: no folder at {missing}, .* --set {{}}=FOLDER_OR_ID names another\.$"
    with pytest.raises(ConfigError, match=refused.format("base", "base")):
        build_alpha_clip_task(AlphaClipTraining(base=missing), places)
    first = DenoiserTraining(clip=there, autoencoder=there)
    for setting in ("clip", "alpha_clip", "autoencoder"):
        changes: dict[str, Any] = {setting: missing}
        with pytest.raises(ConfigError, match=refused.format(setting, setting)):
            build_denoiser_task(dataclasses.replace(first, **changes), places)


@pytest.mark.parametrize("name", ["nobody/nothing", "tinny"])
def test_what_may_be_on_the_hub_is_not_taken_for_a_folder(name: str, tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match=f"No model at '{name}'"):
        build_alpha_clip_task(AlphaClipTraining(base=name), Places(folder=tmp_path, sprites=tmp_path))


def test_looks_are_taken_by_the_tower_that_they_name(encoder, tiny_folder: Path) -> None:
    looks = (CachedLook(), CachedLook(focus={"name": "crop"}, tower="alpha_clip", views=2))
    config = DenoiserTraining(clip=str(tiny_folder / "clip"), cache=CacheConfig(looks=looks))
    with pytest.raises(ConfigError, match="alpha_clip: name the folder of the Alpha-CLIP"):
        denoiser_towers(config)
    towers = denoiser_towers(dataclasses.replace(config, alpha_clip=str(tiny_folder / "alpha_clip")))
    assert {name: tower.has_alpha for name, tower in towers.items()} == {"clip": False, "alpha_clip": True}
    assert denoiser_towers(dataclasses.replace(config, cache=CacheConfig())).keys() == {"clip"}
    generator = torch.Generator().manual_seed(0)
    rgb, alpha = torch.rand(2, 3, 64, 64, generator=generator), torch.zeros(2, 64, 64)
    alpha[:, 8:40, 16:48] = 1
    first, second, third = embedders(looks, towers)
    # The plain tower sees no alpha.
    plain = first(rgb, alpha)
    assert torch.equal(plain, first(rgb, torch.ones_like(alpha)))
    torch.testing.assert_close(plain, towers["clip"].encode_image(rgb), atol=1e-5, rtol=0)
    expected = CropFocus().embed(towers["alpha_clip"], rgb, alpha)
    assert torch.equal(second(rgb, alpha), expected) and torch.equal(third(rgb, alpha), expected)


def test_weights_have_a_digest() -> None:
    layer = torch.nn.Linear(2, 1)
    state = {name: values.contiguous() for name, values in layer.state_dict().items()}
    assert digest(layer) == hashlib.sha256(save(state)).hexdigest()
    assert digest(layer) != digest(torch.nn.Linear(2, 1))
