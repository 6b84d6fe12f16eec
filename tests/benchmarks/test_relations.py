"""The benchmark's arithmetic, and that it runs."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch.testing import assert_close

from benchmarks import relations
from gencontrol.relations.geometry import pair_geometry
from gencontrol.relations.learned.answers import RELATIONS
from gencontrol.relations.learned.inputs import relation_inputs
from gencontrol.relations.learned.module import CORES, ModuleConfig, RelationModule
from gencontrol.relations.learned.opening import save_module
from gencontrol.relations.rules import hand_rules
from gencontrol.relations.vocabulary import RULED
from gencontrol.sprites.staging.scenes import StagingConfig
from gencontrol.training.relating.samples import Samples


def test_rules_are_those_of_the_library() -> None:
    maps = torch.zeros(3, 40, 40)
    for plane, (x, y) in zip(maps, ((2, 3), (14, 5), (25, 22)), strict=True):
        plane[y : y + 12, x : x + 12] = 1
    inputs = relation_inputs(maps[None], torch.rand(3, 40, 40))
    found = relations.ruled(inputs, size=40)[0]
    assert_close(found[..., [RELATIONS.index(name) for name in RULED]], hand_rules(pair_geometry(maps)))
    assert not found[..., RELATIONS.index("riding")].any()


def test_swapped_relations() -> None:
    truth = torch.zeros(1, 2, 2, len(RELATIONS), dtype=torch.int8)
    said = torch.zeros(truth.shape)
    riding, above = RELATIONS.index("riding"), RELATIONS.index("above")
    truth[0, 0, 1, riding] = truth[0, 1, 0, above] = 1
    said[0, 0, 1, riding], said[0, 1, 0, riding] = 0.3, 0.2
    said[0, 0, 1, above], said[0, 1, 0, above] = 0.9, 0.8
    truth[0, :, :, RELATIONS.index("touching")] = 1
    inputs = relation_inputs(torch.ones(1, 2, 4, 4), torch.rand(3, 4, 4))
    samples = Samples(inputs=inputs, truth=truth, still=torch.zeros(1, 2, dtype=torch.int8))
    assert sorted(relations.kept_apart(said, samples, answered=True).tolist()) == [False, True]
    assert relations.kept_apart(said, samples, answered=False).tolist() == [False]


def test_cost_grows_with_the_pairs_and_is_small() -> None:
    module = RelationModule(ModuleConfig(width=16, hidden=(16,) * 4))
    two, four = (relations.operations(module, count) for count in (2, 4))
    # Two ways of one meeting, and of six: the readers of crops are most of it.
    assert 3 < four / two < 6
    first = relations.cost_table(module).splitlines()[1].split()
    assert first[0] == "2" and float(first[1]) == pytest.approx(two / 1e9, abs=1e-3) and float(first[2][:-1]) < 0.1


def test_it_runs(
    sprite_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    torch.manual_seed(0)
    save_module(RelationModule(ModuleConfig(width=16, hidden=(16,) * 4)), tmp_path, facts={})
    small = StagingConfig(size=32, counts=(0.0, 1.0), acts=("standing",), acted=0.0, tinted=0.5)
    columns = {
        "held-out pairs": replace(relations.COLUMNS["held-out pairs"], scenes=small),
        "clips": replace(relations.COLUMNS["clips"], scenes=small, frames=3),
    }
    monkeypatch.setattr(relations, "COLUMNS", columns)
    sampler = relations.sampler_of
    monkeypatch.setattr(
        relations, "sampler_of", lambda s, st, c: replace(sampler(s, st, replace(c, frames=2)), frames=c.frames)
    )
    output = tmp_path / "rows.json"
    relations.main(relations.Settings(sprites=sprite_file, module=tmp_path, scenes=4, json=output))
    rows = json.loads(output.read_text())
    assert [(r["column"], r["model"]) for r in rows] == [
        (column, model) for column in columns for model in (*CORES, relations.RULES)
    ]
    rules = next(r for r in rows if r["model"] == relations.RULES)
    assert rules["relations"]["left of"] > 90 and "clip" not in rules["means"]
    assert "5 to 8 things" not in capsys.readouterr().out
