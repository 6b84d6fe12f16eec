"""What one `gencontrol vary` is to do, worked out and checked before any weight is loaded."""

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from gencontrol.cli.embeds import EmbedsFile, read_embeds
from gencontrol.cli.flags import parse_seeds
from gencontrol.cli.inputs import Scene, has_regions, list_pictures, read_scene
from gencontrol.cli.output import check_existing, plan_paths, sheet_path
from gencontrol.cli.repeat import Repeated
from gencontrol.cli.report import notices
from gencontrol.cli.schedulers import check_scheduler
from gencontrol.cli.vary_options import VaryOptions
from gencontrol.cli.views import named_strategy
from gencontrol.errors import ConfigError, InputError
from gencontrol.focus import FocusStrategy
from gencontrol.pipelines.hosts import Host
from gencontrol.pipelines.opening import locate
from gencontrol.pipelines.pairing import check_pairing, vision_config
from gencontrol.pipelines.strength import StrengthSchedule, as_schedule, check_strength, parse_schedule
from gencontrol.regions.geometry import Geometry
from gencontrol.regions.notices import check_seen
from gencontrol.regions.region import union_of

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
    check_flags(options)
    seeds = parse_seeds(options.seed, options.number)
    model, encoder = locate(
        options.model,
        options.alpha_clip or "auto",
        {"revision": options.revision, "local_files_only": options.offline},
    )
    # A published checkpoint is a file that says nothing of its shape before it is read: it is compared when opened.
    host = check_pairing(model, None if encoder is None or _is_file(encoder) else encoder)
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
    check_scenes(job)
    return job


def _outputs(job: Job) -> list[Path]:
    embeds = [] if job.options.embeds_out is None else [Path(job.options.embeds_out)]
    return [path for item in job.items for path in (*item.paths, *item.sheets.values())] + embeds


def check_flags(options: VaryOptions) -> None:
    """Refuse flags that exclude each other, or numbers that cannot be.

    Raises:
        ConfigError: Says which.
    """
    if options.scheduler is not None:
        check_scheduler(options.scheduler)
    for name in ("steps", "batch"):
        if getattr(options, name) < 1:
            raise ConfigError(f"--{name}: expected at least 1, got {getattr(options, name)}.")
    if options.schedule is not None and options.strength != 1.0:
        raise ConfigError("Give either --strength or --schedule: a schedule says the strength at every step.")
    if options.embeds_out is not None and options.existing == "skip":
        raise ConfigError("--embeds-out would lack what --existing skip leaves out: leave one of them out.")
    if options.embeds_in is not None:
        _check_embeds_in(options)


def _check_embeds_in(options: VaryOptions) -> None:
    pointing = options.images or has_regions(options) or options.negative_mask
    if pointing or options.invert or options.compare or options.preview or options.schedule or options.strength != 1.0:
        raise ConfigError(
            "--embeds-in starts from finished embeddings: leave out the picture, its regions, --strength, --schedule, "
            "--compare and --preview."
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
            if scene.regions and (job.focus is None or job.focus.name in ("alpha", "attention")):
                check_seen(union_of(scene.regions), job.geometry)


def _items(
    options: VaryOptions, repeated: Repeated | None, embeds: EmbedsFile | None, seeds: Sequence[int]
) -> list[Item]:
    images = [] if embeds else _images(options, repeated)
    names = list(embeds.names) if embeds else [path.stem for path in images]
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
        for row, (name, paths) in enumerate(zip(names, planned, strict=True))
    ]
    return [item for item in items if not (options.existing == "skip" and _is_complete(item))]


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


def _is_file(encoder: object) -> bool:
    return Path(str(getattr(encoder, "name", ""))).is_file()


def _strength(options: VaryOptions) -> StrengthSchedule:
    try:
        check_strength(options.strength, name="--strength")
        return as_schedule(options.strength) if options.schedule is None else parse_schedule(options.schedule)
    except InputError as error:
        raise ConfigError(str(error)) from error
