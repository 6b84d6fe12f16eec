"""Carrying a plan out: open the host, draw this process's share of the inputs, write, and say what came of it."""

import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from PIL import Image

from gencontrol.alpha_clip.model import AlphaCLIP
from gencontrol.conditioning.calibrated import set_curve
from gencontrol.conditioning.embed import RegionEmbeds
from gencontrol.conditioning.embedding_files import join_rows, on_cpu, tensors_of, write_tensors
from gencontrol.images.sheets import contact_sheet
from gencontrol.runs.comparison import beside, comparison_sheet, draw_comparison, encoder_view, encoder_views
from gencontrol.runs.drawing import draw_embeds, draw_scene, embed_scene
from gencontrol.runs.files.outputs import Item, write_picture
from gencontrol.runs.files.sheets import mark_sweep, write_sheet, write_sheets
from gencontrol.runs.files.together import marked
from gencontrol.runs.machine.devices import choose_device
from gencontrol.runs.machine.interrupts import check_interrupted
from gencontrol.runs.machine.processes import join_processes
from gencontrol.runs.notices import ShareWarning, naming, warn
from gencontrol.runs.opening import check_offload, open_host, open_own_encoder
from gencontrol.runs.plan import Plan
from gencontrol.runs.samplers import sampled_by
from gencontrol.runs.scenes import read_scene

Opener = Callable[[Plan], Any]
"""Gives the host of a plan, with the plan's own sampler."""


@dataclass(frozen=True, kw_only=True)
class Output:
    """A picture that was written, or would be."""

    path: Path
    """Where."""
    image: Path | None
    """The input; None for a row of embeddings."""
    seed: int
    """The picture's own."""
    swept: str = ""
    """The value of a sweep, such as "strength 0.5"; "" where nothing is swept."""


@dataclass(frozen=True, kw_only=True)
class Sheet:
    """One more picture of an input."""

    path: Path
    """Where."""
    kind: str
    """`grid`, `compare`, `preview` or `sweep`."""


@dataclass(frozen=True, kw_only=True)
class Result:
    """What one input came to."""

    outputs: tuple[Output, ...]
    """One for each seed."""
    sheets: tuple[Sheet, ...]
    """What else was asked for."""
    embeds: RegionEmbeds | None = None
    """On the CPU, where a file of them is to be written."""
    seconds: float = 0.0
    """That the host took for the pictures: encoding, steps and decoding."""


@dataclass(frozen=True, kw_only=True)
class Drawn:
    """One input at one setting of everything."""

    result: Result
    """What it came to."""
    pictures: list[Image.Image]
    """One for each seed."""
    record: dict[str, Any] | None
    """Theirs, but for the seed; None where none is written."""


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What a run came to: all processes' share of it."""

    results: tuple[Result, ...]
    """One for each input, in the plan's order."""
    machine: Mapping[str, str]
    """`device` and `dtype` of this process; empty where nothing was loaded."""

    @property
    def outputs(self) -> list[Output]:
        """All pictures."""
        return [output for result in self.results for output in result.outputs]

    @property
    def sheets(self) -> list[Sheet]:
        """All sheets."""
        return [sheet for result in self.results for sheet in result.sheets]

    @property
    def drawing_seconds(self) -> float:
        """That hosts took for the pictures, all processes together."""
        return sum(result.seconds for result in self.results)


def open_planned(plan: Plan) -> Any:
    """Load a plan's host, and put it where it is to run; see `open_host` for what it raises."""
    return open_host(
        plan.model,
        plan.encoder,
        dtype=plan.dtype,
        device=plan.device,
        offload=plan.offload,
        sampler=plan.sampler,
    )


def run_variations(plan: Plan, *, opener: Opener = open_planned) -> Outcome:
    """Draw and write; of several processes each does its share, and the first writes the file of embeddings.

    Warns with a `RegionWarning` of regions that can hardly be seen, and with a `ShareWarning` of pictures that a safety
    checker blackened, and of what is done already when Ctrl-C ends the run.

    Args:
        plan: What to do.
        opener: Where the host comes from: a server has it open already.

    Raises:
        ConfigError: No device is called so.
        InputError: No such device, or one that ran out of memory.
        CheckpointError: Weights that are not there, or are broken.
        PairingError: An encoder that ignores alpha, with the focus `alpha`.
        KeyboardInterrupt: Ctrl-C; what is written by then is whole.
    """
    processes = join_processes(plan.device)
    results, machine = _run_share(plan, processes.share(plan.items), opener)
    outcome = Outcome(results=tuple(processes.gather(results)), machine=machine)
    if processes.is_first and plan.embeds_out is not None:
        _write_embeds(plan, plan.embeds_out, outcome.results)
    return outcome


def rehearse_variations(plan: Plan) -> Outcome:
    """Say what a run would write; only previews are made, and no weights are loaded.

    Raises:
        ConfigError: No device is called so.
        InputError: There is no such device on this machine, or offloading without a GPU.
    """
    check_offload(plan.offload, choose_device(plan.device))
    processes = join_processes(plan.device)
    results = [_rehearse_named(plan, item) for item in processes.share(plan.items)]
    return Outcome(results=tuple(processes.gather(results)), machine={})


def _rehearse_named(plan: Plan, item: Item) -> Result:
    with _naming(plan, item):
        return _rehearse(plan, item)


def _rehearse(plan: Plan, item: Item) -> Result:
    for at, part in zip(plan.swept, item.swept, strict=True):
        _rehearse(at, part)
    if "preview" in item.sheets and item.image is not None:
        recorded = plan.scene or read_scene(item.image, plan.pointing)
        seen = encoder_view(recorded.scene, plan.focus, plan.geometry)
        _sheets(plan, item, {"preview": seen}, plan.record(item, recorded))
    return _result(plan, item)


def _run_share(plan: Plan, items: Sequence[Item], opener: Opener) -> tuple[list[Result], dict[str, str]]:
    """Load the model and draw; an input's pictures are written as soon as they are done."""
    if not items:
        return [], {}
    pipeline = opener(plan)
    if plan.pointing.curve is not None:
        set_curve(pipeline.image_encoder, plan.pointing.curve)
    compared = "compare" in (items[0].swept or items)[0].sheets
    plain = open_own_encoder(plan.model, pipeline) if compared else None
    results = []
    try:
        for item in items:
            check_interrupted()
            with _naming(plan, item):
                results.append(_run_item(pipeline, plain, plan, item))
    except KeyboardInterrupt:
        warn(
            f"stopped with {len(results)} of {len(items)} inputs done, whose pictures are written; "
            "`existing` skip goes on with the others.",
            ShareWarning,
        )
        raise
    dtype = str(pipeline.unet.dtype).removeprefix("torch.")
    return results, {"device": str(pipeline._execution_device), "dtype": dtype}


def _run_item(pipeline: Any, plain: AlphaCLIP | None, plan: Plan, item: Item) -> Result:
    """Draw and write one input's pictures and sheets."""
    if plan.existing == "skip" and item.is_complete:
        # Since the run was planned another one has drawn it.
        return Result(outputs=(), sheets=())
    if item.swept:
        return _run_sweep(pipeline, plain, plan, item)
    return _draw_and_write(pipeline, plain, plan, item).result


def _run_sweep(pipeline: Any, plain: AlphaCLIP | None, plan: Plan, item: Item) -> Result:
    """Draw and write one input's pictures at every value, and the sheet of them all: a row for each value."""
    drawn: dict[str, Drawn] = {}
    for at, part in zip(plan.swept, item.swept, strict=True):
        check_interrupted()
        with sampled_by(pipeline, at.sampler):
            drawn[at.label] = _draw_and_write(pipeline, plain, at, part)
    labels = [f"seed {seed}" for seed in plan.sampling.seeds]
    sheet = contact_sheet([d.pictures for d in drawn.values()], row_labels=list(drawn), column_labels=labels)
    results, path = [d.result for d in drawn.values()], item.sheets["sweep"]
    records = [d.record for d in drawn.values() if d.record is not None]
    mark = mark_sweep(records, plan.sampling.seeds) if records else None
    written = write_sheet(sheet, path, mark=mark, existing=plan.existing)
    sheets = [sheet for result in results for sheet in result.sheets]
    return Result(
        outputs=tuple(output for result in results for output in result.outputs),
        sheets=(*([Sheet(path=path, kind="sweep")] if written else []), *sheets),
        seconds=sum(result.seconds for result in results),
    )


def _draw_and_write(pipeline: Any, plain: AlphaCLIP | None, plan: Plan, item: Item) -> Drawn:
    """Draw and write one input's pictures and sheets at one setting of everything."""
    looks: Any = {"focus": plan.focus, "fit": plan.fit}
    recorded = None if item.image is None else plan.scene or read_scene(item.image, plan.pointing)
    started, embeds = time.monotonic(), None
    if recorded is None:
        assert plan.embeds is not None
        pictures = draw_embeds(pipeline, plan.embeds.row(item.row), plan.sampling)
    else:
        pictures = draw_scene(pipeline, recorded.scene, plan.sampling, strength=plan.strength, **looks)
    seconds = time.monotonic() - started
    if recorded is not None and plan.embeds_out is not None:
        # Of a strength that changes, the last step's.
        embeds = on_cpu(embed_scene(pipeline, recorded.scene, strength=plan.strength.end, **looks))
    record = plan.record(item, recorded)
    seeds, written = plan.sampling.seeds, []
    for picture, path, seed in zip(pictures, item.paths, seeds, strict=True):
        mark = marked(record, seed, plan.sampling.batches)
        if write_picture(picture, path, record=mark, existing=plan.existing):
            written.append(Output(path=path, image=item.image, seed=seed, swept=plan.label))
    labels, made = [f"seed {seed}" for seed in seeds], {}
    if "grid" in item.sheets:
        made["grid"] = contact_sheet([pictures], row_labels=[""], column_labels=labels)
    if recorded is not None and item.sheets.keys() & {"preview", "compare"}:
        seen = encoder_views(recorded.scene, plan.focus, plan.geometry)
        made |= {"preview": beside(seen)} if "preview" in item.sheets else {}
        if plain is not None:
            others = draw_comparison(pipeline, recorded.scene, plain, plan.sampling, fit=plan.fit)
            made["compare"] = comparison_sheet({"with the regions": pictures} | others, seen, labels)
    sheets = tuple(_sheets(plan, item, made, record))
    result = Result(outputs=tuple(written), sheets=sheets, embeds=embeds, seconds=seconds)
    return Drawn(result=result, pictures=pictures, record=record)


def _sheets(plan: Plan, item: Item, made: Mapping[str, Image.Image], record: Mapping[str, Any] | None) -> list[Sheet]:
    """Write an item's sheets, marked as such; those that are there already are kept with `skip`."""
    written = write_sheets(item, made, record=record, seeds=plan.sampling.seeds, existing=plan.existing)
    return [Sheet(path=path, kind=kind) for kind, path in written]


def _result(plan: Plan, item: Item) -> Result:
    parts = zip(plan.swept or (plan,), item.swept or (item,), strict=True)
    planned = [(at, path, seed) for at, part in parts for path, seed in zip(part.paths, at.sampling.seeds, strict=True)]
    sheets = [named for part in (item, *item.swept) for named in part.sheets.items()]
    return Result(
        outputs=tuple(Output(path=path, image=item.image, seed=seed, swept=at.label) for at, path, seed in planned),
        sheets=tuple(Sheet(path=path, kind=kind) for kind, path in sheets),
    )


def _naming(plan: Plan, item: Item) -> AbstractContextManager[None]:
    """Say of which of several inputs the block's errors and warnings are."""
    return naming(item.image or Path(item.name), among=len(plan.items))


def _write_embeds(plan: Plan, path: Path, results: Sequence[Result]) -> None:
    embeds = [result.embeds for result in results if result.embeds is not None]
    if embeds:
        file = join_rows(embeds, names=[item.image.name for item in plan.items if item.image is not None])
        labels = {"names": file.names, "encoder": plan.made_by}
        write_tensors(path, tensors_of(file), exclusive=plan.existing != "overwrite", **labels)
