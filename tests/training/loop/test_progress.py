"""What a run says of itself while it trains: how fast, how long still, how much time it has taken."""

import dataclasses
import itertools

import pytest
import torch

from gencontrol.training.loop import train as loop
from gencontrol.training.loop.checkpoints import load_latest
from gencontrol.training.loop.settings import RunConfig
from gencontrol.training.loop.task import Progress
from gencontrol.training.loop.train import make_optimizers, train

CONFIG = RunConfig(
    steps=30, batch=16, chunk=4, learning_rate=0.05, warmup=5, precision="float32", log_every=5, evaluate_every=0,
    sheet_every=0, checkpoint_every=100,
)  # fmt: skip


@pytest.fixture
def ticking(monkeypatch: pytest.MonkeyPatch) -> None:
    """A clock that goes on by two seconds whenever it is asked."""
    clock = itertools.count(start=100, step=2)
    monkeypatch.setattr(loop.time, "monotonic", lambda: float(next(clock)))


@pytest.mark.usefixtures("ticking")
@pytest.mark.parametrize("accumulation", [1, 2])
def test_the_rate_is_samples_over_seconds_and_the_rest_takes_as_long(tasks, tmp_path, accumulation) -> None:
    reports: list[Progress] = []
    config = dataclasses.replace(CONFIG, accumulation=accumulation)
    train(tasks.LineTask(), config, folder=tmp_path, report=reports.append, until=10)
    # Five steps of 16 samples in two seconds.
    assert [r.rate for r in reports] == [40.0, 40.0]
    assert [r.seconds_left for r in reports] == [25 * 16 / 40, 20 * 16 / 40]
    # Begun, reported twice, saved: the clock was asked three times since.
    found = load_latest(tmp_path / "checkpoints")
    assert found is not None and found.facts["seconds"] == 6.0
    train(tasks.LineTask(), config, folder=tmp_path, until=12)
    found = load_latest(tmp_path / "checkpoints")
    assert found is not None and found.facts["seconds"] == 6.0 + 4.0


def test_what_is_due_at_the_end_is_done_there_and_what_never_is_not(tasks, tmp_path) -> None:
    reports: list[Progress] = []
    config = dataclasses.replace(CONFIG, steps=7, evaluate_every=4, sheet_every=5, checkpoint_every=3)
    train(tasks.LineTask(), config, folder=tmp_path / "some", report=reports.append)
    assert [(r.step, bool(r.figures)) for r in reports] == [(4, True), (5, False), (7, True)]
    assert sorted(p.stem for p in (tmp_path / "some" / "sheets").iterdir()) == ["step-00000005", "step-00000007"]
    checkpoints = sorted(p.name for p in (tmp_path / "some" / "checkpoints").iterdir())
    assert checkpoints == ["step-00000006", "step-00000007"]
    reports.clear()
    train(tasks.LineTask(), dataclasses.replace(CONFIG, steps=7), folder=tmp_path / "none", report=reports.append)
    assert [(r.step, bool(r.figures)) for r in reports] == [(5, False), (7, False)]
    assert not (tmp_path / "none" / "sheets").exists()


def test_losses_are_means_since_the_last_report(tasks, tmp_path) -> None:
    each: list[Progress] = []
    fives: list[Progress] = []
    for every, reports in ((1, each), (5, fives)):
        config = dataclasses.replace(CONFIG, log_every=every)
        train(tasks.LineTask(), config, folder=tmp_path / str(every), report=reports.append, until=10)
    errors = [r.losses["error"] for r in each]
    assert [r.losses["error"] for r in fives] == pytest.approx([sum(errors[:5]) / 5, sum(errors[5:]) / 5])
    # The factor is that of the update that was just made, on the first group's share of the step size.
    assert [r.facts["learning_rate"] for r in each[:5]] == pytest.approx([0.1 * 0.05 * n / 5 for n in range(1, 6)])
    assert each[0].facts["gradient_norm"] > 0


def test_gradients_are_clipped_before_the_step(tasks, tmp_path) -> None:
    def moved(clip: float) -> float:
        task = tasks.LineTask()
        before = torch.cat([p.detach().flatten().clone() for p in task.module.parameters()])
        config = dataclasses.replace(CONFIG, gradient_clip=clip, weight_decay=0.0)
        train(task, config, folder=tmp_path / str(clip), until=1)
        return (torch.cat([p.detach().flatten() for p in task.module.parameters()]) - before).norm().item()

    # Adam's step hardly depends on the gradient's size, unless that is far below its epsilon.
    assert moved(1e-12) < 1e-3 * moved(1.0)


def test_optimisers_have_the_settings_of_the_run(tasks) -> None:
    (adam,) = make_optimizers(tasks.LineTask().groups(), dataclasses.replace(CONFIG, beta2=0.9))
    assert adam.defaults["betas"] == (0.9, 0.9) and adam.defaults["lr"] == 0.05 and adam.defaults["fused"] is True
    first, rest = tasks.LineTask().groups()
    hidden = dataclasses.replace(first, hidden=True)
    _, muon = make_optimizers([hidden, rest], dataclasses.replace(CONFIG, optimizer="muon"))
    assert (muon.defaults["lr"], muon.defaults["weight_decay"]) == (0.05, 0.02)
    assert muon.param_groups[0]["scale"] == 0.2
