"""From the method's settings to a field and parts, refusing what cannot work before time is spent."""

import warnings
from collections.abc import Mapping
from typing import Any, cast

import torch
from torch import Tensor

from gencontrol.errors import ConfigError
from gencontrol.guidance.schedules import Schedule, as_schedule, value_at
from gencontrol.nerf.config import SteeredModelConfig
from gencontrol.nerf.field import Edit, VoxelField, start_of_creation, start_of_edit
from gencontrol.nerf.highlight import Voxels, parse_shape, shape_mapping
from gencontrol.nerf.parts import Part, check_parts, read_parts, shape_from_flags, unpack
from gencontrol.nerf.scene import Scene, load_scene

_WEIGHTS = ("guidance", "transmittance", "entropy", "density_variation", "colour_variation", "removal")


def check_config(config: SteeredModelConfig) -> None:
    """Refuse settings that contradict each other.

    Raises:
        ConfigError: Saying which, and what to give instead.
    """
    if config.mode in ("create", "fit") and config.scene is not None:
        raise ConfigError(
            f"--pipeline.model.scene is given, but the mode is {config.mode!r}: choose edit, remove or recolour."
        )
    if config.parts is not None and (config.prompt or config.box or config.sphere):
        raise ConfigError("Give a prompt with a box or sphere, or a list of parts (YAML), not both.")
    if config.mode in ("create", "edit", "recolour") and not (config.prompt or config.parts):
        raise ConfigError(f"The mode {config.mode!r} needs a prompt: --prompt TEXT, or --pipeline.model.parts FILE.")
    if config.free and config.mode == "remove":
        raise ConfigError("A removal without the highlight's bound would remove everything: leave `free` off.")
    for value, name in ((config.softness, "softness"), (config.ball_radius, "ball_radius")):
        if not 0 <= value <= 1:
            raise ConfigError(f"{name} must lie in [0, 1] world units; got {value}.")
    if config.samples < 2 or config.eval_samples < 2:
        raise ConfigError(f"A ray needs at least two samples; got {config.samples} and {config.eval_samples}.")


def schedules_of(config: SteeredModelConfig) -> dict[str, Schedule]:
    """Every weight's schedule, by the name of its field without `_weight`.

    Raises:
        ConfigError: A schedule that cannot be read.
    """
    schedules = {name: as_schedule(getattr(config, f"{name}_weight")) for name in _WEIGHTS}
    return schedules | {"transmittance_ceiling": as_schedule(config.transmittance_ceiling)}


def resolution_at(config: SteeredModelConfig, step: int) -> int:
    """Nodes along a side of the trained lattice at a step."""
    schedule = as_schedule(config.resolution)
    held = Schedule(points=schedule.points, curve="hold")
    resolution = round(value_at(held, step))
    if resolution < 4:
        raise ConfigError(f"A lattice needs at least 4 nodes along a side; got {resolution} at step {step}.")
    return resolution


def first_field(config: SteeredModelConfig) -> tuple[VoxelField, Scene | None]:
    """The field at step 0, and the scene it starts from.

    An edit without a scene starts from a data set: its field is a creation's until the fit is done.
    """
    resolution = resolution_at(config, 0)
    if config.scene is None:
        generator = torch.Generator().manual_seed(config.seed)
        return VoxelField(start_of_creation(resolution, radius=config.ball_radius, generator=generator)), None
    # A checkpoint holds its base: once trained, the scene it began with may be gone.
    if not config.scene.exists():
        warnings.warn(f"The scene {config.scene} is not there; only a checkpoint can bring its field.", stacklevel=2)
        empty = torch.zeros(4, 2, 2, 2)
        return VoxelField(start_of_edit(resolution, _edit(config)), base=empty, mode=_edit(config)), None
    scene = load_scene(config.scene)
    return VoxelField(start_of_edit(resolution, _edit(config)), base=scene.lattice, mode=_edit(config)), scene


def parts_of_config(config: SteeredModelConfig, scene: Scene | None) -> tuple[Part, ...]:
    """The parts that the flags or the YAML file name.

    Raises:
        ConfigError: A file or flags that are wrong.
        InputError: A highlight that encloses nothing of the scene.
    """
    if config.parts is not None and config.parts.exists():
        return read_parts(config.parts, base=scene)
    if config.parts is not None:
        warnings.warn(f"The parts {config.parts} are not there; only a checkpoint can bring them.", stacklevel=2)
    shape = shape_from_flags(config.box, config.sphere)
    return check_parts([Part(name="part", prompt=config.prompt or "", shape=shape)])


def about_parts(parts: tuple[Part, ...]) -> list[dict[str, Any]]:
    """The parts as JSON values; lifted masks are named by their place and stored beside."""
    return [
        {
            "name": part.name,
            "prompt": part.prompt,
            "points": part.weight.points,
            "curve": part.weight.curve,
            "highlight": None if isinstance(part.shape, Voxels) else shape_mapping(part.shape),
        }
        for part in parts
    ]


def read_about(stored: Tensor, voxels: Mapping[int, Tensor]) -> tuple[Part, ...]:
    """The parts that a checkpoint holds."""
    parts = []
    for index, entry in enumerate(unpack(stored)):
        shape = Voxels(values=voxels[index]) if entry["highlight"] is None else parse_shape(entry["highlight"])
        weight = Schedule(points=tuple((s, v) for s, v in entry["points"]), curve=entry["curve"])
        parts.append(Part(name=entry["name"], prompt=entry["prompt"], weight=weight, shape=shape))
    return tuple(parts)


def take_shapes(module: torch.nn.Module, state: dict[str, Tensor], prefix: str, *_: object) -> None:
    """Before loading: make room for what a checkpoint holds of parts and cells."""
    # nerfstudio's pipeline loads its model, and then itself with what is left of the state: nothing for us.
    if not any(key.startswith(prefix) for key in state):
        return
    # What was highlighted, and which cells are empty, is as large as it was when it was saved.
    for name in [n for n, _ in module.named_buffers(recurse=False)]:
        if prefix + name not in state:
            delattr(module, name)
    for key, value in state.items():
        name = key.removeprefix(prefix)
        if key.startswith(prefix) and (name in ("cells", "about") or name.startswith("voxels_")):
            module.register_buffer(name, torch.zeros_like(value))


def _edit(config: SteeredModelConfig) -> Edit:
    return "create" if config.mode == "fit" else cast(Edit, config.mode)
