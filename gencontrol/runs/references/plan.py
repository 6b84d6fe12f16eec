"""From settings to a plan of a run with references: all that can be checked before any weight is loaded."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from gencontrol.conditioning.embed import alpha_maps, check_visible
from gencontrol.conditioning.sampling import check_guidance, check_sampling
from gencontrol.errors import ConfigError, InputError
from gencontrol.numbers import check_number, number_text
from gencontrol.pipelines.hosts.reference_host import ReferenceHost
from gencontrol.pipelines.hosts.reference_registry import find_reference_host
from gencontrol.pipelines.references.reference import MAX_WEIGHT, RegionReference
from gencontrol.pipelines.stock.fitting import FittedHost
from gencontrol.pipelines.stock.wanted import Drawing, check_call, check_drawing, check_text_towers, scale_of
from gencontrol.runs.files.inputs import Input, inputs_of, without_results
from gencontrol.runs.files.outputs import Item, check_items, plan_items
from gencontrol.runs.files.records import describe, describe_input, is_result, read_record
from gencontrol.runs.files.repeat import Repeated, warn_of_dropped
from gencontrol.runs.files.skipping import check_skipped
from gencontrol.runs.files.together import batches_of, together_again
from gencontrol.runs.machine.processes import join_processes
from gencontrol.runs.notation import drawn_seed, is_random, parse_focus, parse_seeds
from gencontrol.runs.notices import naming
from gencontrol.runs.pointing import Pointing, read_pointing
from gencontrol.runs.references.asked import ask_reference_host, fingerprints
from gencontrol.runs.references.bound import (
    BoundReference,
    Terms,
    as_reference,
    in_keys,
    in_settings,
    inputs_named,
    read_canvas,
    read_reference,
)
from gencontrol.runs.references.notation import ReferenceText, parse_reference
from gencontrol.runs.references.records import describe_references, read_recorded
from gencontrol.runs.references.settings import REFERENCE_RECORDED, check_reference_run
from gencontrol.runs.referring.phrase_settings import recorded_values
from gencontrol.runs.samplers import check_sampler
from gencontrol.runs.scenes import RecordedScene, list_pictures, name_within, read_scene
from gencontrol.runs.settings import RECORDED, Existing, Offload, VariationSettings

SHEETS = ("grid", "compare", "preview")
"""Settings that write one more picture for each input."""


@dataclass(frozen=True, kw_only=True)
class ReferencePlan:
    """A run with references that can start."""

    name: str
    """What the model is called in the settings."""
    fitted: FittedHost
    """The host, whose parts fit."""
    dtype: str
    """Number format of the weights, or `auto`."""
    device: str
    """Where to compute, or `auto`."""
    offload: Offload
    """What stays in main memory until it is used."""
    slicing: bool
    """Whether pictures are decoded one by one."""
    sampler: str | None
    """By its short name; None is the model's own."""
    seeds: tuple[int, ...]
    """One picture each."""
    drawing: Drawing
    """Texts, steps, guidance, size and batch."""
    pointing: Pointing
    """Where to look in each first picture."""
    terms: Terms
    """How first pictures act."""
    further: tuple[BoundReference, ...]
    """The other references, the same for each input."""
    existing: Existing
    """What to do about files that are there already."""
    items: tuple[Item, ...]
    """The inputs."""
    recorded: Mapping[str, Any] | None
    """Settings as a picture's record holds them; None writes no records."""
    together: tuple[int, ...] = ()
    """The batch in which the only seed is drawn, so that it is rounded as it was; () is by itself."""
    scene: RecordedScene | None = None
    """The only picture, as it was read to be checked. None if there are several."""

    @property
    def host(self) -> ReferenceHost:
        """The record."""
        return self.fitted.host

    @property
    def batches(self) -> list[tuple[int, ...]]:
        """The seeds that are drawn at once."""
        return batches_of(self.seeds, self.drawing.batch, self.together)

    def record(self, recorded: RecordedScene) -> dict[str, Any] | None:
        """What is recorded in the pictures of an input, but for the seed; None if nothing is."""
        if self.recorded is None:
            return None
        made = describe(
            settings=dict(self.recorded),
            seed=0,
            image=describe_input(recorded.path),
            weights=fingerprints(self.fitted),
            regions=recorded.pointed,
            negative_regions=recorded.scene.negative_regions,
        )
        return made | describe_references(self.terms.canvas, self.further)

    def references(self, scene: RecordedScene) -> list[RegionReference]:
        """What the pictures of an input are drawn from."""
        return [as_reference(scene.scene, self.terms), *(bound.reference for bound in self.further)]


def plan_references(settings: VariationSettings, repeated: Repeated | None = None) -> ReferencePlan:
    """Check everything that can be checked without weights, the pictures and masks of every input included.

    Warns with a `RunWarning` of what has to be fetched and under which terms, before anything is.

    Args:
        settings: What is wanted.
        repeated: The run to repeat, whose settings lie beneath already: its regions, references and input.

    Raises:
        ConfigError: Settings that exclude each other, or that cannot be read.
        InputError: A picture, mask or text that cannot be used, or that the model would leave out.
        CheckpointError: Parts that are not there, or of another layout.
        PairingError: Parts that do not fit together.
    """
    host = find_reference_host(settings.model)
    _check_settings(settings)
    seed = join_processes(settings.device).agree_on(drawn_seed()) if is_random(settings.seed) else settings.seed
    seeds, texts = parse_seeds(seed, settings.number), [parse_reference(text) for text in settings.reference]
    pointing = read_pointing(
        settings if repeated is None else repeated.without_held(settings),
        negative_mask=settings.negative_mask,
        recorded=repeated.regions if repeated else (),
        recorded_negative=repeated.negative_regions if repeated else (),
    )
    warn_of_dropped(settings, repeated)
    with in_settings():
        terms, further = _read_references(settings, texts, repeated)
    images, names = _pictures(settings, repeated)
    suffix, sheets = f".{settings.encoding}", [kind for kind in SHEETS if getattr(settings, kind)]
    rows = range(len(images))
    items = plan_items(names, seeds, settings.output, images=images, rows=rows, sheets=sheets, suffix=suffix)
    inputs = [*inputs_of(settings, images), *inputs_named(texts), *_inputs_repeated(repeated, further)]
    left = check_items(items, embeds_out=None, existing=settings.existing, inputs=inputs)
    with in_settings():
        # Last, since what is not there is asked for by the gigabyte.
        fitted = ask_reference_host(host, settings)
    plan = ReferencePlan(
        name=settings.model,
        fitted=fitted,
        dtype=settings.dtype,
        device=settings.device,
        offload=settings.offload,
        slicing=settings.slicing,
        sampler=settings.scheduler,
        seeds=seeds,
        drawing=_drawing(settings),
        pointing=pointing,
        terms=terms,
        further=tuple(further),
        existing=settings.existing,
        items=tuple(left),
        recorded=_recorded(settings, host) if settings.metadata else None,
    )
    if settings.existing == "skip":
        check_skipped(items, seeds, lambda item, _: plan.record(read_scene(Path(item.image or ""), pointing)))
    scene = _check_pictures(plan)
    together = together_again(repeated, seeds, settings.batch, lambda: scene and plan.record(scene))
    return replace(plan, scene=scene, together=together)


def _check_settings(settings: VariationSettings) -> None:
    check_reference_run(settings)
    parse_focus(settings.focus)
    if settings.batch < 1:
        raise ConfigError(f"`batch`: expected at least 1, got {settings.batch}.")
    if settings.scheduler is not None:
        check_sampler(settings.scheduler)
    if not 0 <= settings.weight <= MAX_WEIGHT:
        got = number_text(settings.weight)
        raise InputError(f"`weight`: expected a number from 0 to {MAX_WEIGHT:g}, got {got}.")
    for name in ("guidance", "true_guidance"):
        if getattr(settings, name) is not None:
            check_guidance(getattr(settings, name), name=f"`{name}`", error=ConfigError)
    for name in ("height", "width"):
        # To stock calls 0 is their own size.
        if getattr(settings, name) is not None:
            check_number(getattr(settings, name), name=f"`{name}`", at_least=8, unit="pixels")
    with in_settings():
        check_sampling(steps=settings.steps, pictures=settings.batch, size=(settings.height, settings.width))


def _read_references(
    settings: VariationSettings, texts: Sequence[ReferenceText], repeated: Repeated | None
) -> tuple[Terms, list[BoundReference]]:
    """How first pictures act, and the other references: those that are shown now, or else the recorded ones."""
    canvas, further = read_canvas(settings.canvas_mask), [read_reference(text) for text in texts]
    if repeated is not None and is_result(repeated.source):
        recorded = read_record(repeated.source)
        # Recorded pictures are not looked for where others are shown.
        kept, others = read_recorded(
            recorded if not further else {**recorded, "references": ()}, source=repeated.source
        )
        canvas, further = canvas or kept, further or others
    terms = Terms(
        focus=settings.focus,
        strength=settings.strength,
        weight=settings.weight,
        schedule=settings.schedule,
        canvas=canvas,
    )
    return terms, further


def _drawing(settings: VariationSettings) -> Drawing:
    return Drawing(
        prompt=settings.prompt,
        negative_prompt=settings.negative_prompt,
        text_share=settings.text_share,
        steps=settings.steps,
        guidance=settings.guidance,
        true_guidance=settings.true_guidance,
        height=settings.height,
        width=settings.width,
        batch=settings.batch,
    )


def _recorded(settings: VariationSettings, host: ReferenceHost) -> dict[str, Any]:
    """What a picture's record says; what the settings leave to the model is the number that is used."""
    known = recorded_values(settings, RECORDED | REFERENCE_RECORDED)
    return known | {"guidance": scale_of(host, _drawing(settings))}


def _pictures(settings: VariationSettings, repeated: Repeated | None) -> tuple[list[Path], list[str]]:
    """The first pictures, and what their results are called."""
    images = settings.images
    recorded = None if repeated is None else repeated.find_image(images)
    if recorded is not None:
        return [recorded], [recorded.stem]
    found = list_pictures(images, recursive=settings.recursive)
    paths = without_results(found, images, settings.output, marked=settings.metadata)
    return paths, [name_within(path, images) for path in paths]


def _inputs_repeated(repeated: Repeated | None, further: Sequence[BoundReference]) -> list[Input]:
    named = [Input(path=bound.recorded.path, what="a reference") for bound in further]
    return named if repeated is None else [*named, Input(path=repeated.source, what="the picture to repeat")]


def _check_pictures(plan: ReferencePlan) -> RecordedScene | None:
    """Read every picture and mask once, and refuse what the host would not see, or leave out.

    Returns:
        The scene if there is but one.
    """
    recorded = None
    with in_settings():
        check_text_towers(plan.fitted, plan.drawing)
        check_call(plan.host, plan.drawing, default=plan.fitted.size)
    for bound in plan.further:
        with in_keys(bound.recorded.path):
            _check_visible(plan, bound.recorded, bound.terms)
            check_drawing(plan.host, [bound.reference], plan.drawing, default=plan.fitted.size)
    for item in plan.items:
        assert item.image is not None
        with naming(item.image, among=len(plan.items)):
            recorded = plan.scene or read_scene(item.image, plan.pointing)
            if "compare" in item.sheets and not recorded.scene.regions:
                raise ConfigError("`compare`: show a region to compare (`mask`, `box`, `point`, `alpha_from_image`).")
            _check_visible(plan, recorded, plan.terms)
            with in_settings():
                check_drawing(plan.host, plan.references(recorded), plan.drawing, default=plan.fitted.size)
    return recorded if len(plan.items) == 1 else None


def _check_visible(plan: ReferencePlan, recorded: RecordedScene, terms: Terms) -> None:
    scene = recorded.scene
    for regions in filter(None, (scene.regions, scene.negative_regions)):
        if plan.host.takes != "picture":
            check_visible(alpha_maps(regions)[0], parse_focus(terms.focus), plan.host.geometry)
        elif not any(region.alpha.any() for region in regions):
            raise InputError("The regions are empty: nothing would be taken of this picture.")
