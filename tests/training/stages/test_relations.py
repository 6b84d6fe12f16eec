"""The relation module's stage."""

from dataclasses import fields
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import torch
from torch.testing import assert_close

from gencontrol.alpha_clip.model import AlphaCLIP
from gencontrol.configuration import from_yaml
from gencontrol.errors import CheckpointError, ConfigError
from gencontrol.relations.learned.answers import HEADS, RELATIONS
from gencontrol.relations.learned.inputs import RelationInputs, relation_inputs
from gencontrol.relations.learned.module import ModuleConfig, RelationModule
from gencontrol.relations.learned.opening import open_module, save_module
from gencontrol.sprites.staging.scenes import StagingConfig
from gencontrol.sprites.store import SpriteStore
from gencontrol.training.loop.settings import RunConfig
from gencontrol.training.loop.train import train
from gencontrol.training.relating import cache
from gencontrol.training.relating.cache import SHARD
from gencontrol.training.relating.samples import Sampler
from gencontrol.training.stages import relations_data
from gencontrol.training.stages.registry import STAGES, preset_path
from gencontrol.training.stages.relations import (
    SHIPPED,
    RelationTask,
    RelationTraining,
    jittered,
    mirrored,
    relation_loss_of,
    start_from,
)

SMALL = StagingConfig(size=32, counts=(0.0, 0.5, 0.5))
RUN = RunConfig(steps=6, batch=4, chunk=4, warmup=1, log_every=3, evaluate_every=6, sheet_every=6, checkpoint_every=3)


@pytest.fixture
def task(sprite_store: SpriteStore):
    def build(**changes: Any) -> RelationTask:
        config = RelationTraining(run=RUN, module=ModuleConfig(width=16, hidden=(16,) * 4), **changes)
        sets = {}
        for prefix, seed in (("", 0), ("test/", 1)):
            for name, frames in (("pictures", 1), ("clips", 3)):
                drawn = Sampler(store=sprite_store, config=SMALL, encoder=None, texts=None, frames=frames)
                sets[prefix + name] = drawn.draw(seed=seed, index=0, batch=8).tensors()
        return RelationTask(config, sets, {"encoder": "none"})

    return build


def test_a_run_is_resumed_to_the_same_weights_and_exported(task, tmp_path: Path) -> None:
    whole = train(task(), RUN, folder=tmp_path / "whole")
    train(task(), RUN, folder=tmp_path / "parts", until=3)
    parts = train(task(), RUN, folder=tmp_path / "parts")
    for first, second in zip(whole.state_dict().values(), parts.state_dict().values(), strict=True):
        assert_close(first, second, rtol=0, atol=0)
    module = open_module(tmp_path / "whole" / "export")
    assert module.config.width == 16
    figures = task().evaluate(whole)
    assert {f"{core}/static" for core in ("rim", "transformer", "gru", "mlp")} <= set(figures)
    assert all(0 <= value <= 1 for value in figures.values())
    sheet = task().sheet(whole)
    assert sheet.width > 900 and sheet.getcolors(256) is not None


def test_chunks_are_functions_of_their_index(task) -> None:
    first, again = task().draw(4), task().draw(4)
    assert all(torch.equal(first[name], again[name]) for name in first)
    frames = {task().draw(index)["pairs"].shape[1] for index in range(12)}
    assert frames == {1, 3}
    assert {task(clip_share=0.0).draw(index)["pairs"].shape[1] for index in range(6)} == {1}


def test_every_relation_weighs_the_same() -> None:
    logits = torch.zeros(1, 3, 3, len(RELATIONS))
    truth = torch.full((1, 3, 3, len(RELATIONS)), -1, dtype=torch.int8)
    still, still_truth = torch.zeros(1, 3), torch.full((1, 3), -1, dtype=torch.int8)
    on, holding = RELATIONS.index("on"), RELATIONS.index("holding")
    truth[0, 0, 1, on] = 1
    truth[0, :, 2, holding] = 0
    logits[0, 0, 1, on] = 2.0
    wanted = (torch.nn.functional.softplus(torch.tensor(-2.0)) + torch.tensor(2.0).log()) / 2
    assert_close(relation_loss_of(logits, still, truth, still_truth), wanted)
    # What holds may weigh more: three of four parts of a relation that has one of each.
    truth[0, 1, 0, on] = 0
    half = torch.tensor(2.0).log()
    heavy = relation_loss_of(logits, still, truth, still_truth, positive=3.0)
    assert_close(heavy, ((3 * torch.nn.functional.softplus(torch.tensor(-2.0)) + half) / 4 + half) / 2)
    truth[0, 1, 0, on] = -1
    still_truth[0, 0] = 1
    assert_close(relation_loss_of(logits, still, truth, still_truth), wanted + 0.1 * torch.tensor(2.0).log())
    # A converse is not counted twice.
    assert "right of" not in HEADS
    truth[0, 1, 0, RELATIONS.index("right of")] = 1
    assert_close(relation_loss_of(logits, still, truth, still_truth), wanted + 0.1 * torch.tensor(2.0).log())


def test_a_mirror_is_what_the_mirrored_picture_gives() -> None:
    generator = torch.Generator().manual_seed(0)
    frames, rgb = torch.zeros(3, 3, 40, 40), torch.rand(3, 40, 40, generator=generator)
    for t in range(3):
        for i, (x, y, w, h) in enumerate(((3 + 2 * t, 4, 9, 14), (20, 12 + t, 12, 6), (8, 25, 6, 9))):
            frames[t, i, y : y + h, x : x + w] = 1
        frames[t, 0, 4:8, 3 + 2 * t : 7 + 2 * t] = 0
    truth = torch.full((1, 3, 3, len(RELATIONS)), -1, dtype=torch.int8)
    truth[0, 0, 1, RELATIONS.index("left of")] = 1
    inputs, turned = mirrored(relation_inputs(frames, rgb), truth)
    wanted = relation_inputs(frames.flip(-1), rgb.flip(-1))
    for f in fields(RelationInputs):
        assert_close(getattr(inputs, f.name), getattr(wanted, f.name), atol=2e-3, rtol=1e-3, msg=f.name)
    assert turned[0, 0, 1, RELATIONS.index("right of")] == 1 and turned[0, 0, 1, RELATIONS.index("left of")] == -1


def test_levels_move_and_some_are_blind() -> None:
    inputs = relation_inputs(
        torch.rand(1, 2, 16, 16), torch.rand(3, 16, 16), torch.eye(2, 4), torch.rand(5, 4), torch.rand(30, 4)
    )
    seeing = jittered(inputs, torch.tensor([[0.9, 0.5, 0.0]]), blind=0.5)
    assert_close(seeing.cosines[0, ..., 0], torch.tensor([[1.0, 0.25], [0.25, 1.0]]))
    assert_close(seeing.cosines[..., 1], inputs.cosines[..., 1])
    blind = jittered(inputs, torch.tensor([[0.1, 0.5, 0.0]]), blind=0.5)
    assert not blind.cosines.any() and not blind.probes.any()
    never = relation_inputs(torch.rand(1, 2, 16, 16), torch.rand(3, 16, 16))
    assert not jittered(never, torch.tensor([[0.9, 0.5, 0.0]]), blind=0.5).cosines.any()


def test_the_shipped_settings_are_read() -> None:
    config = from_yaml(RelationTraining, preset_path(STAGES["relations"]))
    ragged = from_yaml(RelationTraining, preset_path(STAGES["relations"]).with_name("relations_ragged.yaml"))
    assert ragged.start == SHIPPED and ragged.masks[2] == 0.4 and ragged.module == config.module
    assert ragged.scenes == config.scenes and ragged.pictures % SHARD == 0 == ragged.clips % SHARD
    assert config.run.batch == config.run.chunk and config.pictures % SHARD == 0 == config.clips % SHARD
    assert config.scenes.split == config.moving.split == "train" and "fxemoji" not in config.scenes.styles


def test_the_stage_draws_what_it_lacks(
    sprite_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, tiny: ModuleType
) -> None:
    opened: list[str] = []
    encoder = AlphaCLIP.from_clip(tiny.alpha_clip_model(), tokenizer=tiny.tokenizer()).requires_grad_(False)
    monkeypatch.setattr(relations_data, "open_encoder", lambda name: opened.append(name) or encoder)
    monkeypatch.setattr(cache, "SHARD", 2)
    monkeypatch.setattr(cache, "_BATCH", 2)
    config = RelationTraining(
        run=RUN,
        encoder="mine",
        scenes=SMALL,
        moving=SMALL,
        pictures=4,
        clips=2,
        tests=2,
        frames=3,
        masks=(1.0, 0.0, 0.0, 0.0),
    )
    task = relations_data.build_relation_task(config, folder=tmp_path, sprites=sprite_file)
    assert opened == ["mine"] and task.facts["encoder"] == "mine" and task.facts["width"] == encoder.embed_dim
    assert {name: len(found["used"]) for name, found in task.sets.items()} == {
        "pictures": 4,
        "clips": 2,
        "test/pictures": 2,
        "test/clips": 2,
    }
    # Pictures are seen with cosines, clips without, and tests are another stream.
    assert task.sets["pictures"]["probes"].any() and not task.sets["clips"]["probes"].any()
    first, other = task.sets["pictures"]["colours"][0, 0], task.sets["test/pictures"]["colours"][0, 0]
    assert not torch.equal(first, other)
    written = sorted(path.stat().st_mtime_ns for path in (tmp_path / "cache").rglob("*.safetensors"))
    relations_data.build_relation_task(config, folder=tmp_path, sprites=sprite_file)
    assert written == sorted(path.stat().st_mtime_ns for path in (tmp_path / "cache").rglob("*.safetensors"))


def test_a_run_goes_on_from_a_module(task, tmp_path: Path) -> None:
    other = RelationModule(ModuleConfig(width=16, hidden=(16,) * 4, core="mlp"))
    save_module(other, tmp_path, facts={})
    started = task(start=str(tmp_path)).module.module
    for name, values in started.state_dict().items():
        assert_close(values, other.state_dict()[name], rtol=1e-3, atol=1e-4)
    # Which core answers is the run's own; another shape is refused.
    assert started.config.core == "gru" and started.training and next(started.parameters()).requires_grad
    save_module(RelationModule(ModuleConfig(width=8, hidden=(16,) * 4)), tmp_path, facts={})
    with pytest.raises(CheckpointError, match=r"start: the module of .* has another shape, .*width=8"):
        task(start=str(tmp_path))
    with pytest.raises(CheckpointError, match="No relation module in"):
        task(start=str(tmp_path / "none"))
    shipped = RelationModule(ModuleConfig())
    start_from(shipped, SHIPPED)
    assert_close(shipped.state_dict(), open_module().state_dict())


def test_settings_that_are_none() -> None:
    with pytest.raises(ConfigError, match=r"run\.batch: expected one chunk of 32 a step, got 128"):
        RelationTraining(run=RunConfig(batch=128))
    assert RelationTraining().run.batch == RelationTraining().run.chunk
    with pytest.raises(ConfigError, match="blind: expected a share"):
        RelationTraining(run=RUN, blind=2.0)
