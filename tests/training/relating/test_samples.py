"""Samples, how regions are marked, and how they are kept."""

from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
import torch
from torch.testing import assert_close

from gencontrol.alpha_clip.model import AlphaCLIP
from gencontrol.errors import ConfigError, InputError
from gencontrol.relations.learned.answers import RELATIONS
from gencontrol.relations.learned.texts import relation_texts
from gencontrol.relations.vocabulary import MOVING
from gencontrol.sprites.staging.roles import Roles
from gencontrol.sprites.staging.scenes import StagingConfig
from gencontrol.sprites.store import SpriteStore
from gencontrol.training.relating import cache
from gencontrol.training.relating.cache import open_set, prepare, rows_of
from gencontrol.training.relating.samples import Sampler, from_tensors, gathered, marked

CONFIG = StagingConfig(size=48, counts=(0.0, 0.5, 0.5))


@pytest.fixture
def sampler(sprite_store: SpriteStore, roles: Roles) -> Sampler:
    return Sampler(store=sprite_store, config=CONFIG, encoder=None, texts=None, roles=roles)


def test_a_batch_is_a_function_of_its_place(sampler: Sampler) -> None:
    first, again, other = (sampler.draw(seed=0, index=index, batch=6) for index in (1, 1, 2))
    assert_close(first.inputs.pairs, again.inputs.pairs)
    assert torch.equal(first.truth, again.truth)
    assert first.truth.shape != other.truth.shape or not torch.equal(first.truth, other.truth)
    k = first.inputs.used.shape[1]
    pairs = first.inputs.used[:, :, None] & first.inputs.used[:, None] & ~torch.eye(k, dtype=torch.bool)
    assert bool((first.truth[~pairs] == -1).all()) and bool((first.truth[pairs] >= 0).any())
    assert bool((first.truth[..., [RELATIONS.index(name) for name in MOVING]] == -1).all())
    assert bool((first.still == -1).all())


def test_clips_are_asked_for_motion(sprite_store: SpriteStore, roles: Roles) -> None:
    sampler = Sampler(store=sprite_store, config=CONFIG, encoder=None, texts=None, roles=roles, frames=4)
    found = sampler.draw(seed=0, index=0, batch=8)
    assert found.inputs.pairs.shape[:2] == (8, 4)
    motion = found.truth[..., [RELATIONS.index(name) for name in MOVING]]
    assert bool((motion == 1).any()) and bool((motion == 0).any())
    assert {0, 1} <= set(found.still.unique().tolist())


def test_an_encoder_is_asked_where_there_is_one(sprite_store: SpriteStore, roles: Roles, tiny: ModuleType) -> None:
    encoder = AlphaCLIP.from_clip(tiny.alpha_clip_model(), tokenizer=tiny.tokenizer()).requires_grad_(False)
    sampler = Sampler(store=sprite_store, config=CONFIG, encoder=encoder, texts=relation_texts(encoder), roles=roles)
    found = sampler.draw(seed=0, index=0, batch=2)
    row = found.inputs.used[0]
    assert found.inputs.cosines[0][row][:, row].abs().amax() > 0.5 and found.inputs.probes[0][row].any()


def test_how_regions_are_marked() -> None:
    rgb = torch.full((3, 40, 40), 0.9)
    y, x = torch.meshgrid(torch.arange(40), torch.arange(40), indexing="ij")
    disc = ((x - 20) ** 2 + (y - 18) ** 2 < 100).float()
    rgb[:, disc > 0] = torch.tensor([0.1, 0.2, 0.8])[:, None]
    rng = np.random.default_rng(0)
    assert marked(rgb, disc[None], "exact", rng)[0] is not None
    assert torch.equal(marked(rgb, disc[None], "exact", rng)[0], disc)
    box = marked(rgb, disc[None], "box", rng)[0]
    assert box.sum() == 19 * 19 and bool((box >= disc).all())
    cut = marked(rgb, disc[None], "grabcut", rng)[0]
    assert ((cut > 0.5) == (disc > 0.5)).float().mean() > 0.98
    rough = torch.stack([marked(rgb, disc[None], "rough", rng)[0] for _ in range(20)])
    wrong = (rough - disc).abs().flatten(1).mean(1)
    assert wrong.max() > 0.02 and wrong.max() < 0.15 and len(wrong.unique()) > 5


def test_a_clip_may_be_marked_in_its_first_frame_alone(sprite_store: SpriteStore, roles: Roles) -> None:
    how = {"store": sprite_store, "config": CONFIG, "encoder": None, "texts": None, "roles": roles, "frames": 4}
    exact, followed = (
        Sampler(**how, masks=((kind, 1.0),)).draw(seed=0, index=0, batch=4) for kind in ("exact", "followed")
    )
    assert torch.equal(exact.truth, followed.truth) and exact.inputs.pairs.shape == followed.inputs.pairs.shape
    both = exact.inputs.there & followed.inputs.there
    assert float(both.sum() / exact.inputs.there.sum()) > 0.6
    first = exact.inputs.pairs[:, 0, ..., 0], followed.inputs.pairs[:, 0, ..., 0]
    assert_close(*first)
    assert not torch.equal(exact.inputs.pairs, followed.inputs.pairs)
    with pytest.raises(InputError, match="'followed', which is of clips"):
        marked(torch.rand(3, 8, 8), torch.ones(1, 8, 8), "followed", np.random.default_rng(0))


def test_what_is_kept_is_what_was_drawn(sampler: Sampler) -> None:
    drawn = sampler.draw(seed=0, index=0, batch=3)
    again = from_tensors(drawn.tensors())
    assert_close(again.inputs.pairs, drawn.inputs.pairs, atol=2e-3, rtol=1e-3)
    assert_close(again.inputs.crops, drawn.inputs.crops, atol=0.003, rtol=0)
    assert torch.equal(again.truth, drawn.truth) and torch.equal(again.inputs.near, drawn.inputs.near)
    both = gathered([drawn, sampler.draw(seed=0, index=5, batch=2)])
    k = drawn.truth.shape[1]
    assert torch.equal(both.truth[:3, :k, :k], drawn.truth) and len(both.still) == 5


def test_a_set_goes_on_where_it_stopped(sampler: Sampler, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cache, "SHARD", 4)
    monkeypatch.setattr(cache, "_BATCH", 2)
    prepare(sampler, tmp_path / "one", count=8, seed=0, made_with={"a": 1})
    prepare(sampler, tmp_path / "two", count=8, seed=0, made_with={"a": 1}, share=slice(1, None, 2))
    assert [p.name for p in sorted((tmp_path / "two").glob("*.safetensors"))] == ["0001.safetensors"]
    written = (tmp_path / "two" / "0001.safetensors").stat().st_mtime_ns
    prepare(sampler, tmp_path / "two", count=8, seed=0, made_with={"a": 1})
    assert (tmp_path / "two" / "0001.safetensors").stat().st_mtime_ns == written
    first, second = (open_set(tmp_path / name, 8) for name in ("one", "two"))
    assert all(torch.equal(first[name], second[name]) for name in first) and len(first["used"]) == 8
    rows = rows_of(first, torch.tensor([5, 0]))
    assert torch.equal(rows.truth[1], first["truth"][0]) and torch.equal(rows.truth[0], first["truth"][5])
    with pytest.raises(ConfigError, match="were made with other settings"):
        prepare(sampler, tmp_path / "one", count=8, seed=0, made_with={"a": 2})
    with pytest.raises(ConfigError, match="multiple of 4, got 6"):
        prepare(sampler, tmp_path / "one", count=6, seed=0, made_with={"a": 1})
