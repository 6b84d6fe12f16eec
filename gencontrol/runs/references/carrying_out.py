"""Carrying a plan with references out: open the host, draw this process's share of the inputs, write."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from PIL import Image

from gencontrol.focus import CropFocus
from gencontrol.images.sheets import contact_sheet
from gencontrol.pipelines.references.reference import RegionReference
from gencontrol.pipelines.stock.drawing import draw_references
from gencontrol.pipelines.stock.opening import OpenedHost, open_fitted
from gencontrol.runs.comparison import beside, comparison_sheet, encoder_views
from gencontrol.runs.drawing import advised_on_memory, warn_of_black
from gencontrol.runs.files.outputs import Item, write_picture
from gencontrol.runs.files.sheets import write_sheets
from gencontrol.runs.files.together import marked
from gencontrol.runs.machine.devices import choose_device, choose_dtype
from gencontrol.runs.machine.interrupts import check_interrupted
from gencontrol.runs.machine.processes import join_processes
from gencontrol.runs.notation import parse_focus
from gencontrol.runs.notices import ShareWarning, is_watched, naming, quiet_loading, warn
from gencontrol.runs.opening import check_offload
from gencontrol.runs.references.bound import Terms, without_regions
from gencontrol.runs.references.plan import ReferencePlan
from gencontrol.runs.samplers import make_sampler
from gencontrol.runs.scenes import RecordedScene, read_scene
from gencontrol.runs.variation import Outcome, Output, Result, Sheet


def run_references(plan: ReferencePlan) -> Outcome:
    """Draw and write; of several processes each does its share. Warns as `run_variations` does.

    Raises:
        ConfigError: No device is called so.
        InputError: No such device, or one that ran out of memory.
        CheckpointError: Weights that are not there, or are broken.
        PairingError: Parts that do not fit together.
        KeyboardInterrupt: Ctrl-C; what is written by then is whole.
    """
    processes = join_processes(plan.device)
    results, machine = _run_share(plan, processes.share(plan.items))
    return Outcome(results=tuple(processes.gather(results)), machine=machine)


def rehearse_references(plan: ReferencePlan) -> Outcome:
    """Say what a run would write; only previews are made, and no weights are loaded.

    Raises:
        ConfigError: No device is called so.
        InputError: No such device on this machine, or offloading without a GPU.
    """
    check_offload(plan.offload, choose_device(plan.device))
    processes = join_processes(plan.device)
    results = [_rehearse(plan, item) for item in processes.share(plan.items)]
    return Outcome(results=tuple(processes.gather(results)), machine={})


def open_planned(plan: ReferencePlan) -> OpenedHost:
    """Load the host and put it where it is to run.

    Raises:
        ConfigError: No device is called so, or nothing to slice.
        InputError: No such device, or offloading without a GPU.
        CheckpointError: Weights that are not there, or are broken.
        PairingError: Parts that do not fit together.
    """
    place = choose_device(plan.device)
    check_offload(plan.offload, place)
    quiet_loading()
    opened = open_fitted(plan.fitted, dtype=_dtype(plan, place), device=place, offload=plan.offload)
    if plan.sampler is not None:
        opened.pipeline.scheduler = make_sampler(plan.sampler, opened.pipeline.scheduler.config)
    if plan.slicing:
        opened.pipeline.vae.enable_slicing()
    opened.pipeline.set_progress_bar_config(disable=not is_watched())
    return opened


def _dtype(plan: ReferencePlan, place: torch.device) -> torch.dtype:
    found = choose_dtype(plan.dtype, place)
    # On a GPU `auto` is the 16-bit format that the host was made for.
    return getattr(torch, plan.host.half) if plan.dtype == "auto" and found == torch.float16 else found


def _run_share(plan: ReferencePlan, items: Sequence[Item]) -> tuple[list[Result], dict[str, str]]:
    """Load the model and draw; an input's pictures are written as soon as they are done."""
    if not items:
        return [], {}
    opened, results = open_planned(plan), list[Result]()
    try:
        for item in items:
            check_interrupted()
            assert item.image is not None
            with naming(item.image, among=len(plan.items)):
                results.append(_run_item(opened, plan, item, item.image))
    except KeyboardInterrupt:
        warn(
            f"stopped with {len(results)} of {len(items)} inputs done, whose pictures are written; "
            "`existing` skip goes on with the others.",
            ShareWarning,
        )
        raise
    return results, {"device": str(opened.device), "dtype": str(opened.dtype).removeprefix("torch.")}


def _run_item(opened: OpenedHost, plan: ReferencePlan, item: Item, image: Path) -> Result:
    """Draw and write one input's pictures and sheets."""
    if plan.existing == "skip" and item.is_complete:
        # Since the run was planned another one has drawn it.
        return Result(outputs=(), sheets=())
    recorded = plan.scene or read_scene(image, plan.pointing)
    references, started = plan.references(recorded), time.monotonic()
    pictures = _draw(opened, plan, references)
    seconds, record, written = time.monotonic() - started, plan.record(recorded), []
    for picture, path, seed in zip(pictures, item.paths, plan.seeds, strict=True):
        if write_picture(picture, path, record=marked(record, seed, plan.batches), existing=plan.existing):
            written.append(Output(path=path, image=image, seed=seed))
    labels, made = [f"seed {seed}" for seed in plan.seeds], {}
    if "grid" in item.sheets:
        made["grid"] = contact_sheet([pictures], row_labels=[""], column_labels=labels)
    if "preview" in item.sheets:
        made["preview"] = preview_references(plan, recorded)
    if "compare" in item.sheets:
        rows = {"with the regions": pictures} | _compared(opened, plan, references)
        made["compare"] = comparison_sheet(rows, _views(plan, recorded, plan.terms), labels)
    return Result(outputs=tuple(written), sheets=_sheets(plan, item, made, record), seconds=seconds)


def _draw(opened: OpenedHost, plan: ReferencePlan, references: Sequence[RegionReference]) -> list[Image.Image]:
    check_interrupted()
    pictures = []
    with advised_on_memory():
        drawing = replace(plan.drawing, batch=len(plan.batches[0]))
        for drawn in draw_references(opened, references, plan.together or plan.seeds, drawing):
            check_interrupted()
            if drawn.seed not in plan.seeds:
                continue
            pictures.append(drawn.image)
            if drawn.flagged:
                warn_of_black(drawn.seed)
    return pictures


def _compared(
    opened: OpenedHost, plan: ReferencePlan, references: Sequence[RegionReference]
) -> dict[str, list[Image.Image]]:
    """What a run is compared with: the same pictures without their regions, and what one would do otherwise."""
    rows = {"whole pictures, no regions": _draw(opened, plan, without_regions(references))}
    if plan.host.takes != "picture":
        rows["masked crop"] = _draw(opened, plan, [replace(r, focus=CropFocus()) for r in references])
    return rows


def preview_references(plan: ReferencePlan, recorded: RecordedScene) -> Image.Image:
    """What the encoder gets of each reference, side by side where there are several."""
    views = [beside(_views(plan, recorded, plan.terms))]
    views += [beside(_views(plan, bound.recorded, bound.terms)) for bound in plan.further]
    if len(views) == 1:
        return views[0]
    names = [recorded.path.name, *(bound.recorded.path.name for bound in plan.further)]
    return contact_sheet([views], row_labels=[""], column_labels=names)


def _views(plan: ReferencePlan, recorded: RecordedScene, terms: Terms) -> list[Image.Image]:
    return encoder_views(recorded.scene, parse_focus(terms.focus), plan.host.geometry)


def _rehearse(plan: ReferencePlan, item: Item) -> Result:
    assert item.image is not None
    if "preview" in item.sheets:
        recorded = plan.scene or read_scene(item.image, plan.pointing)
        _sheets(plan, item, {"preview": preview_references(plan, recorded)}, plan.record(recorded))
    pairs = zip(item.paths, plan.seeds, strict=True)
    return Result(
        outputs=tuple(Output(path=path, image=item.image, seed=seed) for path, seed in pairs),
        sheets=tuple(Sheet(path=path, kind=kind) for kind, path in item.sheets.items()),
    )


def _sheets(
    plan: ReferencePlan, item: Item, made: Mapping[str, Image.Image], record: Mapping[str, Any] | None
) -> tuple[Sheet, ...]:
    """Write an item's sheets, marked as such; those that are there already are kept with `skip`."""
    written = write_sheets(item, made, record=record, seeds=plan.seeds, existing=plan.existing)
    return tuple(Sheet(path=path, kind=kind) for kind, path in written)
