"""Train the judge of `benchmarks/focus/`, and save it with its own accuracy on real sprites.

    python -m benchmarks.judge train --sprites runs/sprites/sprites.npz -o runs/judge
    python -m benchmarks.judge export --sprites runs/sprites/sprites.npz -o runs/judge

Training goes on where the folder's run stopped. `export` takes the newest checkpoint's averaged weights, measures them
on the test split, and writes `benchmarks/judge/`.
"""

import json
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, Any

from tyro.conf import arg

from benchmarks.judge.calibration import calibration_error, fit_temperature
from benchmarks.judge.model import Judge, JudgeNet, open_judge, save_judge
from benchmarks.judge.training import JudgeTask, JudgeTraining, accuracy, draw_apart, judge_tests
from benchmarks.settings import SHIPPED_JUDGE, OnSprites
from gencontrol.cli.terminal import log_to_stderr
from gencontrol.errors import InputError
from gencontrol.sprites.catalog import SPRITE_SETS, training_styles
from gencontrol.sprites.store import SpriteStore, open_store
from gencontrol.training.loop.checkpoints import Checkpoint, load_latest
from gencontrol.training.loop.reporting import Reporter
from gencontrol.training.loop.train import train

Folder = Annotated[Path, arg(aliases=("-o",), metavar="FOLDER")]


@dataclass(frozen=True, kw_only=True)
class TrainOptions(OnSprites):
    """Train, going on where the run stopped."""

    output: Folder = Path("runs/judge")
    """Where the run lives."""
    steps: int = JudgeTraining().run.steps
    """Optimiser steps of the whole run."""
    until: int | None = None
    """Stop with a checkpoint after this many steps, to go on later."""


@dataclass(frozen=True, kw_only=True)
class ExportOptions(OnSprites):
    """Measure a run's judge and save it beside its code."""

    output: Folder = Path("runs/judge")
    """Where the run lives."""
    to: Path = SHIPPED_JUDGE
    """The folder to write."""
    scenes: int = 4000
    """Test scenes of each kind."""


def run_training(options: TrainOptions, config: JudgeTraining | None = None) -> None:
    """Train to the end of the run, or up to `until`."""
    log_to_stderr()
    config = config or JudgeTraining()
    config = replace(config, run=replace(config.run, steps=options.steps))
    task = JudgeTask(config, open_store(options.sprites))
    with Reporter(options.output, steps=config.run.steps) as report:
        train(task, config.run, folder=options.output, report=report, until=options.until)


def run_export(options: ExportOptions, config: JudgeTraining | None = None) -> None:
    """Write the judge of the newest checkpoint, and print how good it is.

    Raises:
        InputError: A folder without checkpoints.
    """
    config, store = config or JudgeTraining(), open_store(options.sprites)
    checkpoint = load_latest(options.output / "checkpoints")
    if checkpoint is None:
        raise InputError(f"{options.output} holds no checkpoint: train first.")
    net = JudgeNet(config.shape, len(store.concepts))
    net.load_state_dict(checkpoint.tensors["average"])
    slugs = tuple(c.slug for c in store.concepts)
    save_judge(Judge(net=net.eval(), slugs=slugs), options.to)
    # Measured as it is saved, in half the precision it was trained in.
    judge = calibrated(open_judge(options.to), config, store, options.scenes)
    facts = training_facts(checkpoint) | {"accuracy": measure(judge, config, store, options.scenes)}
    save_judge(replace(judge, facts=facts), options.to)
    print(json.dumps(facts, indent=1))


def calibrated(judge: Judge, config: JudgeTraining, store: SpriteStore, scenes: int) -> Judge:
    """The judge at the temperature that fits scenes that neither training nor the measurements show."""
    rgb, concept = draw_apart(config, store, batch=scenes, offset=1)
    return replace(judge, temperature=round(fit_temperature(judge(rgb).log_probabilities, concept), 4))


def measure(judge: Judge, config: JudgeTraining, store: SpriteStore, scenes: int) -> dict[str, Any]:
    """The judge's accuracy on the test split, how far its probabilities are off, and what guessing would give."""
    rgb, concept = draw_apart(config, store, batch=scenes, offset=2)
    sure, best = judge(rgb).log_probabilities.exp().max(-1)
    figures: dict[str, Any] = accuracy(judge.net, judge_tests(config, store, count=scenes))
    return figures | {
        "calibration error": round(calibration_error(sure, best == concept), 4),
        "chance": round(1 / len(judge.slugs), 4),
    }


def training_facts(checkpoint: Checkpoint) -> dict[str, Any]:
    """How long the judge was trained, and on whose drawings."""
    settings = checkpoint.facts["config"]
    styles = training_styles()
    drawings = [f"{s.credit} ({s.licence}, {s.package} {s.version})" for s in SPRITE_SETS if s.style in styles]
    return {
        "command": "python -m benchmarks.judge train",
        "seed": settings["seed"],
        "steps": f"{checkpoint.step} of {settings['steps']}",
        "pictures": checkpoint.step * settings["batch"],
        "hours": round(checkpoint.facts["seconds"] / 3600, 2),
        "licence": "CC-BY-4.0",
        "drawings": drawings,
    }


def run(options: TrainOptions | ExportOptions) -> None:
    """Do what the subcommand says."""
    run_training(options) if isinstance(options, TrainOptions) else run_export(options)
