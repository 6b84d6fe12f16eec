"""The stage that makes one pass of a pass for each region."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from torch.nn import functional
from torch.testing import assert_close

from gencontrol.alpha_clip.model import AlphaCLIP
from gencontrol.alpha_clip.one_pass.change import OnePass, OnePassConfig
from gencontrol.alpha_clip.one_pass.regions import encode_fitted
from gencontrol.configuration import from_yaml
from gencontrol.errors import ConfigError
from gencontrol.sprites.compose import SceneConfig
from gencontrol.sprites.store import SpriteStore
from gencontrol.training.data.several import SpriteRegions
from gencontrol.training.data.taught import Lessons, Teacher
from gencontrol.training.loop.settings import RunConfig
from gencontrol.training.loop.train import train
from gencontrol.training.stages.one_pass import Looking, OnePassTask, OnePassTraining, accuracy, shares_apart
from gencontrol.training.stages.one_pass_data import (
    WATCHED,
    build_one_pass_task,
    folder_regions,
    watched_chunk,
)
from gencontrol.training.stages.registry import STAGES, Places, build_one_pass, preset_path

RUN = RunConfig(
    steps=4, batch=3, chunk=3, warmup=1, learning_rate=3e-3, log_every=2, evaluate_every=4, sheet_every=4,
    checkpoint_every=2, precision="float32",
)  # fmt: skip
SMALL = OnePassTraining(
    run=RUN,
    one_pass=OnePassConfig(rank=2, features=2),
    chunks=2,
    tests=4,
    scenes=SceneConfig(size=64, counts=(0.0, 1.0, 1.0)),
)


@pytest.fixture
def folder(tiny_folder: Path) -> Path:
    return tiny_folder / "alpha_clip"


@pytest.fixture
def task(folder: Path, sprite_store: SpriteStore, tmp_path: Path):
    def build(config: OnePassTraining = SMALL, texts: tuple[str, ...] = ("a cat", "a dog", "a cup")) -> OnePassTask:
        encoder = AlphaCLIP.from_pretrained(folder).requires_grad_(False)
        teacher = Teacher(encoder=encoder, precision="float32")
        source = SpriteRegions(store=sprite_store, scenes=config.scenes, seed=0)
        lessons = Lessons(
            source=source, teacher=teacher, count=3, folder=tmp_path / "cache", made_with={}, chunks=config.chunks
        )
        tests = {"2": watched_chunk(sprite_store, teacher, regions=2, count=config.tests)}
        return OnePassTask(config, encoder, lessons, tests=tests, texts=texts)

    return build


def test_a_run_is_resumed_to_the_same_weights_and_exported(task, tmp_path: Path) -> None:
    whole = train(task(), RUN, folder=tmp_path / "whole")
    train(task(), RUN, folder=tmp_path / "parts", until=2)
    parts = train(task(), RUN, folder=tmp_path / "parts")
    for first, second in zip(whole.state_dict().values(), parts.state_dict().values(), strict=True):
        assert_close(first, second, rtol=0, atol=0)
    # The frozen tower is in no checkpoint.
    assert all(name.startswith("one_pass.") for name in whole.state_dict())
    opened = AlphaCLIP.from_pretrained(tmp_path / "whole" / "export")
    assert opened.one_pass is not None and opened.one_pass.config == SMALL.one_pass
    assert_close(opened.one_pass.start, whole.state_dict()["one_pass.start"], atol=1e-3, rtol=0)
    assert task().sheet(whole).size[0] == 240


def test_the_tower_answers_as_before(task, folder: Path, tmp_path: Path) -> None:
    built = task()
    picture, alpha = torch.rand(3, 64, 64), torch.ones(64, 64).triu()
    before = built.encoder.encode_image(picture, alpha)
    train(built, RUN, folder=tmp_path / "run")
    assert torch.equal(built.encoder.encode_image(picture, alpha), before)
    towers = [AlphaCLIP.from_pretrained(place).vision for place in (folder, tmp_path / "run" / "export")]
    for first, second in zip(*(tower.state_dict().values() for tower in towers), strict=True):
        assert torch.equal(first, second)


def test_it_learns(task, tmp_path: Path) -> None:
    longer = replace(SMALL, run=replace(RUN, steps=40, checkpoint_every=40, evaluate_every=0, sheet_every=0, ema=0.0))
    begun = task(longer)
    first = begun.evaluate(begun.module)["cosine/2"]
    trained = train(begun, longer.run, folder=tmp_path / "run")
    assert begun.evaluate(trained)["cosine/2"] > first


def test_losses_are_those_of_the_teacher(task) -> None:
    built = task(replace(SMALL, cosine=2.0, names=3.0))
    batch = built.draw(0)
    losses = built.losses(built.module, batch)
    encoder = AlphaCLIP(built.encoder.vision, processor=built.encoder.processor, one_pass=built.module.one_pass)
    used = batch["used"]
    found = functional.normalize(encode_fitted(encoder, batch["rgb"], batch["alphas"])[used], dim=-1)
    taught = batch["taught"][used]
    assert_close(losses["cosine"], 2 * (1 - (found * taught).sum(-1)).mean())
    mine, theirs = ((built.scale * e @ built.names.T).softmax(-1) for e in (found, taught))
    assert_close(losses["names"], 3 * (theirs * (theirs.log() - mine.log())).sum(-1).mean(), atol=1e-5, rtol=1e-4)
    assert set(task(texts=()).losses(built.module, batch)) == {"cosine"}
    figures = built.evaluate(built.module)
    assert set(figures) == {"cosine/2", "kept/2"} and 0 < figures["cosine/2"] < 1


def test_shares_and_accuracy() -> None:
    names = torch.eye(3)
    embeds = functional.normalize(torch.tensor([[1.0, 0.1, 0.0], [0.0, 0.2, 1.0]]), dim=-1)
    assert accuracy(embeds, names, torch.tensor([0, 1])) == 0.5
    assert_close(shares_apart(embeds, embeds, names, scale=5.0), torch.zeros(2))
    assert bool((shares_apart(embeds, embeds.flip(0), names, scale=5.0) > 0.5).all())


def test_going_on_from_an_export(task, tmp_path: Path) -> None:
    train(task(), RUN, folder=tmp_path / "run")
    export = str(tmp_path / "run" / "export")
    begun = task(replace(SMALL, start=export))
    saved = AlphaCLIP.from_pretrained(export).one_pass
    assert saved is not None
    assert_close(begun.module.one_pass.start, saved.start)
    with pytest.raises(ConfigError, match="has weights of another shape"):
        task(replace(SMALL, start=export, one_pass=OnePassConfig(rank=3)))
    other = tmp_path / "plain"
    begun.encoder.save_pretrained(other)
    with pytest.raises(ConfigError, match="has nothing for one pass"):
        task(replace(SMALL, start=str(other)))


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({"run": RunConfig(batch=64, chunk=32)}, "run.batch: expected one chunk of 32 a step, got 64"),
        ({"chunks": -1}, "chunks, tests: expected 0 and 1 at least, got -1"),
        ({"tests": 0}, "got 400 and 0"),
        ({"left_out": 1.5}, "left_out: expected a share from 0 to 1, got 1.5"),
    ],
)
def test_settings_that_cannot_be(changes: dict[str, Any], text: str) -> None:
    with pytest.raises(ConfigError, match=text):
        OnePassTraining(**changes)


def test_the_preset_is_valid() -> None:
    config = from_yaml(OnePassTraining, preset_path(STAGES["one-pass"]))
    assert config.encoder == "tiny" and config.run.batch == config.run.chunk


def test_it_is_built_from_places(folder: Path, sprite_file: Path, tmp_path: Path) -> None:
    config = replace(SMALL, encoder=str(folder), scenes=replace(SMALL.scenes, size=32))
    places = Places(folder=tmp_path / "run", sprites=sprite_file)
    built = build_one_pass(config, places)
    assert set(built.tests) == {str(n) for n in WATCHED}
    # Scenes are drawn at the encoder's size, whatever the settings say.
    assert built.draw(0)["rgb"].shape == (3, 3, 64, 64)
    assert not any(p.requires_grad for p in built.encoder.parameters())
    # Of the store's words this encoder reads few.
    assert len(built.names) == 0 and set(built.evaluate(built.module)) == {f"cosine/{n}" for n in WATCHED}
    assert isinstance(built.module, Looking) and isinstance(built.module.one_pass, OnePass)
    assert len(built.groups()[0].parameters) == len(list(built.module.parameters()))


def test_a_folder_of_pairs(folder: Path, tmp_path: Path) -> None:
    Image.fromarray(np.full((20, 40, 3), 90, np.uint8)).save(tmp_path / "a.png")
    lines = [{"image": "a.png", "caption": f"a {c}", "box": [n, 0, n + 9, 20]} for n, c in ((0, "cat"), (20, "dog"))]
    (tmp_path / "pairs.jsonl").write_text("\n".join(map(json.dumps, lines)))
    config = replace(SMALL, encoder=str(folder))
    assert folder_regions(config, tmp_path, size=64).pairs.size == 64
    built = build_one_pass_task(config, folder=tmp_path / "run", sprites=tmp_path / "none", pairs=tmp_path)
    assert built.draw(0)["used"].all() and len(built.names) == 2
    assert set(built.evaluate(built.module)) == {"cosine/regions"}
    assert np.isfinite([float(v.detach()) for v in built.losses(built.module, built.draw(0)).values()]).all()
