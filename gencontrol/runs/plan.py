"""What one `gencontrol vary` is to do, worked out and checked before any weight is loaded."""

import dataclasses
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from gencontrol.conditioning.embedding_files import EmbedsFile, read_embeds
from gencontrol.cli.flags import parse_seeds
from gencontrol.runs.scenes import Scene, check_region_flags, has_regions, list_pictures, read_scene
from gencontrol.runs.outputs import check_existing, check_writable, plan_paths, sheet_path
from gencontrol.runs.repeat import Repeated
from gencontrol.cli.report import note_once, notices
from gencontrol.runs.samplers import check_scheduler, check_steps
from gencontrol.runs.vary_options import VaryOptions
from gencontrol.runs.embedding import checked_strength, named_strategy
from gencontrol.errors import ConfigError, InputError
from gencontrol.focus import FocusStrategy
from gencontrol.conditioning.embed import alpha_maps, check_visible
from gencontrol.pipelines.hosts.registry import Host
from gencontrol.pipelines.opening import check_source, locate
from gencontrol.pipelines.pairing import vision_config
from gencontrol.conditioning.strength import StrengthSchedule, as_schedule, parse_schedule
from gencontrol.regions.geometry import Geometry

SHEETS = ("grid", "compare", "preview")
"""Options that write one more picture for each input."""


@dataclass(frozen=True, kw_only=True)
class Item:
    """One input and the files that come of it."""

    name: str
    """The input's file name without suffix."""
    image: Path | None
    """The picture; None for a row of embeddings."""
    row: int
    """Of the file of embeddings, where there is one."""
    paths: tuple[Path, ...]
    """One for each seed."""
    sheets: dict[str, Path]
    """Kind -> path."""


@dataclass(frozen=True, kw_only=True)
class Job:
    """A run that can start."""

    options: VaryOptions
    """As given."""
    repeated: Repeated | None
    """The run that is repeated."""
    host: Host
    """Which pipeline."""
    geometry: Geometry
    """How pictures reach its encoder."""
    focus: FocusStrategy | None
    """How the encoder is made to look; None leaves it to the encoder."""
    strength: StrengthSchedule
    """How much the regions count, over the steps."""
    seeds: tuple[int, ...]
    """Of each input's variations."""
    embeds: EmbedsFile | None
    """What to start from in the place of pictures."""
    items: tuple[Item, ...]
    """The inputs."""

    def scene(self, item: Item) -> Scene | None:
        """Read an item's picture and build its regions; None for a row of embeddings."""
        if item.image is None:
            return None
        before = self.repeated
        return read_scene(
            item.image,
            self.options,
            negative_masks=self.options.negative_mask,
            recorded=before.regions if before else (),
            recorded_negative=before.negative_regions if before else (),
        )


def prepare(options: VaryOptions, repeated: Repeated | None) -> Job:
    """Check everything that can be checked without weights, the pictures and masks of every input included.

    Raises:
        ConfigError: Flags that exclude each other, or that cannot be read.
        InputError: A picture, mask or file that cannot be used.
        PairingError: A model that is no host, or an encoder that does not fit it.
    """
    check_flags(options, repeated)
    seeds = parse_seeds(options.seed, options.number)
    model, encoder = locate(
        options.model,
        options.alpha_clip or "auto",
        {"revision": options.revision, "local_files_only": options.offline},
    )
    host = check_source(model, encoder)
    check_steps(options.scheduler, model.read("scheduler/scheduler_config.json") or {}, options.steps)
    vision = vision_config(model, "image_encoder/config.json")
    embeds = read_embeds(Path(options.embeds_in), width=vision.projection_dim) if options.embeds_in else None
    geometry = dataclasses.replace(host.geometry, size=vision.image_size, fit=options.fit or host.geometry.fit)
    job = Job(
        options=options,
        repeated=repeated,
        host=host,
        geometry=geometry,
        focus=named_strategy(options.focus),
        strength=_strength(options),
        seeds=seeds,
        embeds=embeds,
        items=tuple(_items(options, repeated, embeds, seeds)),
    )
    check_existing(_outputs(job), options.existing)
    check_writable(_outputs(job))
    check_scenes(job)
    idle = idle_flags(options)
    if idle and repeated is None:
        note_once(f"no region is shown, so {', '.join(idle)} can do nothing.")
    return job


def idle_flags(options: VaryOptions) -> list[str]:
    """The flags that shape regions, where there is none to shape."""
    if has_regions(options):
        return []
    given = {
        "--strength": options.strength != 1.0,
        "--schedule": options.schedule is not None,
        "--feather": options.feather > 0,
        "--focus": options.focus is not None and not options.negative_mask,
        "--threshold": options.threshold is not None and not options.negative_mask,
    }
    return [flag for flag, is_given in given.items() if is_given]


def _outputs(job: Job) -> list[Path]:
    embeds = [] if job.options.embeds_out is None else [Path(job.options.embeds_out)]
    return [path for item in job.items for path in (*item.paths, *item.sheets.values())] + embeds


def check_flags(options: VaryOptions, repeated: Repeated | None = None) -> None:
    """Refuse flags that exclude each other, or numbers that cannot be.

    Args:
        options: As given.
        repeated: The run that is repeated; its negative regions count like flags.

    Raises:
        ConfigError: Says which.
    """
    check_region_flags(options)
    if options.scheduler is not None:
        check_scheduler(options.scheduler)
    for name in ("steps", "batch"):
        if getattr(options, name) < 1:
            raise ConfigError(f"--{name}: expected at least 1, got {getattr(options, name)}.")
    recorded = repeated.negative_regions if repeated and options.embeds_in is None else ()
    _check_guidance(options, negative=bool(options.negative_mask or recorded))
    if options.schedule is not None and options.strength != 1.0:
        raise ConfigError("Give either --strength or --schedule: a schedule says the strength at every step.")
    if options.embeds_out is not None and options.existing == "skip":
        raise ConfigError("--embeds-out would lack what --existing skip leaves out: leave one of them out.")
    if options.embeds_in is not None:
        _check_embeds_in(options)


def _check_guidance(options: VaryOptions, *, negative: bool) -> None:
    if options.guidance is None:
        return
    if not (math.isfinite(options.guidance) and options.guidance >= 0):
        raise ConfigError(f"--guidance: expected a scale of 0 or more, got {options.guidance:g}.")
    if negative and options.guidance <= 1:
        raise ConfigError("--negative-mask acts through classifier-free guidance: give --guidance above 1.")


def _check_embeds_in(options: VaryOptions) -> None:
    pointing = options.images or has_regions(options) or options.negative_mask
    shaping = options.invert or options.schedule or options.strength != 1.0
    if pointing or shaping or options.compare or options.preview or options.embeds_out:
        raise ConfigError(
            "--embeds-in starts from finished embeddings: leave out the picture, its regions, --strength, --schedule, "
            "--compare, --preview and --embeds-out."
        )


def check_scenes(job: Job) -> None:
    """Read every picture and mask once, so that a bad one is found before weights are loaded and time is spent."""
    for item in job.items:
        with notices():
            scene = job.scene(item)
            if scene is None:
                continue
            if job.options.compare and not scene.regions:
                raise ConfigError("--compare: show a region to compare (--mask, --box, --point, --alpha-from-image).")
            for regions in filter(None, (scene.regions, scene.negative_regions)):
                check_visible(alpha_maps(regions)[0], job.focus, job.geometry)


def _items(
    options: VaryOptions, repeated: Repeated | None, embeds: EmbedsFile | None, seeds: Sequence[int]
) -> list[Item]:
    images = [] if embeds else _images(options, repeated)
    rows = _rows(embeds, repeated) if embeds else range(len(images))
    names = [embeds.names[row] for row in rows] if embeds else [path.stem for path in images]
    planned = plan_paths(names, seeds, options.output)
    kinds = [kind for kind in SHEETS if getattr(options, kind)]
    items = [
        Item(
            name=name,
            image=images[row] if images else None,
            row=row,
            paths=tuple(paths),
            sheets={kind: sheet_path(paths, name, options.output, kind=kind) for kind in kinds},
        )
        for row, name, paths in zip(rows, names, planned, strict=True)
    ]
    _check_inputs_stay(items, options)
    return [item for item in items if not (options.existing == "skip" and _is_complete(item))]


def _rows(embeds: EmbedsFile, repeated: Repeated | None) -> Sequence[int]:
    """All rows of a file of embeddings, or the one that the picture to repeat was made from."""
    if repeated is None or repeated.embeds is None:
        return range(len(embeds.names))
    return [repeated.embeds["row"]]


def _check_inputs_stay(items: Sequence[Item], options: VaryOptions) -> None:
    """Refuse to write over a picture that is to be varied, or to take it for a result that is there already.

    Raises:
        InputError: Names it.
    """
    inputs = {item.image.resolve() for item in items if item.image is not None}
    outputs = [path for item in items for path in (*item.paths, *item.sheets.values())]
    outputs += [] if options.embeds_out is None else [Path(options.embeds_out)]
    over = next((path for path in outputs if path.resolve() in inputs), None)
    if over is not None:
        raise InputError(f"{over} is one of the pictures to vary, which is not written over: give another -o.")


def _images(options: VaryOptions, repeated: Repeated | None) -> list[Path]:
    if repeated is not None:
        image = repeated.find_image(options.images)
        if image is not None:
            return [image]
    if not options.images:
        raise ConfigError("No picture is given: gencontrol vary IMAGE --mask MASK (see gencontrol vary --help).")
    return list_pictures(options.images)


def _is_complete(item: Item) -> bool:
    return all(path.exists() for path in (*item.paths, *item.sheets.values()))


def _strength(options: VaryOptions) -> StrengthSchedule:
    if options.schedule is None:
        return as_schedule(checked_strength(options.strength))
    try:
        return parse_schedule(options.schedule)
    except InputError as error:
        raise ConfigError(f"--schedule: {error}") from error
