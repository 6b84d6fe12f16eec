"""From settings to a plan: what a run is to do, worked out and checked once, before any weight is loaded.

A plan holds finished values, so that what comes after asks neither the settings nor the host again.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from functools import partial
from pathlib import Path
from typing import Any

from gencontrol.conditioning.embedding_files import EmbedsFile
from gencontrol.conditioning.strength import StrengthSchedule
from gencontrol.errors import InputError
from gencontrol.focus import FocusStrategy
from gencontrol.models.location import Location
from gencontrol.pipelines.hosts.host import Host
from gencontrol.regions.geometry import Fit, Geometry
from gencontrol.runs.asked import Asked, ask_host, with_default_focus
from gencontrol.runs.drawing import Sampling
from gencontrol.runs.embeddings_of import encoder_of, read_own_embeds, weights_of
from gencontrol.runs.files.inputs import Input, inputs_of, without_results
from gencontrol.runs.files.outputs import Item, check_items, join_swept, plan_items
from gencontrol.runs.files.records import describe, describe_input
from gencontrol.runs.files.repeat import Repeated
from gencontrol.runs.files.skipping import check_skipped
from gencontrol.runs.files.together import together_again
from gencontrol.runs.idle import warn_of_idle
from gencontrol.runs.machine.processes import join_processes
from gencontrol.runs.notation import drawn_seed, is_random, parse_focus, parse_seeds, parse_strength
from gencontrol.runs.pointing import Pointing, read_pointing
from gencontrol.runs.references.settings import check_no_references
from gencontrol.runs.referring.phrase_settings import recorded_values
from gencontrol.runs.samplers import check_steps
from gencontrol.runs.scenes import RecordedScene, check_scenes, list_pictures, name_within, read_scene
from gencontrol.runs.settings import (
    RECORDED,
    Existing,
    Offload,
    RegionSettings,
    VariationSettings,
    check_variation,
)
from gencontrol.runs.sweep import Wanted, naming_value, read_sweep

SHEETS = ("grid", "compare", "preview")
"""Settings that write one more picture for each input."""


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
    label: str = ""
    """What the plan is called among those of a sweep, such as "strength 0.5"."""
    weights: Mapping[str, str] = field(default_factory=dict)
    """Fingerprints of the models and of the curve of levels, by the settings that name them."""
    made_by: tuple[str, str] = ("", "")
    """What the encoder is called and its `weights_mark`, for a file of embeddings."""
    swept: tuple["Plan", ...] = ()
    """The plan at each value of a sweep; an item's part at each is its `swept`. None where nothing is swept."""

    def record(self, item: Item, recorded: RecordedScene | None) -> dict[str, Any] | None:
        """What is recorded in an item's pictures, but for the seed; None if nothing is."""
        if self.recorded is None:
            return None
        return describe(
            settings=dict(self.recorded),
            seed=0,
            image=None if item.image is None else describe_input(item.image),
            embeds=None if self.embeds_in is None else describe_input(self.embeds_in) | {"row": item.row},
            weights=self.weights,
            regions=recorded.pointed if recorded else (),
            negative_regions=recorded.scene.negative_regions if recorded else (),
        )


def plan_variations(settings: VariationSettings, repeated: Repeated | None = None) -> Plan:
    """Check everything that can be checked without weights, the pictures and masks of every input included.

    Of a sweep every value is checked, so that the last one's is not refused after the others are drawn. Warns with a
    `RunWarning` of settings that can do nothing.

    Args:
        settings: What is wanted.
        repeated: The run to repeat, whose settings lie beneath already: its regions, and its input.

    Raises:
        ConfigError: Settings that exclude each other, or that cannot be read.
        InputError: A picture, mask or file that cannot be used.
        PairingError: A model that is no host, or an encoder that does not fit it.
    """
    check_no_references(settings)
    if is_random(settings.seed):
        # Drawn once for all processes of the run, which share its pictures, and for all values of a sweep.
        settings = replace(settings, seed=join_processes(settings.device).agree_on(drawn_seed()))
    asked = ask_host(settings.model, settings.alpha_clip, revision=settings.revision, offline=settings.offline)
    chosen = with_default_focus(settings, asked)
    wanted = _read_settings(chosen, repeated)
    for at in wanted:
        with naming_value(at.swept):
            check_steps(at.settings.scheduler, asked.sampler, at.settings.steps)
    embeds = None if settings.embeds_in is None else read_own_embeds(settings.embeds_in, settings, asked)
    images, rows, names = _inputs(settings, embeds, repeated)
    plans = [replace(_plan(at, asked, embeds), items=_items(at, images, rows, names)) for at in wanted]
    plan = plans[0] if settings.sweep is None else _joined(settings, plans)
    inputs = inputs_of(settings, images)
    inputs += [] if repeated is None else [Input(path=repeated.source, what="the picture to repeat")]
    items = check_items(plan.items, embeds_out=settings.embeds_out, existing=settings.existing, inputs=inputs)
    if settings.existing == "skip":
        check_skipped(plan.items, plan.sampling.seeds, partial(_record_now, plan.swept or (plan,)))
    plan = _with_scenes(replace(plan, items=tuple(items)))
    if repeated is not None:
        plan = _drawn_again(plan, repeated)
        repeated.warn_of_weights(plan.weights)
    warn_of_idle(
        [at.settings for at in wanted],
        shown=bool(plan.pointing.pointers),
        recorded=None if repeated is None else repeated.settings,
        unasked={"focus"} if chosen.focus != settings.focus else (),
    )
    return plan


def _drawn_again(plan: Plan, repeated: Repeated) -> Plan:
    """In the batch in which the picture was drawn, if nothing else is changed."""
    if plan.swept or len(plan.items) != 1:
        return plan
    at = plan.sampling
    together = together_again(repeated, at.seeds, at.batch, lambda: plan.record(plan.items[0], plan.scene))
    return replace(plan, sampling=replace(at, together=together))


def _read_settings(settings: VariationSettings, repeated: Repeated | None) -> list[Wanted]:
    """What the settings say by themselves, at every value of a sweep."""
    negative = repeated.negative_regions if repeated and settings.embeds_in is None else ()
    wanted: list[Wanted] = []
    for swept in read_sweep(settings):
        with naming_value(swept):
            own = swept.settings
            check_variation(own, has_negative=bool(own.negative_mask or negative))
            seeds = parse_seeds(own.seed, own.number)
            focus, strength = parse_focus(own.focus), parse_strength(own.strength, own.schedule)
            if wanted and _points_alike(own, wanted[0].settings):
                pointing = wanted[0].pointing
            else:
                given = own if repeated is None else repeated.without_held(own)
                held: Any = {"recorded": repeated.regions if repeated else (), "recorded_negative": negative}
                pointing = read_pointing(given, negative_mask=own.negative_mask, **held)
                pointing = replace(pointing, weighs=swept.weighs)
        wanted.append(Wanted(swept=swept, seeds=seeds, focus=focus, strength=strength, pointing=pointing))
    return wanted


def _points_alike(settings: RegionSettings, others: RegionSettings) -> bool:
    return all(getattr(settings, field.name) == getattr(others, field.name) for field in fields(RegionSettings))


def _plan(wanted: Wanted, asked: Asked, embeds: EmbedsFile | None) -> Plan:
    """The plan but for its inputs."""
    settings, geometry = wanted.settings, asked.host.geometry
    guidance = asked.host.guidance_scale if settings.guidance is None else settings.guidance
    return Plan(
        name=settings.model,
        model=asked.model,
        encoder=asked.encoder,
        host=asked.host,
        dtype=settings.dtype,
        device=settings.device,
        offload=settings.offload,
        sampler=settings.scheduler,
        sampling=Sampling(seeds=wanted.seeds, steps=settings.steps, guidance_scale=guidance, batch=settings.batch),
        pointing=wanted.pointing,
        geometry=replace(geometry, size=asked.image_size, fit=settings.fit or geometry.fit),
        fit=settings.fit,
        focus=wanted.focus,
        strength=wanted.strength,
        embeds=embeds,
        embeds_in=None if settings.embeds_in is None else Path(settings.embeds_in),
        embeds_out=None if settings.embeds_out is None else Path(settings.embeds_out),
        existing=settings.existing,
        items=(),
        recorded=_recorded(settings, guidance) if settings.metadata else None,
        weights=weights_of(asked, embeds, curve=settings.levels_curve),
        label=wanted.swept.label,
        made_by=("", "") if settings.embeds_out is None else encoder_of(settings, asked),
    )


def _record_now(plans: Sequence[Plan], item: Item, index: int) -> dict[str, Any] | None:
    recorded = None if item.image is None else read_scene(item.image, plans[index].pointing)
    return plans[index].record(item, recorded)


def _items(wanted: Wanted, images: Sequence[Path], rows: Sequence[int], names: Sequence[str]) -> tuple[Item, ...]:
    settings, tag = wanted.settings, wanted.swept.tag
    sheets, suffix = [kind for kind in SHEETS if getattr(settings, kind)], f".{settings.encoding}"
    how: Any = {"images": images, "rows": rows, "sheets": sheets, "suffix": suffix, "tag": tag}
    return tuple(plan_items(names, wanted.seeds, settings.output, **how))


def _joined(settings: VariationSettings, plans: Sequence[Plan]) -> Plan:
    """The plans at a sweep's values as one: the host is opened once, with its own sampler."""
    items = tuple(join_swept(parts, settings.output) for parts in zip(*(plan.items for plan in plans), strict=True))
    return replace(plans[0], sampler=None, items=items, swept=tuple(plans), label="")


def _recorded(settings: VariationSettings, guidance: float) -> dict[str, Any]:
    """What a picture's record says; what the settings leave to the model is the number that is used."""
    return recorded_values(settings, RECORDED) | {"guidance": guidance}


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


def _with_scenes(plan: Plan) -> Plan:
    """The plan with every picture and mask looked at; a single picture is kept, once for all values of a sweep."""
    if not plan.swept:
        return replace(plan, scene=check_scenes(plan.items, plan.pointing, plan.focus, plan.geometry))
    swept: list[Plan] = []
    for index, at in enumerate(plan.swept):
        items = [item.swept[index] for item in plan.items]
        shares = not swept or at.pointing is swept[0].pointing
        known = swept[0].scene if swept and shares else None
        scene = check_scenes(items, at.pointing, at.focus, at.geometry, known=known)
        swept.append(replace(at, scene=scene if shares else None))
    return replace(plan, swept=tuple(swept))
