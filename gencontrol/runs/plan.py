"""From settings to a plan: what a run is to do, worked out and checked once, before any weight is loaded.

A plan holds finished values, so that what comes after asks neither the settings nor the host again.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from gencontrol.alpha_clip.architectures import square
from gencontrol.conditioning.embed import alpha_maps, check_visible
from gencontrol.conditioning.embedding_files import EmbedsFile, read_embeds
from gencontrol.conditioning.strength import StrengthSchedule
from gencontrol.errors import ConfigError, InputError
from gencontrol.focus import FocusStrategy
from gencontrol.models.location import Location
from gencontrol.pipelines.encoders import locate
from gencontrol.pipelines.hosts.host import Host
from gencontrol.pipelines.pairing import pair
from gencontrol.pipelines.shapes import own_encoder
from gencontrol.regions.geometry import Fit, Geometry
from gencontrol.runs.drawing import Sampling
from gencontrol.runs.files.inputs import Input, inputs_of, without_results
from gencontrol.runs.files.outputs import Item, check_items, plan_items
from gencontrol.runs.files.repeat import Repeated
from gencontrol.runs.machine.processes import join_processes
from gencontrol.runs.notation import drawn_seed, is_random, parse_focus, parse_seeds, parse_strength
from gencontrol.runs.notices import naming, warn
from gencontrol.runs.pointing import Pointing, read_pointing
from gencontrol.runs.samplers import check_steps
from gencontrol.runs.scenes import RecordedScene, list_pictures, name_within, read_scene
from gencontrol.runs.settings import RECORDED, Existing, Offload, VariationSettings, check_variation, idle_settings

SHEETS = ("grid", "compare", "preview")
"""Settings that write one more picture for each input."""


@dataclass(frozen=True, kw_only=True)
class Asked:
    """What a host says of itself before it is opened."""

    model: Location
    """Where it is."""
    encoder: Location | None
    """What takes the place of its encoder; None keeps its own."""
    host: Host
    """Its record."""
    image_size: int
    """Side of what its encoder sees, in pixels."""
    embed_dim: int
    """Width of its encoder's embeddings."""
    sampler: Mapping[str, Any]
    """Settings of its own sampler."""


@dataclass(frozen=True, kw_only=True)
class Plan:
    """A run that can start."""

    name: str
    """What the model is called in the settings."""
    model: Location
    """Where the host is."""
    encoder: Location | None
    """What takes the place of its encoder; None keeps its own."""
    host: Host
    """Its record."""
    dtype: str
    """Number format of the weights, or `auto`."""
    device: str
    """Where to compute, or `auto`."""
    offload: Offload
    """What stays in main memory until it is used."""
    sampler: str | None
    """By its short name; None is the model's own."""
    sampling: Sampling
    """Seeds, steps, guidance and batch."""
    pointing: Pointing
    """Where to look in each picture."""
    geometry: Geometry
    """How pictures reach the encoder."""
    fit: Fit | None
    """How pictures become square; None leaves it to the pipeline."""
    focus: FocusStrategy | None
    """How the encoder is made to look; None leaves it to the encoder."""
    strength: StrengthSchedule
    """How much the regions count, over the steps."""
    embeds: EmbedsFile | None
    """What to start from in the place of pictures."""
    embeds_in: Path | None
    """The file that holds it."""
    embeds_out: Path | None
    """Where to write the embeddings."""
    existing: Existing
    """What to do about files that are there already."""
    items: tuple[Item, ...]
    """The inputs."""
    recorded: Mapping[str, Any] | None
    """Settings as a picture's record holds them; None writes no records."""
    scene: RecordedScene | None = None
    """The only picture, as it was read to be checked: large photographs take their time. None if there are several."""


def plan_variations(settings: VariationSettings, repeated: Repeated | None = None) -> Plan:
    """Check everything that can be checked without weights, the pictures and masks of every input included.

    Warns with a `RunWarning` of settings that can do nothing.

    Args:
        settings: What is wanted.
        repeated: The run to repeat, whose settings lie beneath already: its regions, and its input.

    Raises:
        ConfigError: Settings that exclude each other, or that cannot be read.
        InputError: A picture, mask or file that cannot be used.
        PairingError: A model that is no host, or an encoder that does not fit it.
    """
    negative = repeated.negative_regions if repeated and settings.embeds_in is None else ()
    check_variation(settings, has_negative=bool(settings.negative_mask or negative))
    # Drawn once for all processes of the run, which share its pictures.
    seed = join_processes(settings.device).agree_on(drawn_seed()) if is_random(settings.seed) else settings.seed
    seeds = parse_seeds(seed, settings.number)
    focus, strength = parse_focus(settings.focus), parse_strength(settings.strength, settings.schedule)
    pointing = read_pointing(
        settings,
        negative_mask=settings.negative_mask,
        recorded=repeated.regions if repeated else (),
        recorded_negative=negative,
    )
    asked = _ask(settings.model, settings.alpha_clip, revision=settings.revision, offline=settings.offline)
    check_steps(settings.scheduler, asked.sampler, settings.steps)
    guidance = asked.host.guidance_scale if settings.guidance is None else settings.guidance
    embeds = None if settings.embeds_in is None else read_embeds(Path(settings.embeds_in), width=asked.embed_dim)
    images, rows, names = _inputs(settings, embeds, repeated)
    sheets = [kind for kind in SHEETS if getattr(settings, kind)]
    suffix = f".{settings.encoding}"
    items = plan_items(names, seeds, settings.output, images=images, rows=rows, sheets=sheets, suffix=suffix)
    inputs = inputs_of(settings, images) + _input_of(repeated)
    items = check_items(items, embeds_out=settings.embeds_out, existing=settings.existing, inputs=inputs)
    geometry = asked.host.geometry
    plan = Plan(
        name=settings.model,
        model=asked.model,
        encoder=asked.encoder,
        host=asked.host,
        dtype=settings.dtype,
        device=settings.device,
        offload=settings.offload,
        sampler=settings.scheduler,
        sampling=Sampling(seeds=seeds, steps=settings.steps, guidance_scale=guidance, batch=settings.batch),
        pointing=pointing,
        geometry=replace(geometry, size=asked.image_size, fit=settings.fit or geometry.fit),
        fit=settings.fit,
        focus=focus,
        strength=strength,
        embeds=embeds,
        embeds_in=None if settings.embeds_in is None else Path(settings.embeds_in),
        embeds_out=None if settings.embeds_out is None else Path(settings.embeds_out),
        existing=settings.existing,
        items=tuple(items),
        recorded=_recorded(settings, guidance) if settings.metadata else None,
    )
    plan = replace(plan, scene=check_scenes(plan.items, pointing, focus, plan.geometry))
    idle = [] if pointing.pointers or repeated is not None else idle_settings(settings)
    if idle:
        warn(f"no region is shown, so {', '.join(f'`{name}`' for name in idle)} can do nothing.")
    return plan


def _ask(model: str, alpha_clip: str | None, *, revision: str | None, offline: bool) -> Asked:
    """Look a host and its encoder up, and compare them by their configuration files."""
    how = {"revision": revision, "local_files_only": offline}
    place, encoder = locate(model, alpha_clip or "auto", how)
    assert encoder is None or isinstance(encoder, Location)
    fitting = pair(place, encoder)
    vision = own_encoder(fitting.family, place)
    return Asked(
        model=place,
        encoder=encoder,
        host=fitting.host,
        image_size=square(vision)[0],
        embed_dim=vision.projection_dim,
        sampler=fitting.settings.get("scheduler", {}),
    )


def _recorded(settings: VariationSettings, guidance: float) -> dict[str, Any]:
    """What a picture's record says; what the settings leave to the model is the number that is used."""
    return {name: getattr(settings, name) for name in sorted(RECORDED)} | {"guidance": guidance}


def _input_of(repeated: Repeated | None) -> list[Input]:
    return [] if repeated is None else [Input(path=repeated.source, what="the picture to repeat")]


def _inputs(
    settings: VariationSettings, embeds: EmbedsFile | None, repeated: Repeated | None
) -> tuple[list[Path], Sequence[int], list[str]]:
    """The pictures, or none where rows of embeddings are the inputs; the inputs' numbers; and their names."""
    if embeds is None:
        images = settings.images
        recorded = None if repeated is None else repeated.find_image(images)
        if recorded is not None:
            return [recorded], range(1), [recorded.stem]
        paths = without_results(
            list_pictures(images, recursive=settings.recursive), images, settings.output, marked=settings.metadata
        )
        return paths, range(len(paths)), [name_within(path, images) for path in paths]
    # The picture to repeat was made from one row of the file.
    given = None if repeated is None else repeated.embeds
    rows = range(len(embeds.names)) if given is None else [given["row"]]
    if max(rows) >= len(embeds.names):
        raise InputError(f"{settings.embeds_in} has {len(embeds.names)} rows, and none of the number {max(rows)}.")
    return [], rows, [embeds.names[row] for row in rows]


def check_scenes(
    items: Sequence[Item], pointing: Pointing, focus: FocusStrategy | None, geometry: Geometry
) -> RecordedScene | None:
    """Read every picture and mask once, so that a bad one is found before weights are loaded and time is spent.

    Returns:
        The scene if there is but one.

    Raises:
        ConfigError: Nothing to compare, or regions that cannot be inverted.
        InputError: A picture or mask that cannot be used, or a region that the encoder would not see.
    """
    recorded = None
    for item in items:
        if item.image is None:
            continue
        with naming(item.image, among=len(items)):
            recorded = read_scene(item.image, pointing)
            scene = recorded.scene
            if "compare" in item.sheets and not scene.regions:
                raise ConfigError("`compare`: show a region to compare (`mask`, `box`, `point`, `alpha_from_image`).")
            for regions in filter(None, (scene.regions, scene.negative_regions)):
                check_visible(alpha_maps(regions)[0], focus, geometry)
    return recorded if len(items) == 1 else None
