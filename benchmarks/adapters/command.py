"""IP-Adapters of the real classes, trained small: is the masked one of three things drawn, and by which way?

    python -m benchmarks.adapters train --stage text --sprites runs/sprites/sprites.npz    the base: names to pictures
    python -m benchmarks.adapters train --stage base --sprites runs/sprites/sprites.npz    an adapter: one embedding
    python -m benchmarks.adapters train --stage plus --sprites runs/sprites/sprites.npz    one of the encoder's tokens
    python -m benchmarks.adapters measure --sprites runs/sprites/sprites.npz

Published adapters cannot be had everywhere; these are the same classes, trained in the same way, on whole pictures of
one thing with the plain encoder. Training goes on where a stage's run stopped. `measure` opens what was trained as a
user would open published files, takes one of three sprites by `region_arguments`, and asks the judge what was drawn; a
row is written as soon as a chunk of it is finished.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated

from diffusers.models.autoencoders.autoencoder_kl import AutoencoderKL
from tyro.conf import arg

from benchmarks.adapters.measuring import ROWS, measure_row
from benchmarks.adapters.samples import draw, draw_tests
from benchmarks.adapters.task import AdapterTask, AdapterTraining, Stage
from benchmarks.focus.report import markdown
from benchmarks.focus.results import Record, Results, digests
from benchmarks.focus.rows import open_encoders
from benchmarks.focus.variation import Plan, draw_scenes, summary
from benchmarks.judge.model import open_judge
from benchmarks.settings import Judged, OnSprites, chosen_rows
from gencontrol.cli.terminal import log_to_stderr
from gencontrol.errors import ConfigError
from gencontrol.files import sha256
from gencontrol.models.registry import resolve
from gencontrol.pipelines import OpenedHost, open_reference_host
from gencontrol.runs.notices import quiet_loading
from gencontrol.sprites.store import open_store
from gencontrol.training.loop.reporting import Reporter
from gencontrol.training.loop.train import train

Folder = Annotated[Path, arg(aliases=("-o",), metavar="FOLDER")]
_HOSTS = {"base": "sd15-ip", "plus": "sd15-ip-plus"}


@dataclass(frozen=True, kw_only=True)
class TrainOptions(OnSprites):
    """Train a stage, going on where its run stopped."""

    stage: Stage = "text"
    """The base itself, or one of the two adapters, which need it."""
    output: Folder = Path("runs/adapters")
    """Where the runs live, one folder a stage."""
    model: str = "tiny"
    """Whose U-Net, autoencoder and plain CLIP it starts from: a preset, or a folder in the layout of `tiny`."""
    samples: int = 8192
    """Pictures to train on, a multiple of 64."""
    steps: int = AdapterTraining().run.steps
    """Optimiser steps of the whole run."""
    until: int | None = None
    """Stop with a checkpoint after this many steps, to go on later."""


@dataclass(frozen=True, kw_only=True)
class MeasureOptions(Judged):
    """Draw and judge."""

    trained: Folder = Path("runs/adapters")
    """Where the runs live."""
    model: str = "tiny"
    """Whose encoders look: that which the stages started from."""
    rows: tuple[str, ...] = ()
    """Keys of the rows to measure; all unless given."""
    pictures: int = 100
    """Scenes a row, each drawn once."""
    steps: int = 20
    """Denoising steps."""
    guidance: float = 3.0
    """Classifier-free guidance scale."""
    output: Path = Path("runs/adapters.json")
    """Where finished chunks are kept."""


def run_training(options: TrainOptions, config: AdapterTraining | None = None, *, tests: int = 512) -> None:
    """Train to the end of the stage, or up to `until`.

    Raises:
        ConfigError: An adapter without a trained base, or samples that are no multiple of 64.
    """
    log_to_stderr()
    quiet_loading()
    if options.samples < 64 or options.samples % 64:
        raise ConfigError(f"--samples: expected a multiple of 64, got {options.samples}.")
    config = replace(config or AdapterTraining(), stage=options.stage)
    config = replace(config, run=replace(config.run, steps=options.steps))
    model, base = Path(resolve(options.model)), options.output / "text" / "export"
    if options.stage != "text" and not base.is_dir():
        raise ConfigError(f"{base} is not there: train --stage text to its end first.")
    clip, store = open_encoders(model).plain, open_store(options.sprites)
    autoencoder = AutoencoderKL.from_pretrained(model, subfolder="vae")
    task = AdapterTask(
        config,
        store,
        samples=draw(store, count=options.samples, autoencoder=autoencoder, clip=clip),
        tests=draw_tests(store, count=tests, autoencoder=autoencoder, clip=clip),
        clip=clip,
        autoencoder=autoencoder,
        start=model if options.stage == "text" else base,
    )
    folder = options.output / options.stage
    with Reporter(folder, steps=config.run.steps) as report:
        train(task, config.run, folder=folder, report=report, until=options.until)


def run_measuring(options: MeasureOptions) -> None:
    """Measure what is not measured yet, and print the table.

    Raises:
        ConfigError: A row that does not exist.
    """
    quiet_loading()
    rows, store, judge = chosen_rows(ROWS, options.rows), open_store(options.sprites), open_judge(options.judge)
    judge.check_concepts(store)
    model = Path(resolve(options.model))
    encoders = open_encoders(model)
    scenes = draw_scenes(store, Plan(pictures=options.pictures, diverse=0, seeds=1, seed=0))
    results = Results(options.output, "adapters", depends(options, model))
    for kind in ("base", "plus"):
        mine = [row for row in rows if row.kind == kind]
        opened = open_trained(options, model, kind) if mine else None
        for row in mine:
            assert opened is not None
            measure_row(
                row,
                scenes,
                opened=opened,
                alpha=encoders.alpha,
                judge=judge,
                steps=options.steps,
                guidance=options.guidance,
                results=results,
                told=lambda text: print(f"measuring {text}", flush=True),
            )
    print(table(results.records))


def open_trained(options: MeasureOptions, model: Path, kind: str) -> OpenedHost:
    """What was trained, opened as published files are."""
    opened = open_reference_host(
        _HOSTS[kind],
        base=options.trained / "text" / "export",
        adapter=options.trained / kind / "export" / "adapter.safetensors",
        image_encoder=model / "image_encoder",
    )
    opened.pipeline.set_progress_bar_config(disable=True)
    return opened


def depends(options: MeasureOptions, model: Path) -> Mapping[str, object]:
    """What the rows depend on."""
    told = {name: getattr(options, name) for name in ("pictures", "steps", "guidance")}
    return told | {
        "sprites": sha256(options.sprites)[:16],
        "judge": digests(options.judge, (".",)),
        "weights": digests(model, ("clip", "alpha_clip")),
        "trained": digests(options.trained, ("text/export/unet", "base/export", "plus/export")),
    }


def table(records: Mapping[str, Record]) -> str:
    """What the judge said, as markdown; rows without any chunk are left out."""
    lines = []
    for row in ROWS:
        found = [record for key, record in records.items() if key.partition("/")[0] == row.key]
        if found:
            figures = summary([{**record, "diversity": []} for record in found])
            shares = [f"{100 * figures[name]:.1f}" for name in ("masked", "masked5", "other")]
            lines.append([row.label, *shares, str(figures["scenes"])])
    return markdown(["", "masked %", "in best 5 %", "another in the scene %", "scenes"], lines)


def run(options: TrainOptions | MeasureOptions) -> None:
    """Do what the subcommand says."""
    run_training(options) if isinstance(options, TrainOptions) else run_measuring(options)
