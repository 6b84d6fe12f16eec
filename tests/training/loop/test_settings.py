"""Settings that all stages share: their defaults and their bounds."""

import math
from typing import Any

import pytest

from gencontrol.errors import ConfigError
from gencontrol.training.loop.settings import RunConfig
from gencontrol.training.loop.task import ParameterGroup, Progress


def test_defaults() -> None:
    assert RunConfig() == RunConfig(
        steps=1000,
        batch=128,
        chunk=32,
        accumulation=1,
        learning_rate=1e-3,
        warmup=100,
        schedule="cosine",
        decay=0.0,
        weight_decay=0.02,
        optimizer="adamw",
        muon_scale=2.0,
        beta2=0.98,
        gradient_clip=1.0,
        precision="auto",
        device="auto",
        compile=False,
        ema=0.999,
        seed=0,
        log_every=20,
        evaluate_every=500,
        sheet_every=1000,
        checkpoint_every=200,
    )
    assert Progress(step=3) == Progress(step=3, losses={}, figures={}, rate=0.0, seconds_left=0.0, facts={})
    assert ParameterGroup(parameters=[]) == ParameterGroup(parameters=[], scale=1.0, hidden=False)


@pytest.mark.parametrize(
    "settings",
    [
        {"steps": 1, "batch": 1, "chunk": 1, "log_every": 1, "checkpoint_every": 1, "evaluate_every": 0},
        {"warmup": 0, "weight_decay": 0.0, "beta2": 0.0, "ema": 0.0},
        {"schedule": "constant", "decay": 1.0},
        {"learning_rate": 10.0, "muon_scale": 100.0},
        {"batch": 96, "chunk": 16, "accumulation": 3},
        {"steps": 10**9, "seed": 2**63 - 2, "warmup": 10**9, "sheet_every": 10**9},
    ],
)
def test_the_ends_of_what_is_allowed(settings: dict[str, Any]) -> None:
    RunConfig(**settings)


@pytest.mark.parametrize(
    ("settings", "name"),
    [({name: 0}, name) for name in ("steps", "batch", "chunk", "accumulation", "log_every", "checkpoint_every")]
    + [({"ema": -0.1}, "ema"), ({"ema": 1.0}, "ema"), ({"schedule": "constant", "decay": 1.01}, "decay")]
    + [({name: value}, name) for name in ("learning_rate", "muon_scale", "gradient_clip") for value in (0.0, math.nan)]
    + [({"beta2": 1.0}, "beta2"), ({"weight_decay": -0.1}, "weight_decay"), ({"warmup": -1}, "warmup")]
    + [({"learning_rate": 10.1}, "learning_rate"), ({"muon_scale": 101.0}, "muon_scale")]
    + [({"batch": 96, "chunk": 32, "accumulation": 2}, "batch")]
    + [({name: value}, name) for name in ("evaluate_every", "sheet_every") for value in (-1, 10**9 + 1)]
    + [({"seed": value}, "seed") for value in (-1, 2**63 - 1)]
    + [({name: 10**30}, name) for name in ("steps", "batch", "warmup", "log_every")],
)
def test_what_lies_beyond_is_refused(settings: dict[str, Any], name: str) -> None:
    with pytest.raises(ConfigError, match=f"^{name}"):
        RunConfig(**settings)


def test_compiling_without_a_compiler_is_refused_before_anything_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CXX", "no-such-compiler")
    RunConfig()
    with pytest.raises(ConfigError, match=r"compile: no C\+\+ compiler was found"):
        RunConfig(compile=True)
