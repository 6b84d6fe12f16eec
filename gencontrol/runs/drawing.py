"""Open a host, and draw pictures with it."""

import sys
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import torch
from PIL import Image

from gencontrol.alpha_clip.model import AlphaCLIP
from gencontrol.runs.devices import choose_device, choose_dtype
from gencontrol.runs.scenes import Scene
from gencontrol.runs.interrupts import check_interrupted
from gencontrol.cli.report import note, quiet_loading
from gencontrol.runs.samplers import make_scheduler
from gencontrol.runs.plan import Job
from gencontrol.errors import InputError
from gencontrol.focus import CropFocus
from gencontrol.models.registry import resolve
from gencontrol.conditioning.embed import RegionEmbeds
from gencontrol.pipelines.embeds import region_embeds
from gencontrol.pipelines.hosts.registry import Host
from gencontrol.pipelines.select import open_pipeline
from gencontrol.regions.region import Region
from gencontrol.streams import seeded

GUIDANCE = {"cross_attention": 3.0, "class_labels": 10.0}
"""By the way the embedding enters: the image-variation card's and the Alpha-CLIP demo's, and diffusers' for unCLIP."""


def open_host(job: Job) -> Any:
    """Load the pipeline and put it where it is to run.

    Raises:
        InputError: No such device, or offloading without a GPU.
        CheckpointError: Weights that are not there, or are broken.
        PairingError: An encoder that does not fit the host.
    """
    options = job.options
    device = choose_device(options.device)
    if options.offload != "none" and device.type == "cpu":
        raise InputError(f"--offload {options.offload} moves weights between main memory and a GPU; there is none.")
    quiet_loading()
    pipeline: Any = open_pipeline(
        options.model,
        alpha_clip=options.alpha_clip or "auto",
        dtype=choose_dtype(options.dtype, device),
        revision=options.revision,
        local_files_only=options.offline,
    )
    if options.scheduler is not None:
        pipeline.scheduler = make_scheduler(options.scheduler, pipeline.scheduler.config)
    pipeline.set_progress_bar_config(disable=not sys.stderr.isatty())
    return _place(pipeline, options.offload, device)


def _place(pipeline: Any, offload: str, device: torch.device) -> Any:
    if offload == "model":
        pipeline.enable_model_cpu_offload(device=device)
    elif offload == "sequential":
        pipeline.enable_sequential_cpu_offload(device=device)
    else:
        # diffusers warns once for every module that float16 cannot run on a CPU; it can, and `choose_dtype` says how.
        pipeline.to(device, silence_dtype_warnings=True)
    return pipeline


def draw_scene(pipeline: Any, job: Job, scene: Scene) -> list[Image.Image]:
    """One picture for each seed, from the scene's regions."""
    return _draw(
        pipeline,
        job,
        image=scene.picture,
        mask_image=list(scene.regions) or None,
        negative_mask_image=list(scene.negative_regions) or None,
        focus=job.focus,
        fit=job.options.fit,
        strength=job.strength,
    )


def draw_embeds(pipeline: Any, job: Job, embeds: RegionEmbeds) -> list[Image.Image]:
    """One picture for each seed, from finished embeddings of one input."""
    dtype, negative = pipeline.unet.dtype, embeds.negative_image_embeds
    return _draw(
        pipeline,
        job,
        image_embeds=embeds.image_embeds.to(dtype),
        negative_image_embeds=None if negative is None else negative.to(dtype),
    )


def scene_embeds(pipeline: Any, job: Job, scene: Scene) -> RegionEmbeds:
    """What the scene's pictures are conditioned on; of a schedule, the last step's."""
    (embeds,) = pipeline.encode_regions(
        scene.picture,
        list(scene.regions) or None,
        negative_mask_image=list(scene.negative_regions) or None,
        focus=job.focus,
        fit=job.options.fit,
        strength=job.strength.end,
    )
    return embeds


@torch.no_grad()
def comparison(pipeline: Any, job: Job, scene: Scene, plain: AlphaCLIP) -> dict[str, list[Image.Image]]:
    """The rows that a run is compared with: the same seeds, without the regions and with what one would do otherwise.

    Args:
        pipeline: The host.
        job: The run.
        scene: The picture and its regions.
        plain: The host's own encoder: a plain CLIP, unless the host was saved with an Alpha-CLIP.
    """
    geometry = replace(pipeline.encoder.processor.geometry, fit=job.geometry.fit)

    def look(regions: Sequence[Region] = ()) -> RegionEmbeds:
        settings: Any = {"focus": CropFocus(), "geometry": geometry, "device": pipeline._execution_device}
        return region_embeds(job.host, plain, scene.picture, regions, **settings)

    rows = {"whole picture, no regions": pipeline.encode_regions(scene.picture, fit=job.options.fit)[0]}
    if plain.has_alpha:
        # A host that was saved with an Alpha-CLIP as its encoder has no plain CLIP any more.
        rows["masked crop"] = look(scene.regions)
    else:
        rows |= {"plain CLIP, whole picture": look(), "plain CLIP, masked crop": look(scene.regions)}
    return {label: draw_embeds(pipeline, job, embeds) for label, embeds in rows.items()}


def open_plain(job: Job, pipeline: Any) -> AlphaCLIP:
    """The host's own encoder, as it was before any Alpha-CLIP took its place; beside the pipeline."""
    plain = AlphaCLIP.from_clip(
        resolve(job.options.model),
        subfolder="image_encoder",
        revision=job.options.revision,
        local_files_only=job.options.offline,
        dtype=pipeline.unet.dtype,
    )
    return plain.to(pipeline._execution_device)


def guidance_of(host: Host, given: float | None) -> float:
    """The guidance scale to use."""
    return GUIDANCE[host.enters] if given is None else given


def _draw(pipeline: Any, job: Job, **condition: Any) -> list[Image.Image]:
    return [
        picture
        for start in range(0, len(job.seeds), job.options.batch)
        for picture in _draw_batch(pipeline, job, job.seeds[start : start + job.options.batch], condition)
    ]


def _draw_batch(pipeline: Any, job: Job, seeds: Sequence[int], condition: dict[str, Any]) -> list[Image.Image]:
    check_interrupted()
    # Generators of the CPU, so that a seed means the same picture on every device.
    generators = [seeded(seed) for seed in seeds]
    try:
        result = pipeline(
            **condition,
            num_inference_steps=job.options.steps,
            guidance_scale=guidance_of(job.host, job.options.guidance),
            num_images_per_prompt=len(seeds),
            generator=generators,
        )
    except torch.OutOfMemoryError as error:
        raise InputError(
            f"The device ran out of memory: try a smaller --batch, --dtype float16 or --offload model. ({error})"
        ) from error
    flagged = getattr(result, "nsfw_content_detected", None) or [False] * len(seeds)
    for seed, blackened in zip(seeds, flagged, strict=True):
        if blackened:
            note(f"the model's safety checker blackened the picture of seed {seed}.")
    return result.images
