"""From settings to edited photographs: all is checked, then the host is opened, and results are written whole."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from PIL import Image

from gencontrol.conditioning.strength import StrengthSchedule
from gencontrol.errors import ConfigError
from gencontrol.files import sha256
from gencontrol.focus.strategy import FocusStrategy
from gencontrol.images.picture import Picture
from gencontrol.images.reading import open_image, read_image
from gencontrol.images.sheets import contact_sheet
from gencontrol.images.writing import to_pil
from gencontrol.pipelines.editing.painting import edit, remove
from gencontrol.regions.region import Region, union_of
from gencontrol.regions.scene import Scene
from gencontrol.runs.asked import Asked, ask_host
from gencontrol.runs.drawing import advised_on_memory
from gencontrol.runs.edits.settings import EditingSettings, check_edit
from gencontrol.runs.files.inputs import Input, inputs_of, without_results
from gencontrol.runs.files.outputs import Item, check_items, plan_items, write_picture
from gencontrol.runs.files.records import describe_edit, describe_sheet
from gencontrol.runs.files.spooled import stream_or_path
from gencontrol.runs.machine.interrupts import check_interrupted
from gencontrol.runs.notation import drawn_seed, is_random, parse_focus, parse_seeds, parse_strength
from gencontrol.runs.notices import naming, warn
from gencontrol.runs.opening import open_host
from gencontrol.runs.pointing import Pointing, read_pointing
from gencontrol.runs.scenes import list_pictures, name_within, read_scene
from gencontrol.runs.settings import RegionSettings

# What says how pictures are made, and so stands in a result's record.
_RECORDED = (
    "model revision alpha_clip focus fit dtype strength steps guidance margin seam remove invert feather".split()
)


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
    focus: FocusStrategy | None
    """How the encoder is made to look."""
    strength: StrengthSchedule
    """How much the part counts."""
    asked: Asked | None
    """The host; None for a removal."""
    items: tuple[Item, ...]
    """The photographs and where their results go."""


def plan_edits(settings: EditingSettings) -> EditPlan:
    """Check everything that can be checked without weights, every picture and mask included.

    Raises:
        ConfigError: Settings that exclude each other, or that cannot be read.
        InputError: A picture, mask or file that cannot be used.
        PairingError: A model that is no host, or an encoder that does not fit it.
    """
    check_edit(settings)
    seeds = _seeds(settings)
    holes = read_pointing(settings)
    if not holes.pointers:
        raise ConfigError("Show the hole that is painted: `mask`, `index_mask`, `box`, `point` or `alpha_from_image`.")
    like = RegionSettings(mask=settings.like_mask, box=settings.like_box, point=settings.like_point)
    focus, strength = parse_focus(settings.focus), parse_strength(settings.strength)
    asked = None
    if not settings.remove:
        asked = ask_host(settings.model, settings.alpha_clip, revision=settings.revision, offline=settings.offline)
        own = asked.host.guidance_scale
        settings = replace(settings, guidance=own if settings.guidance is None else settings.guidance)
    plan = EditPlan(
        settings=settings,
        seeds=seeds,
        holes=holes,
        like=read_pointing(like),
        focus=focus,
        strength=strength,
        asked=asked,
        items=_items(settings, seeds),
    )
    for item in plan.items:
        assert item.image is not None
        with naming(item.image, among=len(plan.items)):
            _scenes(plan, item.image)
    return plan


def _seeds(settings: EditingSettings) -> tuple[int, ...]:
    if settings.remove:
        # One answer, whatever the seed.
        return (0,)
    seed = drawn_seed() if is_random(settings.seed) else settings.seed
    number = 1 if settings.number is None and str(seed).strip().isdecimal() else settings.number
    return parse_seeds(seed, number)


def _items(settings: EditingSettings, seeds: Sequence[int]) -> tuple[Item, ...]:
    paths = list_pictures(settings.images, recursive=settings.recursive)
    paths = without_results(paths, settings.images, settings.output, marked=settings.metadata)
    names = [name_within(path, settings.images) for path in paths]
    sheets, suffix = ["grid"] if settings.grid else [], f".{settings.encoding}"
    rows = range(len(paths))
    items = plan_items(names, seeds, settings.output, images=paths, rows=rows, sheets=sheets, suffix=suffix)
    like = settings.like
    shown = [] if like is None else [Input(path=Path(like), what="the picture that shows what to paint")]
    masks = inputs_of(RegionSettings(mask=settings.like_mask))
    inputs = [*inputs_of(settings, paths, use="to edit"), *shown, *masks]
    return tuple(check_items(items, embeds_out=None, existing=settings.existing, inputs=inputs))


def _scenes(plan: EditPlan, path: Path) -> tuple[Picture, Region, Scene | None]:
    """A photograph, its hole, and what shows what to paint."""
    photo = read_image(path)
    hole = Region(alpha=union_of(read_scene(path, plan.holes).scene.regions), label="hole")
    if plan.settings.remove:
        return photo, hole, None
    source = Path(plan.settings.like) if plan.settings.like is not None else path
    return photo, hole, read_scene(source, plan.like).scene


def run_edits(plan: EditPlan) -> list[Path]:
    """Paint and write; what is written by the time of an error is whole.

    Raises:
        InputError: No such device, or one that ran out of memory.
        CheckpointError: Weights that are not there, or are broken.
        KeyboardInterrupt: Ctrl-C, after the photograph that is painted.
    """
    settings, pipeline = plan.settings, None
    if plan.asked is not None and plan.items:
        found = plan.asked
        pipeline = open_host(found.model, found.encoder, dtype=settings.dtype, device=settings.device)
    written = []
    for item in plan.items:
        check_interrupted()
        assert item.image is not None
        with naming(item.image, among=len(plan.items)):
            written += _edit_one(plan, pipeline, item, item.image)
    return written


def _edit_one(plan: EditPlan, pipeline: Any, item: Item, image: Path) -> list[Path]:
    photo, hole, like = _scenes(plan, image)
    results = [to_pil(picture) for picture in _painted(plan, pipeline, photo, hole, like)]
    exif, settings = _exif(image), plan.settings
    record = None if not settings.metadata else _record(plan, image)
    written = []
    for result, path, seed in zip(results, item.paths, plan.seeds, strict=True):
        if result.mode == "RGBA" and path.suffix.lower() in (".jpg", ".jpeg"):
            warn(f"{path} is a JPEG, which has no alpha channel: that of the photograph is left out.")
            result = result.convert("RGB")
        marked = None if record is None else record | {"seed": seed}
        if write_picture(result, path, record=marked, existing=settings.existing, exif=exif):
            written.append(path)
    for kind, path in item.sheets.items():
        cells = [to_pil(photo).convert("RGB"), *(result.convert("RGB") for result in results)]
        labels = ["photograph", *(f"seed {seed}" for seed in plan.seeds)]
        sheet = contact_sheet([cells], row_labels=[""], column_labels=labels)
        mark = describe_sheet(kind) if settings.metadata else None
        if write_picture(sheet, path, record=mark, existing=settings.existing):
            written.append(path)
    return written


def _painted(plan: EditPlan, pipeline: Any, photo: Picture, hole: Region, like: Scene | None) -> list[Picture]:
    settings = plan.settings
    if like is None:
        return [remove(photo, hole)]
    assert settings.guidance is not None
    with advised_on_memory():
        return edit(
            pipeline,
            photo,
            hole,
            like,
            focus=plan.focus,
            fit=settings.fit,
            strength=plan.strength,
            seeds=plan.seeds,
            num_inference_steps=settings.steps,
            guidance_scale=settings.guidance,
            margin=settings.margin,
            seam=settings.seam,
        )


def _exif(path: Path) -> Image.Exif:
    """What the photograph says of itself; it has been turned upright by now."""
    exif = open_image(path).getexif()
    exif.pop(0x0112, None)
    return exif


def _record(plan: EditPlan, image: Path) -> dict[str, Any]:
    values = {name: value for name, value in asdict(plan.settings).items() if name in _RECORDED}
    like = plan.settings.like
    paths = {"image": image} | ({} if like is None else {"like": Path(like)})
    inputs = {name: {"path": stream_or_path(path), "sha256": sha256(path)} for name, path in paths.items()}
    return describe_edit(settings=values, inputs=inputs)
