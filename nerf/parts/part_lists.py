"""Lists of parts in YAML, with highlights that are shapes, parts of a scene, or masks painted on views."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any

import torch
import yaml
from jaxtyping import Float
from torch import Tensor

from gencontrol.configuration import from_mapping, read_yaml
from gencontrol.errors import ConfigError, InputError
from gencontrol.files import atomic_file
from gencontrol.images.picture import Picture
from gencontrol.images.writing import to_pil
from gencontrol.nerf.field.scene import Scene
from gencontrol.nerf.parts.highlights import named_shape
from gencontrol.nerf.parts.mask_lifting import Lifting, lift_masks
from gencontrol.nerf.parts.part_levels import share_guidance
from gencontrol.nerf.parts.parts import Part, check_parts
from gencontrol.nerf.parts.shape_settings import parse_shape
from gencontrol.nerf.parts.shapes import Shape
from gencontrol.nerf.rays.cameras import Orbit, orbit_cameras
from gencontrol.regions.masks import from_mask
from gencontrol.schedules import Schedule, as_schedule

LIST = "parts.yaml"
"""What a list of painted parts is called, beside its masks."""
_KEYS = "name, prompt, weight or level, and highlight"


@dataclass(frozen=True, kw_only=True)
class Painted:
    """A mask painted on a view of the scene, as `gencontrol nerf render` films it; of any size."""

    file: Path
    """Picture, white or opaque on the part; see `regions.from_mask`."""
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

    In the place of weights there may be levels, see `share_guidance`.

    A highlight may also be `part:`, the name of one that the scene `base` has, enlarged by `grow` (see `named_shape`),
    or `painted:`, a list of file, azimuth and elevation, which is lifted into `base` from the default orbit's cameras.

    Raises:
        ConfigError: The file is wrong; the message says where. Or `grow` is given, and no part is named.
        InputError: A highlight outside the scene, a name that the scene does not have, or masks that cannot be lifted.
    """
    values = read_yaml(path)
    entries = values.get("parts")
    if set(values) != {"parts"} or not isinstance(entries, list) or not entries:
        raise ConfigError(f"{path}: expected one key, `parts:`, with a list of parts.")
    parts = tuple(_read_part(entry, f"{path}: parts[{i}]", path.parent, base, grow) for i, entry in enumerate(entries))
    if grow is not None and not any(_names_part(entry.get("highlight")) for entry in entries):
        raise ConfigError(
            f"{path}: `grow` enlarges a part of the scene that is named (`part:`), and no highlight in the list is "
            "one: leave it out, and give larger shapes."
        )
    levels = [entry.get("level") for entry in entries]
    return check_parts(share_guidance(parts, levels, where=str(path)))


def write_painted(
    masks: Mapping[tuple[float, float], Float[Tensor, "h w"]], *, name: str, prompt: str, folder: Path
) -> Path:
    """Write a list of one part that masks show, and the masks beside it; `read_parts` reads it.

    Args:
        masks: For the azimuth and elevation of a view, in degrees, what is painted on it, [0, 1].
        name: The part's.
        prompt: What it is to become.
        folder: Where they go.

    Returns:
        The list.
    """
    folder.mkdir(parents=True, exist_ok=True)
    painted = []
    for (azimuth, elevation), mask in masks.items():
        file = f"{azimuth:g}.png" if elevation == Painted.elevation else f"{azimuth:g}-{elevation:g}.png"
        picture = to_pil(Picture(rgb=mask[None].expand(3, -1, -1).contiguous())).convert("L")
        with atomic_file(folder / file) as temporary:
            picture.save(temporary, format="PNG")
        painted.append({"file": file, "azimuth": azimuth, "elevation": elevation})
    part = {"name": name, "prompt": prompt, "highlight": {"painted": painted}}
    with atomic_file(folder / LIST) as temporary:
        temporary.write_text(yaml.safe_dump({"parts": [part]}, sort_keys=False), encoding="utf-8")
    return folder / LIST


def _read_part(entry: Any, where: str, folder: Path, base: Scene | None, grow: float | None) -> Part:
    if not isinstance(entry, Mapping):
        raise ConfigError(f"{where}: expected {_KEYS}, got {entry!r}.")
    unknown = set(entry) - {"name", "prompt", "weight", "level", "highlight"}
    if unknown or entry.get("name") is None:
        wrong = f"unknown key {sorted(map(str, unknown))[0]!r}" if unknown else "missing name"
        raise ConfigError(f"{where}: {wrong}; a part has {_KEYS}.")
    if {"weight", "level"} <= set(entry):
        raise ConfigError(f"{where}: give a weight, or a level (a share of the guidance), not both.")
    highlight = entry.get("highlight", "whole")
    if isinstance(highlight, Mapping) and "painted" in highlight:
        shape = _lift_painted(highlight["painted"], f"{where}: painted", folder, base)
    elif _names_part(highlight):
        if base is None:
            raise InputError(f"{where}: a highlight by name needs the scene that has it; a creation has none.")
        shape = named_shape(base, _text(highlight["part"], f"{where}: part"), grow=grow)
    else:
        shape = parse_shape(highlight, where=f"{where}: highlight")
    # An empty `prompt:` is None, which is no word either.
    prompt = "" if entry.get("prompt") is None else _text(entry["prompt"], f"{where}: prompt")
    name = _text(entry["name"], f"{where}: name")
    return Part(name=name, prompt=prompt, weight=_read_weight(entry, where), shape=shape)


def _text(value: Any, where: str) -> str:
    """A text as YAML has it: a number is one too, but what YAML takes for yes, no or nothing may be another word."""
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        raise ConfigError(f"{where}: expected a text, got {value!r}; put a word that YAML reads otherwise in quotes.")
    return str(value)


def _names_part(highlight: Any) -> bool:
    return isinstance(highlight, Mapping) and "part" in highlight


def _read_weight(entry: Mapping[str, Any], where: str) -> Schedule:
    try:
        return as_schedule(entry.get("weight", 1.0))
    except ConfigError as error:
        raise ConfigError(f"{where}: weight: {error}") from error


def _lift_painted(entries: Any, where: str, folder: Path, base: Scene | None) -> Shape:
    if base is None:
        raise InputError(
            f"{where}: a painted mask needs the scene that it is lifted into. A creation has none yet, and pictures "
            "have to be fitted first, in a run of the mode 'fit' whose scene is then given."
        )
    if not isinstance(entries, list) or not all(isinstance(entry, Mapping) for entry in entries):
        raise ConfigError(f"{where}: expected a list of masks, each with file, azimuth and elevation, got {entries!r}.")
    views = [from_mapping(Painted, entry, where=where) for entry in entries]
    masks = [_read_painted(folder / view.file, where) for view in views]
    if not masks or len({mask.shape for mask in masks}) > 1:
        raise InputError(f"{where}: expected one or more masks of one size.")
    return lift_painted(base, [(view.azimuth, view.elevation) for view in views], torch.stack(masks))


def lift_painted(base: Scene, views: Sequence[tuple[float, float]], masks: Float[Tensor, "b h w"]) -> Shape:
    """The part of a scene that masks on views of it show, as lists of parts have it.

    Args:
        base: The scene.
        views: Azimuth and elevation of each, in degrees, from the default orbit.
        masks: What is painted on each, [0, 1].

    Raises:
        InputError: See `lift_masks`.
    """
    azimuth, elevation = torch.tensor(list(views), dtype=torch.float32).T
    size = (masks.shape[1], masks.shape[2])
    cameras = orbit_cameras(azimuth, elevation, size, orbit=Orbit())
    return lift_masks(base, cameras, masks, lifting=Lifting())


def _read_painted(path: Path, where: str) -> Float[Tensor, "h w"]:
    try:
        return from_mask(path, size=None).alpha
    except InputError as error:
        raise InputError(f"{where}: cannot use the mask {path}: {error}") from error
