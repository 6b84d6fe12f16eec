"""Step sizes over a run."""

import dataclasses
from typing import Any

import pytest

from gencontrol.errors import CheckpointError, ConfigError
from gencontrol.training.loop.learning_rate import constant_schedule, cosine_schedule, decay_begins
from gencontrol.training.loop.settings import RunConfig
from gencontrol.training.loop.train import step_size_factor, train


def test_a_constant_schedule_warms_up_stays_and_falls_by_a_root() -> None:
    values = [constant_schedule(step, steps=100, warmup=10, decay=0.2) for step in range(100)]
    assert values[0] == 0.1 and values[9] == 1
    assert set(values[10:80]) == {1.0}
    assert values[80] == pytest.approx(1 - (1 / 20) ** 0.5)
    assert values[84] == pytest.approx(0.5) and values[99] == 0
    assert values[80:] == sorted(values[80:], reverse=True)


def test_without_a_decay_it_stays_to_the_end() -> None:
    assert [constant_schedule(step, steps=5, warmup=0, decay=0.0) for step in range(5)] == [1] * 5


def test_the_settings_say_which_schedule() -> None:
    cosine = RunConfig(steps=100, warmup=10)
    constant = dataclasses.replace(cosine, schedule="constant", decay=0.3)
    assert step_size_factor(cosine, 55) == cosine_schedule(55, steps=100, warmup=10) == pytest.approx(0.5)
    assert step_size_factor(constant, 55) == 1
    assert step_size_factor(constant, 85) == constant_schedule(85, steps=100, warmup=10, decay=0.3) < 0.4


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"decay": 0.5}, "decay belongs to the constant schedule"),
        ({"schedule": "constant", "decay": 1.1}, "decay: expected a share of the run from 0 to 1, got 1.1"),
        ({"schedule": "constant", "decay": -0.1}, "decay: expected a share"),
        ({"warmup": -1}, "warmup: expected 0 or more steps and at most 1,000,000,000, got -1"),
    ],
)
def test_impossible_schedules_are_refused(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        RunConfig(**{"steps": 30, "warmup": 5, **changes})


CONFIG = RunConfig(
    steps=20, batch=16, chunk=4, learning_rate=0.05, warmup=5, schedule="constant", decay=0.3, precision="float32",
    evaluate_every=0, sheet_every=0, checkpoint_every=7,
)  # fmt: skip


def weights(task) -> list[float]:
    return [float(v) for values in task.module.state_dict().values() for v in values.flatten()]


def test_a_run_may_be_given_more_steps_until_its_decay_begins(tasks, tmp_path) -> None:
    longer = dataclasses.replace(CONFIG, steps=30, decay=1 / 3)
    whole, parts = tasks.LineTask(), tasks.LineTask()
    train(whole, longer, folder=tmp_path / "whole")
    train(tasks.LineTask(), CONFIG, folder=tmp_path / "parts", until=14)
    train(parts, longer, folder=tmp_path / "parts")
    assert weights(parts) == weights(whole)


def test_a_run_whose_decay_has_begun_keeps_its_steps(tasks, tmp_path) -> None:
    train(tasks.LineTask(), CONFIG, folder=tmp_path, until=15)
    with pytest.raises(CheckpointError, match="steps 20 -> 30"):
        train(tasks.LineTask(), dataclasses.replace(CONFIG, steps=30), folder=tmp_path)


def test_a_cosine_keeps_its_steps(tasks, tmp_path) -> None:
    cosine = dataclasses.replace(CONFIG, schedule="cosine", decay=0.0)
    train(tasks.LineTask(), cosine, folder=tmp_path, until=7)
    with pytest.raises(CheckpointError, match="steps 20 -> 30"):
        train(tasks.LineTask(), dataclasses.replace(cosine, steps=30), folder=tmp_path)


def test_schedules_of_nothing_but_warm_up_and_beyond_their_end() -> None:
    assert cosine_schedule(5, steps=5, warmup=5) == 1.0
    assert cosine_schedule(6, steps=5, warmup=5) == cosine_schedule(300, steps=100, warmup=10) == 0.0
    assert cosine_schedule(0, steps=10, warmup=0) == 1.0
    assert constant_schedule(300, steps=100, warmup=10, decay=0.2) == 0.0
    assert constant_schedule(5, steps=5, warmup=0, decay=0.0) == 0.0
    assert (decay_begins(100, 0.2), decay_begins(9, 0.5), decay_begins(7, 0.0)) == (80, 5, 7)
