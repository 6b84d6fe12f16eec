"""Pictures, and the regions that flags show in them."""

import math
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from gencontrol.cli.flags import parse_numbers, split_weight
from gencontrol.runs.records import storable
from gencontrol.cli.options import RegionOptions
from gencontrol.cli.report import notices, told_before
from gencontrol.errors import ConfigError, InputError
from gencontrol.images.picture import Picture, read_image
from gencontrol.regions.ops import feather, invert
from gencontrol.regions.region import Region, RegionWarning, union_of
from gencontrol.regions.sources import from_box, from_image_alpha, from_index_mask, from_mask, from_points

SUFFIXES = frozenset({".bmp", ".gif", ".jpeg", ".jpg", ".png", ".tif", ".tiff", ".webp"})
"""What counts as a picture in a folder; a file that is named on the command line may have any suffix."""


@dataclass(frozen=True, kw_only=True)
class Scene:
    """A picture, where to look in it, and what to keep away from."""

    path: Path
    """Where the picture came from."""
    picture: Picture
    """The picture, without its alpha channel: that counts only as a region."""
    pointed: tuple[Region, ...] = ()
    """The regions before inverting and feathering, rounded to what a record holds."""
    regions: tuple[Region, ...] = ()
    """Where to look; none means the whole picture."""
    negative_regions: tuple[Region, ...] = ()
    """What takes the unconditional embedding's place."""


def list_pictures(images: Sequence[str]) -> list[Path]:
    """The picture files that are named, and those in the folders that are named, in order.

    Raises:
        InputError: A path that is empty or not there, or a folder without pictures.
    """
    if "" in images:
        # It would mean the current folder, and comes of a shell variable that is not set.
        raise InputError("An empty path is given as picture: name a file or a folder (. is the current one).")
    return [path for name in images for path in _pictures_of(Path(name))]


def _pictures_of(path: Path) -> list[Path]:
    if not path.exists():
        raise InputError(f"No picture and no folder at {path}.")
    if not path.is_dir():
        return [path]
    found = sorted(p for p in path.iterdir() if p.suffix.lower() in SUFFIXES and not p.name.startswith("."))
    if not found:
        raise InputError(f"No pictures in the folder {path}; looked for {', '.join(sorted(SUFFIXES))}.")
    return found


def has_regions(options: RegionOptions) -> bool:
    """Whether any flag points at something."""
    return bool(options.mask or options.index_mask or options.box or options.point or options.alpha_from_image)


def check_region_flags(options: RegionOptions) -> None:
    """Refuse numbers that cannot be, before any picture is read.

    Raises:
        ConfigError: Says which.
    """
    if not (math.isfinite(options.feather) and options.feather >= 0):
        raise ConfigError(f"--feather: expected 0 or more pixels, got {options.feather:g}.")
    if options.threshold is not None and not 0 < options.threshold <= 1:
        raise ConfigError(f"--threshold: expected a value above 0 and at most 1, got {options.threshold:g}.")


def read_scene(
    path: Path,
    options: RegionOptions,
    *,
    negative_masks: Sequence[str] = (),
    recorded: Sequence[Region] = (),
    recorded_negative: Sequence[Region] = (),
) -> Scene:
    """Read a picture and build its regions from the flags.

    Args:
        path: The picture.
        options: The flags.
        negative_masks: Values of --negative-mask.
        recorded: Regions to use if no flag points at any; not yet inverted and feathered.
        recorded_negative: The same for `negative_masks`.

    Raises:
        InputError: A picture or mask that cannot be used.
        ConfigError: A flag that cannot be read.
    """
    picture = read_image(path)
    pointed = point_at(picture, path, options) if has_regions(options) else recorded
    if not pointed and picture.alpha is not None and picture.alpha.min() < 1:
        text = f"{path} has an alpha channel, which is not used: --alpha-from-image looks where it is opaque."
        warnings.warn(text, RegionWarning, stacklevel=2)
    negative = [_mask(text, picture, path, options, flag="--negative-mask") for text in negative_masks]
    negative = negative or list(recorded_negative)
    _check_sizes([*pointed, *negative], picture, path)
    # A record holds 16 bits: starting from them makes a repeated run start from the same.
    exact = tuple(storable(region) for region in pointed)
    return Scene(
        path=path,
        picture=Picture(rgb=picture.rgb),
        pointed=exact,
        regions=tuple(shape_regions(exact, options)),
        negative_regions=tuple(storable(region) for region in negative),
    )


def _check_sizes(regions: Sequence[Region], picture: Picture, path: Path) -> None:
    """Regions that flags show fit by now; recorded ones are of the picture that they were recorded with."""
    height, width = picture.size
    for region in regions:
        if region.size != picture.size:
            raise InputError(
                f"{path} is {width} x {height}, and the recorded regions are of a picture of {region.size[1]} x "
                f"{region.size[0]} (width x height): show its regions anew, with --mask, --box, --point or "
                "--negative-mask."
            )


def read_scenes(options: RegionOptions, *, negative_masks: Sequence[str] = ()) -> Iterator[Scene]:
    """The scenes of all pictures, one after another; each is read once before, so that a bad one is found at once.

    Raises:
        ConfigError: No picture is given, or a number that cannot be.
        InputError: A picture or mask that cannot be used.
    """
    check_region_flags(options)
    if not options.images:
        raise ConfigError("No picture is given: name at least one IMAGE, or a folder of them.")
    paths = list_pictures(options.images)
    with notices():
        for path in paths:
            read_scene(path, options, negative_masks=negative_masks)
    return _read_again(paths, options, negative_masks)


def _read_again(paths: Sequence[Path], options: RegionOptions, negative_masks: Sequence[str]) -> Iterator[Scene]:
    for path in paths:
        with told_before():
            scene = read_scene(path, options, negative_masks=negative_masks)
        yield scene


def point_at(picture: Picture, path: Path, options: RegionOptions) -> list[Region]:
    """The regions that the flags name, as they are before inverting and feathering."""
    regions = [_mask(text, picture, path, options, flag="--mask") for text in options.mask]
    regions += [_index_mask(text, picture, path, options) for text in options.index_mask]
    regions += [_box(text, picture) for text in options.box]
    regions += [_point(text, picture) for text in options.point]
    if options.alpha_from_image:
        regions.append(replace(from_image_alpha(picture), label="alpha"))
    return regions


def shape_regions(regions: Sequence[Region], options: RegionOptions) -> list[Region]:
    """Invert and feather as the flags say. The complement of several regions is that of their union."""
    shaped = list(regions)
    if options.invert:
        if not regions:
            raise ConfigError("--invert: show a region to turn round (--mask, --box, --point or --alpha-from-image).")
        if len({region.weight for region in regions}) > 1:
            raise ConfigError("--invert: regions of different weights have no complement; leave the weights out.")
        label = "not " + " or ".join(region.label for region in regions)
        shaped = [Region(alpha=invert(union_of(regions)), label=label)]
    if options.feather:
        shaped = [replace(region, alpha=feather(region.alpha, options.feather)) for region in shaped]
    return shaped


def _mask(text: str, picture: Picture, path: Path, options: RegionOptions, *, flag: str) -> Region:
    name, weight = split_weight(text, flag=flag)
    file = _matching(Path(name), path)
    return from_mask(
        file,
        size=picture.size,
        threshold=options.threshold,
        resize=options.resize_mask,
        weight=weight,
        label=file.stem,
    )


def _index_mask(text: str, picture: Picture, path: Path, options: RegionOptions) -> Region:
    value, weight = split_weight(text, flag="--index-mask")
    name, equals, label = value.rpartition("=")
    if not equals or not label:
        raise ConfigError(
            f"--index-mask: expected PATH=CLASS, such as classes.png=3 or classes.png=#ff0000, got {text!r}."
        )
    region = from_index_mask(
        _matching(Path(name), path),
        int(label) if label.isdecimal() else label,
        size=picture.size,
        resize=options.resize_mask,
    )
    return replace(region, weight=weight, label=f"class {label}")


def _matching(mask: Path, picture: Path) -> Path:
    """The mask itself, or the file of a folder of masks that has the picture's name."""
    if not mask.is_dir():
        return mask
    found = sorted(p for p in mask.iterdir() if p.stem == picture.stem and p.suffix.lower() in SUFFIXES)
    if len(found) != 1:
        what = "several masks" if found else "no mask"
        raise InputError(f"{picture}: {what} named {picture.stem} in the folder {mask}; expected one.")
    return found[0]


def _box(text: str, picture: Picture) -> Region:
    value, weight = split_weight(text, flag="--box")
    x0, y0, x1, y1 = parse_numbers(value, flag="--box", form="X0,Y0,X1,Y1", counts=(4,))
    return replace(from_box((x0, y0, x1, y1), size=picture.size), weight=weight, label=f"box {value}")


def _point(text: str, picture: Picture) -> Region:
    value, weight = split_weight(text, flag="--point")
    x, y, *radius = parse_numbers(value, flag="--point", form="X,Y or X,Y,RADIUS", counts=(2, 3))
    region = from_points([(x, y)], size=picture.size, radius=radius[0] if radius else None)
    return replace(region, weight=weight, label=f"point {value}")
