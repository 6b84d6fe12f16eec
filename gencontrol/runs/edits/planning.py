"""From settings to a plan of an edit: all that can be checked before any weight is loaded."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from gencontrol.conditioning.embed import alpha_maps, check_visible
from gencontrol.conditioning.strength import StrengthSchedule
from gencontrol.errors import ConfigError, InputError
from gencontrol.focus.strategy import FocusStrategy
from gencontrol.images.picture import Picture
from gencontrol.images.reading import is_deep, read_image
from gencontrol.models.fingerprint import fingerprint
from gencontrol.pipelines.editing.painting import check_ground
from gencontrol.pipelines.hosts.reference_host import ReferenceHost
from gencontrol.pipelines.references.reference import RegionReference
from gencontrol.pipelines.stock.fitting import FittedHost
from gencontrol.pipelines.stock.wanted import Drawing, scale_of
from gencontrol.regions.region import Region, union_of
from gencontrol.runs.asked import Asked, ask_host
from gencontrol.runs.edits.hosts import ask_painter, check_painter, drawing_of, find_painter
from gencontrol.runs.edits.records import RepeatedEdit, describe_painted
from gencontrol.runs.edits.settings import OF_MODELS, RECORDED, EditingSettings, check_edit, shown_by, shows
from gencontrol.runs.files.inputs import Input, inputs_of, without_results
from gencontrol.runs.files.outputs import Item, check_items, plan_items
from gencontrol.runs.files.skipping import check_skipped
from gencontrol.runs.idle import given, warn_of_idle
from gencontrol.runs.notation import check_weights, drawn_seed, is_random, parse_focus, parse_seeds, parse_strength
from gencontrol.runs.notices import naming, warn
from gencontrol.runs.pointing import Pointing, read_pointing
from gencontrol.runs.references.asked import fingerprints
from gencontrol.runs.references.bound import Terms, as_reference, in_settings
from gencontrol.runs.referring.phrase_settings import recorded_values
from gencontrol.runs.scenes import RecordedScene, list_pictures, name_within, read_scene
from gencontrol.runs.settings import RegionSettings


@dataclass(frozen=True, kw_only=True)
class EditPlan:
    """What a run is to do, worked out and checked before any weight is loaded."""

    settings: EditingSettings
    """As given, with the guidance that is used."""
    seeds: tuple[int, ...]
    """One result each."""
    holes: Pointing
    """Where the hole is in each photograph."""
    like: Pointing
    """Where to look in the picture that shows what to paint."""
    shown: bool
    """Whether there is one."""
    focus: FocusStrategy | None
    """How the encoder is made to look."""
    strength: StrengthSchedule
    """How much the part counts, for a host of image variation."""
    asked: Asked | None
    """The host of image variation, if it is one; None for a removal without a model."""
    fitted: FittedHost | None
    """The host that is made for holes, if it is one."""
    drawing: Drawing | None
    """What is to be painted beside what is shown, for such a host."""
    items: tuple[Item, ...]
    """The photographs and where their results go."""

    def record(self, image: Path, shown: "Shown") -> dict[str, Any] | None:
        """What is recorded in a photograph's results, but for the seed; None if nothing is."""
        if not self.settings.metadata:
            return None
        settings = recorded_values(self.settings, RECORDED)
        like = self.settings.like
        inputs = {"image": image} | ({} if like is None else {"like": Path(like)})
        parts = () if shown.like is None else shown.like.pointed
        return describe_painted(settings, inputs, hole=shown.pointed, parts=parts, weights=self.fingerprints)

    @property
    def fingerprints(self) -> dict[str, str]:
        """Of the models, by the settings that name them."""
        if self.fitted is not None:
            return fingerprints(self.fitted)
        models = {} if self.asked is None else {"model": self.asked.model, "alpha_clip": self.asked.encoder}
        return {name: fingerprint(place) for name, place in models.items() if place is not None}


@dataclass(frozen=True, kw_only=True)
class Shown:
    """A photograph of a run as it was read."""

    photo: Picture
    """It."""
    hole: Region
    """Where to paint."""
    pointed: tuple[Region, ...]
    """What showed the hole, as a record holds it."""
    like: RecordedScene | None
    """What shows what to paint, if anything does."""


def plan_edits(settings: EditingSettings, repeated: RepeatedEdit | None = None) -> EditPlan:
    """Check everything that can be checked without weights, every picture and mask included.

    Warns with a `RunWarning` of what has to be fetched and under which terms, before anything is.

    Args:
        settings: What is wanted.
        repeated: The run to repeat, whose settings lie beneath already: its photograph, its hole and what was shown.

    Raises:
        ConfigError: Settings that exclude each other, or that cannot be read.
        InputError: A picture, mask or file that cannot be used.
        CheckpointError: Parts of a host that are not there, or of another layout.
        PairingError: A model that is no host, or an encoder that does not fit it.
    """
    host = find_painter(settings.model)
    settings, parts = _repeated(settings, repeated)
    shown = shows(settings) or bool(parts)
    check_edit(settings, made_for_holes=host is not None, shown=shown)
    seeds = _seeds(settings, is_drawn=host is not None or not settings.remove)
    if repeated is None:
        holes, like = read_pointing(settings), shown_by(settings)
    else:
        holes, like = read_pointing(repeated.hole_of(settings), recorded=repeated.hole), repeated.part_of(settings)
    if not (holes.pointers or holes.recorded):
        raise ConfigError("Show the hole that is painted: `mask`, `box`, `point`, `phrase` or `alpha_from_image`.")
    focus, strength = parse_focus(settings.focus), _strength(settings, host)
    items, inputs = _items(settings, seeds, repeated)
    left = check_items(items, embeds_out=None, existing=settings.existing, inputs=inputs)
    with in_settings():
        fitted, drawing, asked = _ask(host, settings, shown=shown)
    wanted, settings = settings, replace(settings, guidance=_guidance(settings, fitted, drawing, asked))
    plan = EditPlan(
        settings=settings,
        seeds=seeds,
        holes=holes,
        like=read_pointing(like, recorded=parts, prefix="like_"),
        shown=shown,
        focus=focus,
        strength=strength,
        asked=asked,
        fitted=fitted,
        drawing=drawing,
        items=tuple(left),
    )
    if settings.existing == "skip":
        check_skipped(items, seeds, lambda item, _: plan.record(*_read(plan, item)))
    for item in plan.items:
        assert item.image is not None
        with naming(item.image, among=len(plan.items)):
            _check(plan, read_shown(plan, item.image))
            _warn_of_depth(item.image)
    holes.let_go()
    plan.like.let_go()
    warn_of_idle([settings], shown=True, recorded=None if repeated is None else repeated.settings)
    if settings.remove and host is None:
        _warn_of_no_model(wanted, {} if repeated is None else repeated.settings)
    return plan


def _warn_of_no_model(settings: EditingSettings, recorded: Mapping[str, Any]) -> None:
    """Say what a removal without a model does not use."""
    if settings.model != EditingSettings.model:
        warn(
            f"`remove` fills the hole without a model: {settings.model} is not used, since it is none that is made for "
            "holes (`gencontrol models --holes`)."
        )
    idle = [name for name in given(settings, OF_MODELS) if getattr(settings, name) != recorded.get(name)]
    if idle:
        named = ", ".join(f"`{name}`" for name in idle)
        warn(f"`remove` fills the hole without a model, so {named} can do nothing.")


def read_shown(plan: EditPlan, path: Path) -> Shown:
    """A photograph, its hole, and what shows what to paint.

    Raises:
        ConfigError: Regions that cannot be read.
        InputError: A picture or mask that cannot be used.
    """
    photo, recorded = read_image(path), read_scene(path, plan.holes)
    hole = Region(alpha=union_of(recorded.scene.regions), label="hole")
    like = None
    if plan.shown:
        like = read_scene(path if plan.settings.like is None else Path(plan.settings.like), plan.like)
    return Shown(photo=photo, hole=hole, pointed=recorded.pointed, like=like)


def reference_of(plan: EditPlan, shown: Shown) -> RegionReference | None:
    """What shows what to paint, as hosts are given it."""
    if shown.like is None:
        return None
    settings = plan.settings
    terms = Terms(focus=settings.focus, strength=settings.strength, weight=settings.weight, schedule=settings.schedule)
    return as_reference(shown.like.scene, terms)


def _repeated(settings: EditingSettings, repeated: RepeatedEdit | None) -> tuple[EditingSettings, tuple[Region, ...]]:
    """The settings with the recorded pictures where none are given, and the recorded parts where they hold."""
    if repeated is None:
        return settings, ()
    # A recorded phrase is beneath: whether it holds is seen where it is read.
    parts = () if shows(replace(settings, like_phrase=())) else repeated.parts
    if not settings.images:
        settings = replace(settings, images=(str(repeated.find_image()),))
    found = None if settings.like is not None else repeated.find_like()
    if found is not None:
        settings = replace(settings, like=str(found))
    return settings, parts


def _ask(
    host: ReferenceHost | None, settings: EditingSettings, *, shown: bool
) -> tuple[FittedHost | None, Drawing | None, Asked | None]:
    """The host of either kind; nothing is asked where no model is needed."""
    if host is not None:
        drawing = drawing_of(host, settings)
        # Last, since what is not there is asked for by the gigabyte.
        return ask_painter(host, settings, shown=shown), drawing, None
    if settings.remove:
        return None, None, None
    asked = ask_host(settings.model, settings.alpha_clip, revision=settings.revision, offline=settings.offline)
    return None, None, asked


def _strength(settings: EditingSettings, host: ReferenceHost | None) -> StrengthSchedule:
    """Over the steps, for a host of image variation; of one that is made for holes, `schedule` is the weight's."""
    if host is None and settings.schedule is not None:
        return parse_strength(1.0, settings.schedule)
    check_weights(settings.schedule)
    return parse_strength(settings.strength)


def _guidance(
    settings: EditingSettings, fitted: FittedHost | None, drawing: Drawing | None, asked: Asked | None
) -> float | None:
    """The scale that is used; None where there is nothing to guide."""
    if fitted is not None and drawing is not None:
        return scale_of(fitted.host, drawing)
    if asked is None:
        return None
    return asked.host.guidance_scale if settings.guidance is None else settings.guidance


def _seeds(settings: EditingSettings, *, is_drawn: bool) -> tuple[int, ...]:
    seed = drawn_seed() if is_random(settings.seed) else settings.seed
    number = 1 if settings.number is None and str(seed).strip().isdecimal() else settings.number
    seeds = parse_seeds(seed, number)
    if is_drawn:
        return seeds
    if len(seeds) > 1:
        warn(f"a removal without a model has one answer, whatever the seed: one picture is made, not {len(seeds)}.")
    return (0,)


def _read(plan: EditPlan, item: Item) -> tuple[Path, Shown]:
    assert item.image is not None
    return item.image, read_shown(plan, item.image)


def _items(
    settings: EditingSettings, seeds: Sequence[int], repeated: RepeatedEdit | None
) -> tuple[Sequence[Item], list[Input]]:
    """Photographs and where their results go, and all that is read."""
    paths = list_pictures(settings.images, recursive=settings.recursive)
    paths = without_results(paths, settings.images, settings.output, marked=settings.metadata)
    names = [name_within(path, settings.images) for path in paths]
    sheets, suffix = ["grid"] if settings.grid else [], f".{settings.encoding}"
    rows = range(len(paths))
    items = plan_items(names, seeds, settings.output, images=paths, rows=rows, sheets=sheets, suffix=suffix)
    named: Mapping[str, Path | None] = {
        "the picture that shows what to paint": None if settings.like is None else Path(settings.like),
        "the picture to repeat": None if repeated is None else repeated.source,
    }
    shown = [Input(path=path, what=what) for what, path in named.items() if path is not None]
    masks = inputs_of(RegionSettings(mask=settings.like_mask))
    return items, [*inputs_of(settings, paths, use="to edit"), *shown, *masks]


def _warn_of_depth(photo: Path) -> None:
    """Say what a result cannot keep of a photograph, though it leaves all outside of the hole as it is."""
    if is_deep(photo):
        warn(f"{photo} has more than 8 bits a channel, and its result has 8: the finer steps are lost, all over it.")


def _check(plan: EditPlan, shown: Shown) -> None:
    """Refuse what a host that is made for holes would not see, or leave out, and a hole that nothing is around."""
    if plan.settings.remove and plan.fitted is None:
        check_ground(shown.hole)
    if plan.fitted is None or plan.drawing is None:
        return
    reference = reference_of(plan, shown)
    with in_settings():
        check_painter(plan.fitted, reference, plan.drawing)
    if shown.like is None or not shown.like.scene.regions:
        return
    regions = shown.like.scene.regions
    if plan.fitted.host.takes != "picture":
        check_visible(alpha_maps(regions)[0], plan.focus, plan.fitted.host.geometry)
    elif not any(region.alpha.any() for region in regions):
        raise InputError("The regions are empty: nothing would be taken of the picture that shows what to paint.")
