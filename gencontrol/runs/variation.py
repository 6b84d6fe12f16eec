"""Carrying a `gencontrol vary` out: check, load, draw, write, report."""

import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from PIL import Image

from gencontrol.alpha_clip.preprocess import AlphaCLIPProcessor
from gencontrol.runs.drawing import comparison, draw_embeds, draw_scene, guidance_of, open_host, open_plain, scene_embeds
from gencontrol.conditioning.embedding_files import EmbedsFile, on_cpu, tensors_of, write_tensors
from gencontrol.runs.scenes import Scene
from gencontrol.runs.interrupts import check_interrupted
from gencontrol.runs.records import describe
from gencontrol.runs.outputs import write_picture
from gencontrol.runs.processes import join_processes
from gencontrol.runs.repeat import Repeated
from gencontrol.cli.report import note, print_json, told_before
from gencontrol.images.sheets import contact_sheet
from gencontrol.runs.plan import Item, Job, prepare
from gencontrol.runs.vary_options import VaryOptions
from gencontrol.configuration import to_mapping
from gencontrol.files import sha256
from gencontrol.conditioning.embed import RegionEmbeds
from gencontrol.regions.preview import preview
from gencontrol.regions.region import union_of
from gencontrol.regions.sources import whole

NOT_RECORDED = frozenset(
    "images mask index_mask box point alpha_from_image negative_mask number seed embeds_out from_picture config output "
    "existing grid compare preview metadata dry_run format offline device offload batch embeds_in".split()
)
"""Options that do not change the picture, or that its record says in another place."""


@dataclass(kw_only=True)
class Result:
    """What one input came to."""

    outputs: list[dict[str, Any]] = field(default_factory=list)
    """Path, input and seed of each picture."""
    sheets: list[dict[str, str]] = field(default_factory=list)
    """Path and kind of each sheet."""
    embeds: RegionEmbeds | None = None
    """On the CPU, where a file of them is to be written."""
    seconds: float = 0.0
    """That the host took for the pictures: encoding, steps and decoding."""


def execute(options: VaryOptions, repeated: Repeated | None) -> None:
    """Check everything, draw this process's share of the inputs, and report for all processes."""
    started = time.monotonic()
    job = prepare(options, repeated)
    processes = join_processes(options.device)
    mine = processes.share(job.items)
    if options.dry_run:
        results, state = [plan(job, item) for item in mine], {"dry_run": True}
    else:
        results, state = run(job, mine)
    results = processes.gather(results)
    if processes.is_first:
        if options.embeds_out is not None and not options.dry_run:
            _write_embeds(Path(options.embeds_out), job, results)
        _report(job, results, state | {"seconds": round(time.monotonic() - started, 2)})


def plan(job: Job, item: Item) -> Result:
    """What a run would write; only the preview is made."""
    if "preview" in item.sheets:
        write_picture(see(job, _scene_of(job, item)), item.sheets["preview"])
    return _listed(job, item)


def run(job: Job, items: Sequence[Item]) -> tuple[list[Result], dict[str, Any]]:
    """Load the model and draw; an input's pictures are written as soon as they are done."""
    if not items:
        return [], {}
    pipeline = open_host(job)
    plain = open_plain(job, pipeline) if job.options.compare else None
    results = []
    try:
        for item in items:
            check_interrupted()
            results.append(run_item(pipeline, job, item, plain))
    except KeyboardInterrupt:
        note(
            f"stopped with {len(results)} of {len(items)} inputs done, whose pictures are written; "
            "--existing skip goes on with the others."
        )
        raise
    dtype = str(pipeline.unet.dtype).removeprefix("torch.")
    return results, {"device": str(pipeline._execution_device), "dtype": dtype}


def run_item(pipeline: Any, job: Job, item: Item, plain: Any) -> Result:
    """Draw and write one input's pictures and sheets."""
    result = _listed(job, item)
    scene = None if job.embeds else _scene_of(job, item)
    started = time.monotonic()
    if scene is not None:
        with told_before():
            pictures = draw_scene(pipeline, job, scene)
    else:
        assert job.embeds is not None
        pictures = draw_embeds(pipeline, job, job.embeds.row(item.row))
    result.seconds = time.monotonic() - started
    if scene is not None and job.options.embeds_out is not None:
        with told_before():
            result.embeds = on_cpu(scene_embeds(pipeline, job, scene))
    for picture, path, seed in zip(pictures, item.paths, job.seeds, strict=True):
        write_picture(picture, path, record=_record(job, item, scene, seed) if job.options.metadata else None)
    labels = [f"seed {seed}" for seed in job.seeds]
    if "grid" in item.sheets:
        write_picture(contact_sheet([pictures], row_labels=[""], column_labels=labels), item.sheets["grid"])
    if scene is not None and "preview" in item.sheets:
        write_picture(see(job, scene), item.sheets["preview"])
    if scene is not None and "compare" in item.sheets:
        rows = {"with the regions": pictures} | comparison(pipeline, job, scene, plain)
        write_picture(_compare_sheet(rows, see(job, scene), labels), item.sheets["compare"])
    return result


def see(job: Job, scene: Scene) -> Image.Image:
    """What the encoder gets: the picture with its regions, or what a focus that paints or cuts has made of it."""
    alpha = union_of(scene.regions or [whole(scene.picture.size)])
    if not scene.regions or job.focus is None or job.focus.name in ("alpha", "attention"):
        return preview(scene.picture, alpha, job.geometry)
    processor = AlphaCLIPProcessor(geometry=job.geometry)
    made = processor.denormalize(job.focus.view(processor, scene.picture.rgb[None], alpha[None]))[0]
    return preview(made[:3].clamp(0, 1), torch.ones_like(made[0]), job.geometry)


def _compare_sheet(rows: dict[str, list[Image.Image]], seen: Image.Image, labels: Sequence[str]) -> Image.Image:
    """One row for each way, and what the encoder saw at the end of the first."""
    (first, *pictures), (head, *others) = rows.values(), rows
    return contact_sheet(
        [[*first, seen.resize(first[0].size)], *pictures],
        row_labels=[head, *others],
        column_labels=[*labels, "where it looked"],
    )


def _scene_of(job: Job, item: Item) -> Scene:
    with told_before():
        scene = job.scene(item)
    assert scene is not None
    return scene


def _listed(job: Job, item: Item) -> Result:
    image = None if item.image is None else str(item.image)
    return Result(
        outputs=[
            {"path": str(path), "image": image, "seed": seed} for path, seed in zip(item.paths, job.seeds, strict=True)
        ],
        sheets=[{"path": str(path), "kind": kind} for kind, path in item.sheets.items()],
    )


def _record(job: Job, item: Item, scene: Scene | None, seed: int) -> dict[str, Any]:
    """The picture's record. What the flags leave to the model is written as the number that was used."""
    settings = {k: v for k, v in to_mapping(job.options).items() if k not in NOT_RECORDED}
    settings |= {"guidance": guidance_of(job.host, job.options.guidance)}
    embeds = job.options.embeds_in
    return describe(
        settings=settings,
        seed=seed,
        image=None if item.image is None else _input(item.image),
        embeds=None if embeds is None else _input(Path(embeds)) | {"row": item.row},
        regions=scene.pointed if scene else (),
        negative_regions=scene.negative_regions if scene else (),
    )


def _input(path: Path) -> dict[str, Any]:
    return {"path": str(path), "sha256": sha256(path)}


def _write_embeds(path: Path, job: Job, results: Sequence[Result]) -> None:
    embeds = [result.embeds for result in results if result.embeds is not None]
    negatives = [e.negative_image_embeds for e in embeds if e.negative_image_embeds is not None]
    if embeds:
        file = EmbedsFile(
            image_embeds=torch.cat([e.image_embeds for e in embeds]),
            negative_image_embeds=torch.cat(negatives) if negatives else None,
            names=tuple(item.image.name for item in job.items if item.image is not None),
        )
        write_tensors(path, tensors_of(file), names=file.names)


def _report(job: Job, results: Sequence[Result], state: dict[str, Any]) -> None:
    outputs = [output for result in results for output in result.outputs]
    sheets = [sheet for result in results for sheet in result.sheets]
    if job.options.format == "json":
        state |= {"drawing_seconds": round(sum(result.seconds for result in results), 2)}
        about = {"model": job.options.model, "host": job.host.name, "encoder": job.host.encoder}
        print_json(about | state | {"outputs": outputs, "sheets": sheets})
        return
    verb = "would write" if job.options.dry_run else "wrote"
    for output in outputs:
        print(f"{verb} {output['path']}")
    for sheet in sheets:
        print(f"{'wrote' if sheet['kind'] == 'preview' else verb} {sheet['path']}")
    if not outputs:
        print("nothing to do: every picture is there already.")
