"""A finished scene in one file: the lattice, and the parts that were highlighted in it. No pickle, no nerfstudio."""

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from jaxtyping import Bool, Float
from safetensors import SafetensorError, safe_open
from torch import Tensor

from gencontrol.errors import CheckpointError, ConfigError, InputError
from gencontrol.files import atomic_file
from gencontrol.nerf.field import grid
from gencontrol.nerf.parts.shape_settings import parse_shape, shape_mapping
from gencontrol.nerf.parts.shapes import Shape, Voxels
from gencontrol.tensors import tensor_bytes
from gencontrol.text_files import check_no_address

SCENE_FILE = "scene.safetensors"
# Bumped when a file of an older version would be read wrongly.
_VERSION = "1"
# Raw values are some tens: beyond this, what adds up along a ray, and the squares of slopes, leave float32.
_LARGEST = 1e12
# Density per world unit below which space is skipped: 1 % opacity along the cube's diagonal.
SKIP_BELOW = 0.003


@dataclass(frozen=True, kw_only=True)
class Scene:
    """A radiance field over the cube [-1, 1] on each axis."""

    lattice: Float[Tensor, "4 z y x"]
    """Raw density, red, green, blue."""
    parts: dict[str, Shape] = field(default_factory=dict)
    """Name -> highlight."""
    prompts: dict[str, str] = field(default_factory=dict)
    """Name of a part -> what it was steered to."""

    def __call__(self, points: Float[Tensor, "n 3"]) -> tuple[Float[Tensor, " n"], Float[Tensor, "n 3"]]:
        """Density per world unit and sRGB colour: a `rendering.Field`."""
        raw = grid.sample(self.lattice, points)
        return grid.density(raw[:, 0]), grid.colour(raw[:, 1:])

    def cells(self) -> Bool[Tensor, "_ _ _"]:
        """Cells that are not empty."""
        return grid.occupied(self.lattice[0], threshold=SKIP_BELOW, grow=0)


def save_scene(scene: Scene, path: Path) -> None:
    """Write a scene; whole or not at all."""
    voxels = {n: s for n, s in scene.parts.items() if isinstance(s, Voxels)}
    shapes = {n: shape_mapping(s) for n, s in scene.parts.items() if n not in voxels}
    about = {"version": _VERSION, "parts": json.dumps(shapes), "prompts": json.dumps(scene.prompts)}
    tensors = {"lattice": scene.lattice} | {f"part.{n}": v.values for n, v in voxels.items()}
    with atomic_file(path) as temporary:
        temporary.write_bytes(tensor_bytes(tensors, about))


def load_scene(path: Path) -> Scene:
    """Read a scene file, or the newest one in a folder of a run.

    Raises:
        InputError: There is none.
        CheckpointError: The file is broken or is something else.
    """
    path = find_scene(path)
    try:
        with safe_open(path, framework="pt") as file:
            about = file.metadata() or {}
            tensors = {key: file.get_tensor(key) for key in file.keys()}
    except (SafetensorError, OSError) as error:
        raise CheckpointError(f"{path} cannot be read as safetensors: {error}.") from error
    if about.get("version") != _VERSION or "lattice" not in tensors:
        raise CheckpointError(f"{path} is not a scene of this version of gencontrol: train it again.")
    _check_values(path, "lattice", tensors["lattice"], dimensions=4)
    if tensors["lattice"].shape[0] != 4 or min(tensors["lattice"].shape[1:]) < 2:
        shape = tuple(tensors["lattice"].shape)
        raise CheckpointError(
            f"{path} is a broken scene: its lattice is {shape}; expected (4, z, y, x) with at least 2 nodes a side."
        )
    parts, prompts = _parts(path, about, tensors), _mapping(path, about, "prompts")
    return Scene(lattice=tensors["lattice"], parts=parts, prompts={name: str(text) for name, text in prompts.items()})


def find_scene(path: Path) -> Path:
    """The scene file itself, or the newest below a folder."""
    if path.is_file() and path.suffix == ".safetensors":
        return path
    check_no_address(path, what="a scene's file, or the folder of a run")
    found = sorted(path.rglob(SCENE_FILE), key=lambda p: p.stat().st_mtime) if path.is_dir() else []
    if not found:
        raise InputError(
            f"No scene at {path}: give a {SCENE_FILE} or the folder of a finished `alphaclip-nerf` run (a scene of "
            "another method has to be fitted first, from its pictures, in a run of the mode 'fit')."
        )
    return found[-1]


def _parts(path: Path, about: dict[str, str], tensors: dict[str, Tensor]) -> dict[str, Shape]:
    try:
        parts = {n: parse_shape(s, where=f"part {n!r}") for n, s in _mapping(path, about, "parts").items()}
    except ConfigError as error:
        raise CheckpointError(f"{path} is a broken scene: {error}") from error
    lifted = {key: value for key, value in tensors.items() if key.startswith("part.")}
    for name, values in lifted.items():
        _check_values(path, name, values, dimensions=3)
    return parts | {name.removeprefix("part."): Voxels(values=values) for name, values in lifted.items()}


def _mapping(path: Path, about: dict[str, str], name: str) -> dict[str, Any]:
    try:
        values = json.loads(about[name])
    except (KeyError, ValueError, RecursionError) as error:
        raise CheckpointError(
            f"{path} is a broken scene: its metadata {name!r} is missing, or is no JSON ({type(error).__name__})."
        ) from error
    if not isinstance(values, dict):
        raise CheckpointError(f"{path} is a broken scene: its metadata {name!r} is {values!r}; expected a mapping.")
    return values


def _check_values(path: Path, name: str, values: Tensor, *, dimensions: int) -> None:
    if values.dtype != torch.float32 or values.ndim != dimensions or values.numel() == 0:
        raise CheckpointError(
            f"{path} is a broken scene: {name} is {tuple(values.shape)} of {values.dtype}; expected {dimensions} "
            "dimensions of torch.float32."
        )
    if not values.isfinite().all():
        count = int((~values.isfinite()).sum())
        raise CheckpointError(
            f"{path} is a broken scene: {count} of the {values.numel()} values of {name} are not finite."
        )
    largest = float(values.abs().max())
    if largest > _LARGEST:
        raise CheckpointError(
            f"{path} is a broken scene: a value of {name} is {largest:.3g} from 0, of which a picture cannot be "
            f"reckoned; expected at most {_LARGEST:g}. Train it again, with a smaller `learning_rate`."
        )
