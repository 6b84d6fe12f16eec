"""Where the settings point, read once for all pictures of a run: what is left to know is the picture."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

from gencontrol.errors import ConfigError, InputError
from gencontrol.images.picture import Picture
from gencontrol.regions.curves import LevelsCurve, read_curve
from gencontrol.regions.drawn import from_box, from_points
from gencontrol.regions.index_masks import from_index_mask
from gencontrol.regions.masks import from_image_alpha, from_mask
from gencontrol.regions.ops import feather, invert
from gencontrol.regions.region import Region, union_of
from gencontrol.runs.files.matching import matching_file
from gencontrol.runs.notation import parse_numbers, split_weight
from gencontrol.runs.notices import warn, without_advice
from gencontrol.runs.referring.by_words import Pointer, by_words, nothing_held
from gencontrol.runs.settings import RegionSettings, check_regions

Length = tuple[float, bool]
"""A number, and whether it is percent of a side instead of pixels."""


@dataclass(frozen=True, kw_only=True)
class Pointing:
    """Where to look in each picture of a run, and what to keep away from."""

    pointers: tuple[Pointer, ...] = ()
    """One for each region."""
    negative_pointers: tuple[Pointer, ...] = ()
    """The same for negative regions."""
    recorded: tuple[Region, ...] = ()
    """Regions of the run that is repeated, where there is no pointer; not yet inverted and feathered."""
    recorded_negative: tuple[Region, ...] = ()
    """The same, where there is no negative pointer."""
    levels: tuple[float, ...] = ()
    """The regions' levels, one for each; none leaves them as they are."""
    curve: LevelsCurve | None = None
    """What the encoder is given for a level; None leaves it to the encoder."""
    invert: bool = False
    """Look everywhere but at the regions."""
    feather: float = 0.0
    """Soften the regions' edges by about this many pixels."""
    weighs: bool = False
    """Mix the regions by their weights where those are equal too, as a sweep of weights does."""
    let_go: Callable[[], None] = nothing_held
    """Frees what found regions by words; it is loaded again where another picture is read."""


def read_pointing(
    settings: RegionSettings,
    *,
    negative_mask: Sequence[str] = (),
    recorded: Sequence[Region] = (),
    recorded_negative: Sequence[Region] = (),
    prefix: str = "",
) -> Pointing:
    """Read the settings that point.

    Args:
        settings: As given.
        negative_mask: The setting of that name.
        recorded: See `Pointing`.
        recorded_negative: See `Pointing`.
        prefix: What messages put before the settings' names: they may stand for others, such as `like_mask`.

    Raises:
        ConfigError: A setting that cannot be read, or a number that cannot be; a phrase that does not say among what
            it is looked for.
        InputError: A curve of levels that is none, or a phrase that is not understood.
    """
    check_regions(settings)
    mask = partial(_mask, threshold=settings.threshold, resize=settings.resize_mask)
    pointers: list[Pointer] = [mask(text, setting=f"{prefix}mask") for text in settings.mask]
    pointers += [_index_mask(text, resize=settings.resize_mask) for text in settings.index_mask]
    pointers += [_box(text, setting=f"{prefix}box") for text in settings.box]
    pointers += [_point(text, setting=f"{prefix}point") for text in settings.point]
    if settings.alpha_from_image:
        pointers.append(_own_alpha)
    worded = by_words(settings, pointers, prefix=prefix) if settings.phrase else None
    return Pointing(
        pointers=tuple(pointers) if worded is None else worded.pointers,
        let_go=nothing_held if worded is None else worded.let_go,
        negative_pointers=tuple(mask(text, setting="negative_mask") for text in negative_mask),
        recorded=tuple(recorded),
        recorded_negative=tuple(recorded_negative),
        levels=settings.level,
        curve=None if settings.levels_curve is None else read_curve(Path(settings.levels_curve)),
        invert=settings.invert,
        feather=settings.feather,
    )


def at_levels(regions: Sequence[Region], levels: Sequence[float]) -> list[Region]:
    """The regions at the levels that are set, if any are; of one region alone that changes nothing, which is said.

    Raises:
        ConfigError: Not one level for each region, or not one above 0.
    """
    if not levels:
        return list(regions)
    if len(levels) != len(regions):
        there = f"there {'is 1 region' if len(regions) == 1 else f'are {len(regions)} regions'}"
        raise ConfigError(
            f"`level`: expected one for each region, first masks, then classes, boxes, points and alpha; {there}, and "
            f"{len(levels)} {'level is' if len(levels) == 1 else 'levels are'} given."
        )
    if not any(levels):
        raise ConfigError("`level`: every region has level 0, so there is nothing to look at.")
    if len(levels) == 1:
        warn(
            "`level` of one region changes nothing, since it is a share beside others; `strength` is how much it counts"
            " beside the whole picture."
        )
    return [replace(region, level=level, mixed_by="level") for region, level in zip(regions, levels, strict=True)]


def shape_regions(regions: Sequence[Region], *, inverted: bool, radius: float) -> tuple[Region, ...]:
    """Invert and feather. The complement of several regions is that of their union.

    Args:
        regions: Of one picture.
        inverted: Whether to look everywhere but at them.
        radius: By about how many pixels to soften their edges; 0 leaves them as they are.

    Raises:
        ConfigError: Nothing to invert, or regions of different weights or levels.
    """
    if inverted:
        regions = [_complement(regions)]
    if radius:
        _warn_of_wide(radius, regions)
        regions = [replace(region, alpha=feather(region.alpha, radius)) for region in regions]
    return tuple(regions)


def _warn_of_wide(radius: float, regions: Sequence[Region]) -> None:
    """Edges that are softened over more than the picture leave all of it about as much marked."""
    for height, width in dict.fromkeys(region.size for region in regions):
        if radius > min(height, width):
            warn(
                f"`feather` of {radius:g} pixels is wider than the picture, which is {width} x {height}: little is "
                "left of where the regions are."
            )


def _complement(regions: Sequence[Region]) -> Region:
    if not regions:
        raise ConfigError("`invert`: show a region to turn round (`mask`, `box`, `point` or `alpha_from_image`).")
    for what in ("weight", "level"):
        if len({getattr(region, what) for region in regions}) > 1:
            raise ConfigError(f"`invert`: regions of different {what}s have no complement; leave the {what}s out.")
    return Region(alpha=invert(union_of(regions)), label="not " + " or ".join(region.label for region in regions))


def _mask(text: str, *, setting: str, threshold: float | None, resize: bool) -> Pointer:
    name, weight = split_weight(text, setting=setting)
    if not Path(name).exists() and Path(name.rpartition("=")[0]).is_file():
        mend = "one class of it is `index_mask` PATH=CLASS" if setting == "mask" else "save the class as a mask"
        raise ConfigError(f"`{setting}` {name}: a mask has no classes: {mend}.")

    def point(picture: Picture, path: Path) -> Region:
        file = matching_file(Path(name), path)
        size, label = picture.size, file.stem
        # What points at classes does so beside `mask` alone, not beside masks of other things.
        with _named(file, classes=setting == "mask"):
            return from_mask(file, size=size, threshold=threshold, resize=resize, weight=weight, label=label)

    return point


def _index_mask(text: str, *, resize: bool) -> Pointer:
    value, weight = split_weight(text, setting="index_mask")
    name, _, chosen = value.rpartition("=")
    if not name or not chosen:
        raise ConfigError(
            f"`index_mask`: expected PATH=CLASS, such as classes.png=3 or classes.png=#ff0000, got {text!r}."
        )
    index = int(chosen) if chosen.removeprefix("-").isdecimal() else chosen

    def point(picture: Picture, path: Path) -> Region:
        file, label = matching_file(Path(name), path), f"class {chosen}"
        with _named(file):
            return from_index_mask(file, index, size=picture.size, resize=resize, weight=weight, label=label)

    return point


@contextmanager
def _named(file: Path, *, classes: bool = True) -> Iterator[None]:
    """Say of which mask an error is, since there may be several, and a folder of them has many."""
    try:
        yield
    except InputError as error:
        said = str(error) if classes else without_advice(str(error), "from_index_mask")
        raise InputError(said if file.name in said else f"{file}: {said}") from error


def _box(text: str, *, setting: str) -> Pointer:
    value, weight = split_weight(text, setting=setting)
    lengths = _parse_lengths(value, setting=setting, form="X0,Y0,X1,Y1, in pixels or percent", counts=(4,))
    _warn_of_mixed(lengths, value, setting=setting)

    def point(picture: Picture, path: Path) -> Region:
        (x0, y0, x1, y1), relative = _measured(lengths, picture.size)
        how: Any = {"size": picture.size, "relative": relative, "weight": weight, "label": f"box {value}"}
        return from_box((x0, y0, x1, y1), **how)

    return point


def _point(text: str, *, setting: str) -> Pointer:
    value, weight = split_weight(text, setting=setting)
    form = "X,Y or X,Y,RADIUS, in pixels or percent"
    lengths = _parse_lengths(value, setting=setting, form=form, counts=(2, 3))
    _warn_of_mixed(lengths[:2], value, setting=setting)

    def point(picture: Picture, path: Path) -> Region:
        (x, y), relative = _measured(lengths[:2], picture.size)
        short = min(picture.size)
        radius = next((number * short / 100 if percent else number for number, percent in lengths[2:]), None)
        how: Any = {"size": picture.size, "relative": relative, "weight": weight, "label": f"point {value}"}
        return from_points([(x, y)], radius=radius, **how)

    return point


def _parse_lengths(text: str, *, setting: str, form: str, counts: Sequence[int]) -> list[Length]:
    """Numbers with commas between them, each with or without a percent sign."""
    parts = [part.strip() for part in text.split(",")]
    plain = ",".join(part.removesuffix("%") for part in parts) if "%" in text else text
    numbers = parse_numbers(plain, setting=setting, form=form, counts=counts, given=text)
    return [(number, part.endswith("%")) for number, part in zip(numbers, parts, strict=True)]


def _warn_of_mixed(lengths: Sequence[Length], text: str, *, setting: str) -> None:
    """Say of coordinates that are in percent and in pixels: a sign may be missing. A radius may be in either."""
    pixels = [f"{number:g}" for number, percent in lengths if not percent]
    if 0 < len(pixels) < len(lengths):
        verb = "is" if len(pixels) == 1 else "are"
        warn(f"`{setting}` {text} mixes percent and pixels: {' and '.join(pixels)} {verb} taken for pixels.")


def _measured(lengths: Sequence[Length], size: tuple[int, int]) -> tuple[list[float], bool]:
    """Coordinates, x and y in turns, and whether they are shares: all are, where any is in percent."""
    if not any(percent for _, percent in lengths):
        return [number for number, _ in lengths], False
    sides = [size[1 - place % 2] for place in range(len(lengths))]
    return [n / 100 if percent else n / side for (n, percent), side in zip(lengths, sides, strict=True)], True


def _own_alpha(picture: Picture, path: Path) -> Region:
    return from_image_alpha(picture, label="alpha")
