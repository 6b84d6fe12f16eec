import dataclasses
import itertools
import json
import shutil
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

from gencontrol.errors import CheckpointError, ConfigError, InputError
from gencontrol.training.loop.checkpoints import list_checkpoints
from gencontrol.training.loop.learning_rate import cosine_schedule
from gencontrol.training.loop.settings import RunConfig
from gencontrol.training.loop.train import make_optimizers, train

CONFIG = RunConfig(
    steps=30, batch=16, chunk=4, learning_rate=0.05, warmup=5, precision="float32", ema=0.9,
    log_every=5, evaluate_every=10, sheet_every=15, checkpoint_every=7,
)  # fmt: skip


def same(first, second):
    return all(
        torch.equal(a, b) for a, b in zip(first.state_dict().values(), second.state_dict().values(), strict=True)
    )


def test_training_learns_logs_evaluates_draws_and_exports(tasks, tmp_path):
    reports = []
    task = tasks.LineTask()
    average = train(task, dataclasses.replace(CONFIG, steps=200), folder=tmp_path, report=reports.append)
    assert reports[-1].losses["error"] < 0.2 * reports[0].losses["error"]
    assert [r.step for r in reports] == list(range(5, 201, 5))
    assert reports[1].figures and not reports[0].figures
    assert reports[-1].seconds_left == 0 and reports[0].rate > 0
    assert (tmp_path / "sheets" / "step-00000015.png").is_file()
    assert torch.equal(
        load_file(tmp_path / "export" / "line.safetensors")["0.weight"], average.state_dict()["0.weight"]
    )


def test_a_run_that_stopped_goes_on_to_the_same_weights(tasks, tmp_path):
    whole, parts = tasks.LineTask(), tasks.LineTask()
    average = train(whole, CONFIG, folder=tmp_path / "whole")
    train(parts, CONFIG, folder=tmp_path / "parts", until=11)
    again = tasks.LineTask()
    resumed = train(again, CONFIG, folder=tmp_path / "parts")
    assert same(whole.module, again.module) and same(average, resumed)
    assert again.drawn[0] == 11 * 4


def test_a_run_that_was_killed_goes_on_from_its_last_checkpoint(tasks, tmp_path):
    class Killed(Exception):
        pass

    def kill(progress):
        if progress.step == 20:
            raise Killed

    with pytest.raises(Killed):
        train(tasks.LineTask(), CONFIG, folder=tmp_path / "killed", report=kill)
    again, whole = tasks.LineTask(), tasks.LineTask()
    train(again, CONFIG, folder=tmp_path / "killed")
    train(whole, CONFIG, folder=tmp_path / "whole")
    assert again.drawn[0] == 14 * 4 and same(whole.module, again.module)


def test_a_broken_checkpoint_is_passed_over_with_a_warning(tasks, tmp_path, caplog):
    whole, again = tasks.LineTask(), tasks.LineTask()
    train(whole, CONFIG, folder=tmp_path / "whole")
    train(tasks.LineTask(), CONFIG, folder=tmp_path / "broken", until=15)
    newest = list_checkpoints(tmp_path / "broken" / "checkpoints")[0]
    content = bytearray((newest / "model.safetensors").read_bytes())
    content[-1] ^= 1
    (newest / "model.safetensors").write_bytes(content)
    train(again, CONFIG, folder=tmp_path / "broken")
    assert "digest differs. Falling back" in caplog.text
    assert again.drawn[0] == 14 * 4 and same(whole.module, again.module)


def test_settings_that_are_new_since_have_had_their_defaults(tasks, tmp_path):
    train(tasks.LineTask(), CONFIG, folder=tmp_path, until=5)
    for checkpoint in list_checkpoints(tmp_path / "checkpoints"):
        index = json.loads((checkpoint / "index.json").read_text())
        # As a version wrote it that knew neither.
        del index["facts"]["config"]["muon_scale"], index["facts"]["stage"]["slope"]
        (checkpoint / "index.json").write_text(json.dumps(index))
    with pytest.raises(CheckpointError, match=r"other settings \(slope 1.0 -> 3.0\)"):
        train(tasks.LineTask(slope=3.0), CONFIG, folder=tmp_path)
    with pytest.raises(CheckpointError, match=r"other settings \(muon_scale 2.0 -> 3.0\)"):
        train(tasks.LineTask(), dataclasses.replace(CONFIG, muon_scale=3.0), folder=tmp_path)
    train(tasks.LineTask(), CONFIG, folder=tmp_path)


def test_other_settings_are_refused_but_for_logging_and_the_device(tasks, tmp_path):
    train(tasks.LineTask(), CONFIG, folder=tmp_path, until=5)
    with pytest.raises(CheckpointError, match=r"other settings \(learning_rate 0.05 -> 0.01\)"):
        train(tasks.LineTask(), dataclasses.replace(CONFIG, learning_rate=0.01), folder=tmp_path)
    with pytest.raises(CheckpointError, match=r"other settings \(slope 1.0 -> 3.0\)"):
        train(tasks.LineTask(slope=3.0), CONFIG, folder=tmp_path)
    train(
        tasks.LineTask(start="elsewhere"),
        dataclasses.replace(CONFIG, log_every=3, device="cpu"),
        folder=tmp_path,
        until=6,
    )


def test_accumulation_gives_the_gradient_of_the_whole_batch(tasks, tmp_path):
    once, twice = tasks.LineTask(), tasks.LineTask()
    train(once, CONFIG, folder=tmp_path / "once", until=3)
    train(twice, dataclasses.replace(CONFIG, accumulation=2), folder=tmp_path / "twice", until=3)
    for a, b in zip(once.module.parameters(), twice.module.parameters(), strict=True):
        torch.testing.assert_close(a, b)


def test_the_batch_must_be_dealt_evenly():
    with pytest.raises(ConfigError, match="batch 16 is not a multiple of chunk 3"):
        dataclasses.replace(CONFIG, chunk=3)
    with pytest.raises(ConfigError, match="steps: expected 1 or more"):
        dataclasses.replace(CONFIG, steps=0)
    with pytest.raises(ConfigError, match="ema: expected 0 up to"):
        dataclasses.replace(CONFIG, ema=1.0)


def test_vectors_are_not_decayed_and_groups_keep_their_scale(tasks):
    (optimizer,) = make_optimizers(tasks.LineTask().groups(), CONFIG)
    groups = optimizer.param_groups
    assert [(g["scale"], g["weight_decay"], len(g["params"])) for g in groups] == [
        (0.1, 0.02, 1), (1.0, 0.02, 1), (1.0, 0.0, 4),
    ]  # fmt: skip


def test_the_schedule_warms_up_and_ends_at_zero():
    values = [cosine_schedule(s, steps=100, warmup=10) for s in range(101)]
    assert values[0] == 0.1 and values[9] == 1.0 and values[10] == 1.0 and values[100] == 0.0
    assert values[55] == pytest.approx(0.5)
    assert all(a >= b for a, b in itertools.pairwise(values[10:]))


def test_muon_trains_the_hidden_matrices_and_resumes_to_the_same_weights(tasks, tmp_path):
    class Deep(tasks.LineTask):
        def groups(self):
            first, rest = super().groups()
            return [dataclasses.replace(first, hidden=True), rest]

    muon = dataclasses.replace(CONFIG, optimizer="muon")
    plain, special = make_optimizers(Deep().groups(), muon)
    assert [len(g["params"]) for g in plain.param_groups] == [1, 4]
    assert type(special).__name__ == "Muon" and special.param_groups[0]["scale"] == pytest.approx(0.2)
    whole, again = Deep(), Deep()
    train(whole, muon, folder=tmp_path / "whole")
    train(Deep(), muon, folder=tmp_path / "parts", until=8)
    train(again, muon, folder=tmp_path / "parts")
    assert same(whole.module, again.module)


class Astray:
    """Gives a loss of NaN after so many steps, on top of a task."""

    def __init__(self, task: Any, *, after: int):
        self.task, self.after, self.config, self.module = task, after, task.config, task.module
        self.count = 0

    def __getattr__(self, name):
        return getattr(self.task, name)

    def losses(self, module: Any, batch: Any) -> Any:
        self.count += module.training
        scale = float("nan") if self.count > self.after else 1.0
        return {name: value * scale for name, value in self.task.losses(module, batch).items()}


def astray(tasks: Any, *, after: int) -> Any:
    return Astray(tasks.LineTask(), after=after)


def test_a_run_that_goes_astray_stops_before_it_writes_that(tasks, tmp_path):
    reports = []
    with pytest.raises(InputError, match=r"By step 15 the run has gone astray: error, gradient norm is NaN"):
        train(astray(tasks, after=14), CONFIG, folder=tmp_path, report=reports.append)
    assert [report.step for report in reports] == [5, 10]
    # The checkpoint of step 14 would have come before the next look at the losses.
    with pytest.raises(InputError, match=r"By step 14 the run has gone astray: 0\.weight is NaN"):
        config = dataclasses.replace(CONFIG, log_every=30, evaluate_every=0, sheet_every=0)
        train(astray(tasks, after=12), config, folder=tmp_path / "quiet")
    assert [path.name for path in list_checkpoints(tmp_path / "quiet" / "checkpoints")] == ["step-00000007"]


@pytest.mark.parametrize(
    ("setting", "value", "message"),
    [
        ("learning_rate", float("nan"), "learning_rate: expected above 0 and at most 10, got nan"),
        ("learning_rate", 0.0, "learning_rate: expected above 0"),
        ("learning_rate", 11.0, "learning_rate: expected above 0 and at most 10"),
        ("weight_decay", 20.0, "weight_decay: expected 0 or more and below 20, got 20"),
        ("weight_decay", -0.1, "weight_decay: expected 0 or more"),
        ("muon_scale", float("inf"), "muon_scale: expected above 0 and at most 100"),
        ("beta2", 1.0, "beta2: expected 0 or more and below 1"),
        ("gradient_clip", 0.0, "gradient_clip: expected above 0, got 0"),
        ("gradient_clip", float("nan"), "gradient_clip: expected above 0, got nan"),
    ],
)
def test_numbers_with_which_nothing_is_learnt(setting, value, message):
    with pytest.raises(ConfigError, match=message):
        dataclasses.replace(CONFIG, **{setting: value})


def test_a_run_may_compile_its_passes_and_may_go_on_without(tasks, tmp_path, monkeypatch):
    compiled = []
    monkeypatch.setattr(torch, "compile", lambda module, dynamic: compiled.append(dynamic) or module)
    monkeypatch.setenv("CXX", "true")
    plain, task = tasks.LineTask(), tasks.LineTask()
    train(plain, CONFIG, folder=tmp_path / "plain")
    assert not compiled
    train(task, dataclasses.replace(CONFIG, compile=True), folder=tmp_path / "run", until=11)
    assert compiled == [True]
    again = tasks.LineTask()
    train(again, CONFIG, folder=tmp_path / "run")
    assert compiled == [True] and same(again.module, plain.module)


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("g++") is None, reason="needs a C++ compiler")
def test_compiled_passes_train_to_the_same_weights(tasks, tmp_path):
    plain, compiled = tasks.LineTask(), tasks.LineTask()
    train(plain, CONFIG, folder=tmp_path / "plain")
    train(compiled, dataclasses.replace(CONFIG, compile=True), folder=tmp_path / "compiled")
    for a, b in zip(plain.module.state_dict().values(), compiled.module.state_dict().values(), strict=True):
        torch.testing.assert_close(a, b, atol=1e-4, rtol=1e-3)


def test_a_checkpoint_of_other_tensors_is_told(tasks, tmp_path):
    train(tasks.LineTask(), CONFIG, folder=tmp_path, until=7)
    (newest,) = list_checkpoints(tmp_path / "checkpoints")
    (newest / "average.safetensors").unlink()
    index = json.loads((newest / "index.json").read_text())
    del index["files"]["average.safetensors"]
    (newest / "index.json").write_text(json.dumps(index))
    with pytest.raises(
        CheckpointError, match=r"The checkpoint of step 7 in .* holds other tensors .*: remove it, or use"
    ):
        train(tasks.LineTask(), CONFIG, folder=tmp_path)


@pytest.mark.parametrize("name", ["thesis.txt", "mine.safetensors", "sub/notes.md"])
def test_what_an_export_does_not_write_is_not_lost_to_one(tasks, tmp_path, name):
    mine = tmp_path / "export" / name
    mine.parent.mkdir(parents=True)
    mine.write_text("mine")
    task = tasks.LineTask()
    told = rf"export holds what no export of this stage writes \({name}\), and it would be lost: move it elsewhere"
    with pytest.raises(InputError, match=told):
        train(task, CONFIG, folder=tmp_path)
    assert not task.drawn and mine.read_text() == "mine" and [p.name for p in tmp_path.iterdir()] == ["export"]


def test_what_comes_to_lie_in_the_export_meanwhile_is_kept(tasks, tmp_path):
    train(tasks.LineTask(), CONFIG, folder=tmp_path)
    before = (tmp_path / "export" / "line.safetensors").read_bytes()
    train(tasks.LineTask(), CONFIG, folder=tmp_path)  # An export is replaced by the next one.

    class Late(tasks.LineTask):
        def export(self, module, folder):
            super().export(module, folder)
            (tmp_path / "export" / "thesis.txt").write_text("mine")

    with pytest.raises(InputError, match=r"thesis\.txt"):
        train(Late(), CONFIG, folder=tmp_path)
    assert (tmp_path / "export" / "thesis.txt").read_text() == "mine"
    assert (tmp_path / "export" / "line.safetensors").read_bytes() == before
