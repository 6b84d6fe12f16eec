"""The pictures of a run, and the regions that are shown in them."""

import os
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from jaxtyping import Float, UInt8
from torch import Tensor

from gencontrol.conditioning.embed import alpha_maps, check_visible
from gencontrol.errors import ConfigError, InputError
from gencontrol.focus import FocusStrategy
from gencontrol.images.picture import Picture
from gencontrol.images.reading import read_image
from gencontrol.regions.geometry import Geometry
from gencontrol.regions.region import Region, RegionWarning
from gencontrol.regions.scene import Scene
from gencontrol.runs.files.matching import SUFFIXES
from gencontrol.runs.files.outputs import Item
from gencontrol.runs.files.records import storable
from gencontrol.runs.notices import naming, warn
from gencontrol.runs.pointing import Pointing, at_levels, shape_regions
from gencontrol.text_files import check_no_address, dead_link


@dataclass(frozen=True, kw_only=True)
class RecordedScene:
    """A scene, and what a record says of its regions."""

    scene: Scene
    """The picture without its alpha channel, which counts only as a region; its regions as the encoder gets them."""
    path: Path
    """Where the picture came from."""
    pointed: tuple[Region, ...] = ()
    """The regions before inverting and feathering, rounded to what a record holds."""
    among: int = 1
    """How many pictures the run has: what is said of one of several names it (see `naming`)."""


def list_pictures(images: Sequence[str], *, recursive: bool = False) -> list[Path]:
    """The picture files that are named, and those in the folders that are named, in order.

    Args:
        images: Files and folders.
        recursive: Whether to look into the folders' folders too, but for hidden ones.

    Raises:
        ConfigError: Nothing is named.
        InputError: A path that is empty or not there, or a folder without pictures.
    """
    if not images:
        raise ConfigError("No picture is given: name at least one, or a folder of them, as `images`.")
    if "" in images:
        # It would mean the current folder, and comes of a shell variable that is not set.
        raise InputError("An empty path is given as picture: name a file or a folder (. is the current one).")
    found = [path for name in images for path in _pictures_of(Path(name), recursive=recursive)]
    once: dict[Path, Path] = {}
    for path in found:
        # By its folder's real path: a link of another name is another picture's name.
        place = Path(os.path.realpath(path.parent), path.name)
        if place in once:
            warn(f"{path} is named more than once, and taken once.")
        once.setdefault(place, path)
    return list(once.values())


def name_within(path: Path, images: Sequence[str]) -> str:
    """What a picture's results are called: its name without suffix, below the folder that was named; a/x for a/x.png.

    Args:
        path: One of `list_pictures`.
        images: Files and folders, as they were named.
    """
    folder = next((Path(name) for name in images if Path(name) in path.parents), path.parent)
    return path.relative_to(folder).with_suffix("").as_posix()


def _pictures_of(path: Path, *, recursive: bool) -> list[Path]:
    check_no_address(path, what="a picture's file or a folder of pictures")
    try:
        is_there, is_folder = path.exists(), path.is_dir()
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror}.") from error
    if not is_there:
        leads = dead_link(path)
        raise InputError(f"No picture and no folder at {path}." if leads is None else f"{path} {leads}.")
    if not is_folder:
        return [path]
    found = sorted(p for p in (path.rglob("*") if recursive else path.iterdir()) if _is_picture(p.relative_to(path)))
    if not found:
        raise InputError(f"No pictures in the folder {path}; looked for {', '.join(sorted(SUFFIXES))}.")
    return found


def _is_picture(path: Path) -> bool:
    return path.suffix.lower() in SUFFIXES and not any(part.startswith(".") for part in path.parts)


def read_scene(path: Path, pointing: Pointing) -> RecordedScene:
    """Read a picture and build its regions. Warns with a `RegionWarning` of an alpha channel that is not used.

    Raises:
        InputError: A picture or mask that cannot be used, or recorded regions of another size.
        ConfigError: Regions that cannot be inverted, or levels that are not one for each.
    """
    picture = read_image(path)
    shown = [point(picture, path) for point in pointing.pointers] or list(pointing.recorded)
    shown = [replace(region, mixed_by="weight") for region in shown] if pointing.weighs else shown
    pointed = at_levels(shown, pointing.levels)
    negative = [point(picture, path) for point in pointing.negative_pointers] or list(pointing.recorded_negative)
    if not pointed and picture.stored_alpha is not None and _is_seen_through(picture.stored_alpha):
        text = f"{path} has an alpha channel, which is not used: `alpha_from_image` looks where it is opaque."
        warnings.warn(text, RegionWarning, stacklevel=2)
    _check_sizes([*pointed, *negative], picture, path)
    # A record holds 16 bits: starting from them makes a repeated run start from the same.
    exact = tuple(storable(region) for region in pointed)
    scene = Scene(
        picture=Picture(rgb=picture.stored_rgb),
        regions=shape_regions(exact, inverted=pointing.invert, radius=pointing.feather),
        negative_regions=tuple(storable(region) for region in negative),
        source=path,
    )
    return RecordedScene(scene=scene, path=path, pointed=exact)


def _is_seen_through(alpha: Float[Tensor, "h w"] | UInt8[Tensor, "h w"]) -> bool:
    return bool(alpha.min() < (1 if alpha.dtype.is_floating_point else 255))


def _check_sizes(regions: Sequence[Region], picture: Picture, path: Path) -> None:
    """Regions that settings show fit by now; recorded ones are of the picture that they were recorded with."""
    height, width = picture.size
    for region in regions:
        if region.size != picture.size:
            raise InputError(
                f"{path} is {width} x {height}, and the recorded regions are of a picture of {region.size[1]} x "
                f"{region.size[0]} (width x height): show its regions anew, with `mask`, `box`, `point` or "
                "`negative_mask`."
            )


def read_scenes(images: Sequence[str], pointing: Pointing, *, recursive: bool = False) -> Iterator[RecordedScene]:
    """The scenes of all pictures, one after another; each is read once before, so that a bad one is found at once.

    A single one is kept and not read again: large photographs take their time.

    What is said of one of several pictures names it.

    Raises:
        ConfigError: No picture is given, or regions that cannot be inverted.
        InputError: A picture or mask that cannot be used.
    """
    paths = list_pictures(images, recursive=recursive)
    for path in paths:
        scene = _read_named(path, pointing, among=len(paths))
        if len(paths) == 1:
            pointing.let_go()
            return iter((scene,))
        del scene
    pointing.let_go()
    return (_read_named(path, pointing, among=len(paths)) for path in paths)


def _read_named(path: Path, pointing: Pointing, *, among: int) -> RecordedScene:
    with naming(path, among=among):
        return replace(read_scene(path, pointing), among=among)


def check_scenes(
    items: Sequence[Item],
    pointing: Pointing,
    focus: FocusStrategy | None,
    geometry: Geometry,
    *,
    known: RecordedScene | None = None,
) -> RecordedScene | None:
    """Read every picture and mask once, so that a bad one is found before weights are loaded and time is spent.

    Args:
        items: The inputs.
        pointing: Where to look.
        focus: How the encoder is made to look.
        geometry: How pictures reach it.
        known: The scene if there is but one and it has been read.

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
            recorded = known or read_scene(item.image, pointing)
            scene = recorded.scene
            if "compare" in item.sheets and not scene.regions:
                raise ConfigError("`compare`: show a region to compare (`mask`, `box`, `point`, `alpha_from_image`).")
            for regions in filter(None, (scene.regions, scene.negative_regions)):
                check_visible(alpha_maps(regions)[0], focus, geometry)
    pointing.let_go()
    return recorded if len(items) == 1 else None
