"""The training loop, on accelerate: one for all stages, resumable to the same weights at any point."""

import copy
import logging
import math
import time
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

import torch
from accelerate import Accelerator
from torch import Tensor, nn
from torch.optim import AdamW, Muon, Optimizer

from gencontrol.configuration import to_mapping
from gencontrol.errors import CheckpointError, ConfigError, InputError
from gencontrol.files import atomic_file
from gencontrol.finite import is_finite
from gencontrol.training.loop.average import update_average
from gencontrol.training.loop.checkpoints import (
    Checkpoint,
    load_latest,
    optimizer_tensors,
    restore_optimizer,
    save_checkpoint,
)
from gencontrol.training.loop.export import check_export, write_export
from gencontrol.training.loop.learning_rate import constant_schedule, cosine_schedule
from gencontrol.training.loop.precision import forward_precision
from gencontrol.training.loop.resuming import check_same_settings
from gencontrol.training.loop.settings import RunConfig
from gencontrol.training.loop.task import Batch, ParameterGroup, Progress, Task

_log = logging.getLogger(__name__)

Report = Callable[[Progress], None]


@dataclass(kw_only=True)
class _Run:
    """The moving parts of a run."""

    task: Task
    config: RunConfig
    folder: Path
    accelerator: Accelerator
    wrapped: nn.Module
    optimizers: list[Optimizer]
    average: nn.Module
    step: int = 0
    seconds: float = 0.0
    sums: defaultdict[str, list[Tensor]] = field(default_factory=lambda: defaultdict(list))


def train(
    task: Task,
    config: RunConfig,
    *,
    folder: Path,
    accelerator: Accelerator | None = None,
    report: Report | None = None,
    until: int | None = None,
) -> nn.Module:
    """Train a stage to its end, going on from the newest checkpoint in `folder` if there is one.

    Args:
        task: The stage.
        config: Its settings; they must equal those of the checkpoint, but for how often it logs and saves.
        folder: Where checkpoints, sheets and the export go.
        accelerator: Of a run under `accelerate launch`; made here otherwise.
        report: Called with the progress every `log_every` steps, on the main process.
        until: Stop (with a checkpoint) after this many steps in all, to go on later.

    Returns:
        The averaged module.

    Raises:
        CheckpointError: The folder holds a run with other settings.
        ConfigError: The batch cannot be dealt to this many processes.
        InputError: Losses, gradients or weights became NaN or infinite; no checkpoint holds such. Or the folder of
            exports holds what would be lost.
    """
    run = _start(task, config, folder, accelerator or Accelerator())
    _check_sharing(config, run.accelerator.num_processes)
    check_export(task, run.average, folder / "export")
    _resume(run)
    last = min(until or config.steps, config.steps)
    started = reported = time.monotonic()
    while run.step < last:
        norm = _step(run)
        done = run.step == last
        if done or any(_due(run, every) for every in (config.log_every, config.evaluate_every, config.sheet_every)):
            figures = _look(run, done)
            now = time.monotonic()
            progress = _progress(run, figures, now - reported, norm)
            reported = now
            if report and run.accelerator.is_main_process:
                report(progress)
        if run.step % config.checkpoint_every == 0 or done:
            _save(run, run.seconds + time.monotonic() - started)
    run.seconds += time.monotonic() - started
    if run.step == config.steps and run.accelerator.is_main_process:
        write_export(task, run.average, folder / "export")
    run.accelerator.wait_for_everyone()
    return run.average


def make_optimizers(groups: list[ParameterGroup], config: RunConfig) -> list[Optimizer]:
    """AdamW with each group's step size and no weight decay on vectors; Muon for hidden groups if the run says so.

    Muon: Jordan et al., 2024, as torch has it, its updates scaled to AdamW's size (Liu et al., arXiv 2502.16982).
    """
    by_muon = [g for g in groups if g.hidden and config.optimizer == "muon"]
    settings = [s for g in groups if not any(g is m for m in by_muon) for s in _adamw_settings(g, config)]
    optimizers: list[Optimizer] = [AdamW(settings, lr=config.learning_rate, betas=(0.9, config.beta2), fused=True)]
    if by_muon:
        scaled = [{"params": g.parameters, "scale": g.scale * config.muon_scale} for g in by_muon]
        rate, decay = config.learning_rate, config.weight_decay
        optimizers.append(Muon(scaled, lr=rate, weight_decay=decay, adjust_lr_fn="match_rms_adamw"))
    return optimizers


def _adamw_settings(group: ParameterGroup, config: RunConfig) -> list[dict[str, Any]]:
    split = {decayed: [p for p in group.parameters if (p.ndim > 1) == decayed] for decayed in (True, False)}
    return [
        {"params": chosen, "weight_decay": config.weight_decay if decayed else 0.0, "scale": group.scale}
        for decayed, chosen in split.items()
        if chosen
    ]


def _start(task: Task, config: RunConfig, folder: Path, accelerator: Accelerator) -> _Run:
    average = copy.deepcopy(task.module).requires_grad_(False).eval().to(accelerator.device)
    module = task.module.to(accelerator.device).train()
    optimizers = make_optimizers(task.groups(), config)
    wrapped = cast(nn.Module, accelerator.prepare(module))
    if config.compile:
        # Batches differ in the longest text and in how many texts there are.
        wrapped = cast(nn.Module, torch.compile(wrapped, dynamic=True))
    return _Run(
        task=task,
        config=config,
        folder=folder,
        accelerator=accelerator,
        wrapped=wrapped,
        optimizers=optimizers,
        average=average,
    )


def _check_sharing(config: RunConfig, processes: int) -> None:
    unit = config.chunk * config.accumulation * processes
    if config.batch % unit:
        raise ConfigError(
            f"batch {config.batch} cannot be dealt to {processes} processes: expected a multiple of {unit} "
            f"(chunk {config.chunk} x accumulation {config.accumulation} x {processes})."
        )


def _resume(run: _Run) -> None:
    found = load_latest(run.folder / "checkpoints")
    if found is None:
        return
    check_same_settings(found, run.config, run.task.config)
    try:
        run.task.module.load_state_dict(found.tensors["model"])
        run.average.load_state_dict(found.tensors["average"])
        for index, optimizer in enumerate(run.optimizers):
            restore_optimizer(optimizer, found.tensors[f"optimizer{index}"])
    except (KeyError, ValueError, RuntimeError) as error:
        raise CheckpointError(
            f"The checkpoint of step {found.step} in {run.folder} holds other tensors than this run has: remove it, or "
            "use another folder."
        ) from error
    run.step, run.seconds = found.step, found.facts["seconds"]
    _log.info("Going on from step %d", run.step)


def step_size_factor(config: RunConfig, step: int) -> float:
    """The factor on the peak step size for the update after `step` updates."""
    if config.schedule == "cosine":
        return cosine_schedule(step, steps=config.steps, warmup=config.warmup)
    return constant_schedule(step, steps=config.steps, warmup=config.warmup, decay=config.decay)


def _step(run: _Run) -> Tensor:
    """One optimiser step."""
    factor = step_size_factor(run.config, run.step)
    groups = [group for optimizer in run.optimizers for group in optimizer.param_groups]
    for group in groups:
        group["lr"] = run.config.learning_rate * group["scale"] * factor
    for micro in range(run.config.accumulation):
        last = micro == run.config.accumulation - 1
        if last:
            _backward(run, micro)
        else:
            with run.accelerator.no_sync(run.wrapped):
                _backward(run, micro)
    norm = nn.utils.clip_grad_norm_([p for group in groups for p in group["params"]], run.config.gradient_clip)
    for optimizer in run.optimizers:
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
    run.step += 1
    update_average(run.average, run.task.module, decay=run.config.ema, step=run.step)
    return norm


def _backward(run: _Run, micro: int) -> None:
    batch = _micro_batch(run, micro)
    device = run.accelerator.device.type
    with forward_precision(device, run.config.precision):
        losses = run.task.losses(run.wrapped, batch)
    total = torch.stack(list(losses.values())).sum()
    (total / run.config.accumulation).backward()
    for name, value in losses.items():
        run.sums[name].append(value.detach())


def _micro_batch(run: _Run, micro: int) -> Batch:
    """This process's share of a micro-batch; together the processes draw what one would."""
    chunks = run.config.batch // run.config.chunk
    per_micro = chunks // run.config.accumulation
    share = per_micro // run.accelerator.num_processes
    first = run.step * chunks + micro * per_micro + run.accelerator.process_index * share
    drawn = [run.task.draw(index) for index in range(first, first + share)]
    return {key: torch.cat([d[key] for d in drawn]).to(run.accelerator.device) for key in drawn[0]}


def _due(run: _Run, every: int) -> bool:
    """Whether what happens every so many steps (0 is never) happens now."""
    return every > 0 and run.step % every == 0


def _look(run: _Run, done: bool) -> dict[str, float]:
    """Evaluate and draw a sheet where it is due; on the main process alone."""
    figures: dict[str, float] = {}
    if not run.accelerator.is_main_process:
        return figures
    with torch.inference_mode():
        if _due(run, run.config.evaluate_every) or (done and run.config.evaluate_every):
            figures = run.task.evaluate(run.average)
        if _due(run, run.config.sheet_every) or (done and run.config.sheet_every):
            with atomic_file(run.folder / "sheets" / f"step-{run.step:08d}.png") as path:
                run.task.sheet(run.average).save(path)
    return figures


def _progress(run: _Run, figures: dict[str, float], seconds: float, norm: Tensor) -> Progress:
    means = {name: float(torch.stack(values).mean()) for name, values in run.sums.items()}
    _check_going_well(run, means | {"gradient norm": float(norm)})
    count = max(map(len, run.sums.values())) / run.config.accumulation
    run.sums.clear()
    rate = count * run.config.batch / max(seconds, 1e-9)
    left = (run.config.steps - run.step) * run.config.batch / max(rate, 1e-9)
    facts = {"learning_rate": run.optimizers[0].param_groups[0]["lr"], "gradient_norm": float(norm)}
    return Progress(step=run.step, losses=means, figures=figures, rate=rate, seconds_left=left, facts=facts)


def _check_going_well(run: _Run, numbers: dict[str, float]) -> None:
    """Stop a run that has gone astray, before it writes a log or a checkpoint that cannot be gone on from."""
    astray = [name for name, value in numbers.items() if not math.isfinite(value)]
    if astray:
        raise InputError(
            f"By step {run.step} the run has gone astray: {', '.join(astray)} is NaN or infinite. Its last "
            "checkpoint is from before: try a smaller learning_rate, or look for odd samples in the data."
        )


def _save(run: _Run, seconds: float) -> None:
    if run.accelerator.is_main_process:
        bad = [name for name, weight in run.task.module.state_dict().items() if not is_finite(weight)]
        _check_going_well(run, dict.fromkeys(bad[:1], math.nan))
        tensors = {
            "model": dict(run.task.module.state_dict()),
            "average": dict(run.average.state_dict()),
        }
        tensors |= {f"optimizer{i}": optimizer_tensors(o) for i, o in enumerate(run.optimizers)}
        facts = {"config": to_mapping(run.config), "stage": to_mapping(run.task.config), "seconds": seconds}
        save_checkpoint(run.folder / "checkpoints", Checkpoint(step=run.step, tensors=tensors, facts=facts))
    run.accelerator.wait_for_everyone()
