"""The judge learns, goes on and is saved; nothing is timed here."""

import dataclasses
import json
from pathlib import Path

import pytest
import torch
from accelerate.state import AcceleratorState, GradientState, PartialState

from benchmarks.judge.command import ExportOptions, TrainOptions, run_export, run_training
from benchmarks.judge.model import WEIGHTS, JudgeShape, open_judge, top_hits
from benchmarks.judge.training import JudgeTraining, judge_tests
from gencontrol.errors import InputError
from gencontrol.training.loop.settings import RunConfig
from gencontrol.training.stages.recognition import recognise


@pytest.fixture
def fresh_accelerate():
    yield
    for state in (AcceleratorState, GradientState, PartialState):
        state._reset_state()


@pytest.mark.usefixtures("fresh_accelerate")
def test_it_learns_resumes_and_says_how_good_it_is(
    sprite_file: Path,
    sprite_store,
    tmp_path: Path,
    capsys: pytest.CaptureFixture,
) -> None:
    run = RunConfig(
        steps=120, batch=32, chunk=32, learning_rate=5e-3, warmup=10, precision="float32", ema=0.9, seed=3,
        evaluate_every=0, sheet_every=0, checkpoint_every=60,
    )  # fmt: skip
    quiet = {"side": (0.6, 0.95), "backgrounds": (1.0, 0.5, 0.0, 0.0, 0.0), "softened": 0.1, "noisy": 0.1}
    quiet |= {"recolour": 0.0, "deform": 0.0, "finish": 0.0, "paper": 0.2}
    config = JudgeTraining(run=run, shape=JudgeShape(size=24, widths=(12, 24, 48), nothing=True), **quiet)
    options = TrainOptions(sprites=sprite_file, output=tmp_path / "run", steps=120, until=60)
    run_training(options, config)
    run_training(dataclasses.replace(options, until=None), config)
    assert (tmp_path / "run" / "export" / WEIGHTS).is_file()
    to = tmp_path / "judge"
    run_export(ExportOptions(sprites=sprite_file, output=tmp_path / "run", to=to, scenes=120), config)
    facts = json.loads(capsys.readouterr().out)
    opened = open_judge(to)
    assert opened.facts == facts and facts["pictures"] == 120 * 32 and facts["steps"] == "120 of 120"
    assert len(facts["drawings"]) == 6 and any("CC-BY-4.0, @iconify-json/twemoji" in d for d in facts["drawings"])
    assert facts["accuracy"]["chance"] == round(1 / 60, 4)
    known, drawn = (facts["accuracy"][name] for name in ("training styles", "as generated"))
    assert known["scenes"] == 120 and known["top5"] >= known["top1"]
    # Twelve shapes in five colours: the colour alone would be a twelfth.
    assert drawn["top1"] > 1.5 / 12
    # Stated once more, from the judge's own verdicts.
    (test, *others) = judge_tests(config, sprite_store, count=120)
    hits = top_hits(opened(test.rgb).log_probabilities, test.concept, 1)
    assert abs(hits.float().mean().item() - known["top1"]) < 1e-3
    assert [t.name for t in others] == [
        "training styles, softened", "as generated", "as generated, pale", "none of these", "unseen style",
    ]  # fmt: skip
    assert facts["accuracy"]["none of these"]["top1"] > 0.3
    assert 0.2 <= opened.temperature <= 5 and opened.temperature != 1
    assert facts["accuracy"]["calibration error"] < 0.15
    perfect = recognise(lambda rgb, alpha: torch.eye(61)[test.concept], torch.eye(61), test)
    assert perfect.top1 == 1.0


def test_nothing_to_export(sprite_file: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no checkpoint: train first"):
        run_export(ExportOptions(sprites=sprite_file, output=tmp_path))
