"""What is steered: named parts with a prompt, a weight and a highlight, from flags or YAML."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from importlib.resources import files
from pathlib import Path
from typing import Any

import torch
from jaxtyping import Bool, Float
from PIL import Image
from torch import Generator, Tensor

from gencontrol.configuration import from_mapping, nearest, read_yaml
from gencontrol.errors import ConfigError, InputError
from gencontrol.guidance.schedules import Schedule, as_schedule, constant
from gencontrol.nerf.field import grid
from gencontrol.nerf.field.scene import FIT_FIRST, Scene
from gencontrol.nerf.parts.mask_lifting import Lifting, lift_masks
from gencontrol.nerf.parts.shapes import (
    Box,
    Shape,
    Sphere,
    Vector,
    Voxels,
    Whole,
    check_inside,
    check_shape,
    grown,
    membership,
    parse_shape,
)
from gencontrol.nerf.rays.cameras import Orbit, orbit_cameras
from gencontrol.nerf.rays.rendering import Membership, cube_span


@dataclass(frozen=True, kw_only=True)
class Part:
    """One thing that is steered."""

    name: str
    """Unique in its run."""
    prompt: str
    """What it is to become; may be empty for a removal."""
    weight: Schedule = field(default_factory=lambda: constant(1.0))
    """How much it counts at a step."""
    shape: Shape = field(default_factory=Whole)
    """Where it is."""
    steered: bool = True
    """Whether a run steers it, or one did before; not so a scene's part that nothing has changed yet."""


@dataclass(frozen=True, kw_only=True)
class Painted:
    """A mask painted on a view of the scene, as `gencontrol nerf render` films it; of any size."""

    file: Path
    """Picture, white on the part."""
    azimuth: float
    """Degrees; see `Orbit`."""
    elevation: float = 20.0
    """Degrees."""


def parts_file(path: Path) -> Path:
    """The file itself, or the shipped preset of that name (`configs/nerf/NAME.yaml`)."""
    preset = Path(str(files("gencontrol.configs"))) / "nerf" / f"{path}.yaml"
    return preset if len(path.parts) == 1 and not path.exists() and preset.is_file() else path


def read_parts(path: Path, *, base: Scene | None = None, grow: float | None = None) -> tuple[Part, ...]:
    """Read `parts:`, a list of name, prompt, weight (number or schedule) and highlight (see `parse_shape`).

    A highlight may also be `part:`, the name of one that the scene `base` has, enlarged by `grow` (see `named_shape`),
    or `painted:`, a list of file, azimuth and elevation, which is lifted into `base` from the default orbit's cameras.

    Raises:
        ConfigError: The file is wrong; the message says where. Or `grow` is given, and no part is named.
        InputError: A highlight outside the scene, a name that the scene does not have, or masks that cannot be lifted.
    """
    values = read_yaml(path)
    entries = values.get("parts")
    if set(values) != {"parts"} or not isinstance(entries, list) or not entries:
        raise ConfigError(f"{path}: expected one key `parts` with a list of parts.")
    parts = tuple(_read_part(entry, f"{path}: parts[{i}]", path.parent, base, grow) for i, entry in enumerate(entries))
    if grow is not None and not any(_names_part(entry.get("highlight")) for entry in entries):
        raise ConfigError(
            f"{path}: grow enlarges a part of the scene that is named (`part:`), and no highlight in the list is one: "
            "leave grow out, and give larger shapes."
        )
    return check_parts(parts)


def check_parts(parts: Sequence[Part]) -> tuple[Part, ...]:
    """Refuse repeated names and empty or outlying highlights.

    Raises:
        ConfigError: A name twice.
        InputError: A highlight that encloses nothing of the scene.
    """
    names = [part.name for part in parts]
    for name in names:
        if names.count(name) > 1:
            raise ConfigError(f"Two parts are called {name!r}: every part needs a name of its own.")
    for part in parts:
        check_inside(part.shape, name=part.name)
    return tuple(parts)


def shape_from_flags(box: Sequence[float] | None, sphere: Sequence[float] | None) -> Shape:
    """A box given as x y z and side lengths, a sphere as x y z and radius, or everything.

    Raises:
        ConfigError: Both are given, or a size is not positive.
    """
    if box is not None and sphere is not None:
        raise ConfigError("Give a box or a sphere, not both; a list of parts (YAML) can join them.")
    if box is not None:
        return check_shape(Box(centre=_vector(box[:3]), size=_vector(box[3:])), where="box")
    if sphere is not None:
        return check_shape(Sphere(centre=_vector(sphere[:3]), radius=sphere[3]), where="sphere")
    return Whole()


def memberships(parts: Sequence[Part]) -> Membership:
    """Hard membership of points in each part, (n, k): what is rendered as alpha."""

    def of(points: Float[Tensor, "n 3"]) -> Float[Tensor, "n k"]:
        return torch.stack([membership(part.shape, points) for part in parts], dim=1)

    return of


def names_of(parts: Sequence[Part]) -> tuple[str, ...]:
    """The parts' names, in their order."""
    return tuple(part.name for part in parts)


def edited(parts: Sequence[Part], points: Float[Tensor, "n 3"], *, softness: float) -> Float[Tensor, " n"]:
    """How far each point may change: the largest of its memberships, [0, 1], exactly 0 outside all parts."""
    return torch.stack([membership(part.shape, points, softness=softness) for part in parts]).amax(dim=0)


@torch.no_grad()
def crossing(
    parts: Sequence[Part], origins: Float[Tensor, "r 3"], directions: Float[Tensor, "r 3"], *, samples: int = 24
) -> Bool[Tensor, " r"]:
    """Which rays cross a part within the cube, by so many points along each."""
    near, far = cube_span(origins, directions)
    share = (torch.arange(samples, device=origins.device) + 0.5) / samples
    distance = near[:, None] + (far - near)[:, None] * share
    points = (origins[:, None] + directions[:, None] * distance[..., None]).reshape(-1, 3)
    inside = edited(parts, points, softness=0.0) > 0
    return inside.reshape(len(origins), samples).any(dim=1)


def places_within(parts: Sequence[Part], resolution: int, *, generator: Generator) -> Float[Tensor, "n 3"]:
    """One place at random around each node of a lattice, of those that lie in a part; on the CPU."""
    points = grid.nodes(resolution)
    points = points + (torch.rand(points.shape, generator=generator) - 0.5) * (2 / (resolution - 1))
    return points[edited(parts, points, softness=0.0) > 0]


def named_shape(scene: Scene, name: str, *, grow: float | None = None) -> Shape:
    """The highlight that a scene stores under a name, a little larger where it is a thing's own shape.

    A lattice blurs a thing's surface over the cells around it, so that half of it lies outside of the thing's shape: a
    removal would leave a shell, and an edit a speckled one.

    Args:
        scene: What the part is of.
        name: The part's.
        grow: By how much, world units; None for one spacing of the scene's nodes, or nothing where a run has changed
            the part before, since what was changed then ends where the highlight does, and for a lifted mask.

    Raises:
        InputError: There is none, or a lifted mask is to grow.
    """
    if name not in scene.parts:
        raise InputError(f"The scene has no part {name!r}{nearest(name, scene.parts) if scene.parts else ', nor any.'}")
    spacing = 2 / (max(scene.lattice.shape[1:]) - 1)
    if grow and isinstance(scene.parts[name], Voxels):
        raise InputError(f"The part {name!r} is a mask that was painted and lifted, which cannot grow: leave grow out.")
    by = grow if grow is not None else 0.0 if name in scene.prompts else spacing
    return grown(scene.parts[name], by)


def find_part(parts: Sequence[Part], name: str) -> Part:
    """The part of a name.

    Raises:
        InputError: There is none.
    """
    for part in parts:
        if part.name == name:
            return part
    raise InputError(f"No part {name!r}; the parts are {', '.join(part.name for part in parts)}.")


def pack(text: str) -> Tensor:
    """A text as bytes in a tensor, so that a checkpoint can hold it."""
    return torch.tensor(list(text.encode()), dtype=torch.uint8)


def unpack(stored: Tensor) -> Any:
    """The JSON value of `pack`ed text."""
    return json.loads(bytes(stored.tolist()).decode())


def _read_part(entry: Any, where: str, folder: Path, base: Scene | None, grow: float | None) -> Part:
    if not isinstance(entry, Mapping):
        raise ConfigError(f"{where}: expected name, prompt, weight and highlight, got {entry!r}.")
    unknown = set(entry) - {"name", "prompt", "weight", "highlight"}
    if unknown or entry.get("name") is None:
        wrong = f"unknown key {sorted(map(str, unknown))[0]!r}" if unknown else "missing name"
        raise ConfigError(f"{where}: {wrong}; a part has name, prompt, weight and highlight.")
    highlight = entry.get("highlight", "whole")
    if isinstance(highlight, Mapping) and "painted" in highlight:
        shape = _lift(highlight["painted"], f"{where}: painted", folder, base)
    elif _names_part(highlight):
        if base is None:
            raise InputError(f"{where}: a highlight by name needs the scene that has it; a creation has none.")
        shape = named_shape(base, str(highlight["part"]), grow=grow)
    else:
        shape = parse_shape(highlight, where=f"{where}: highlight")
    # An empty `prompt:` is None, which is no word either.
    prompt = "" if entry.get("prompt") is None else str(entry["prompt"])
    return Part(name=str(entry["name"]), prompt=prompt, weight=_read_weight(entry, where), shape=shape)


def _names_part(highlight: Any) -> bool:
    return isinstance(highlight, Mapping) and "part" in highlight


def _read_weight(entry: Mapping[str, Any], where: str) -> Schedule:
    try:
        return as_schedule(entry.get("weight", 1.0))
    except ConfigError as error:
        raise ConfigError(f"{where}: weight: {error}") from error


def _lift(entries: Any, where: str, folder: Path, base: Scene | None) -> Shape:
    if base is None:
        raise InputError(
            f"{where}: a painted mask needs a scene to be lifted into (--pipeline.model.scene). A creation has none "
            f"yet, and pictures have to be fitted first: `{FIT_FIRST}`."
        )
    if not isinstance(entries, list) or not all(isinstance(entry, Mapping) for entry in entries):
        raise ConfigError(f"{where}: expected a list of masks, each with file, azimuth and elevation, got {entries!r}.")
    views = [from_mapping(Painted, entry, where=where) for entry in entries]
    masks = [_read_mask(folder / view.file) for view in views]
    if not masks or len({mask.shape for mask in masks}) > 1:
        raise InputError(f"{where}: expected one or more masks of one size.")
    azimuth, elevation = torch.tensor([[v.azimuth, v.elevation] for v in views]).T
    size = (masks[0].shape[0], masks[0].shape[1])
    cameras = orbit_cameras(azimuth, elevation, size, orbit=Orbit())
    return lift_masks(base, cameras, torch.stack(masks), lifting=Lifting())


def _read_mask(path: Path) -> Float[Tensor, "h w"]:
    from torchvision.transforms.functional import pil_to_tensor

    try:
        with Image.open(path) as picture:
            return pil_to_tensor(picture.convert("L"))[0] / 255
    except OSError as error:
        raise InputError(f"Cannot read the mask {path}: {error}.") from error


def _vector(values: Sequence[float]) -> Vector:
    x, y, z = values
    return (x, y, z)
