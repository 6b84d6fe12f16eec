"""What a checkpoint holds beside the field: the parts that are steered, and those that the scene had before."""

import json
import warnings
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from gencontrol.errors import CheckpointError
from gencontrol.nerf.field.scene import Scene
from gencontrol.nerf.method.change_record import CHANGE_RECORD, EARLIER_VERSION, pack, unpack
from gencontrol.nerf.method.config import SteeredModelConfig
from gencontrol.nerf.parts.parts import Part
from gencontrol.nerf.parts.shape_settings import parse_shape, shape_mapping
from gencontrol.nerf.parts.shapes import Voxels
from gencontrol.schedules import Schedule

FIT_FIRST = "ns-train alphaclip-nerf --data FOLDER --pipeline.model.mode fit"
"""The way from another method's scene to one that can be edited."""
STEERED_PARTS, SCENE_PARTS = "about", "kept"
"""Buffers of a model that describe the parts that it steers, and the parts of the scene that it started from."""
# Buffer -> what the names of its lifted masks begin with.
_MASK_PREFIX = {STEERED_PARTS: "voxels_", SCENE_PARTS: "kept_voxels_"}


def store_parts(module: torch.nn.Module, buffer: str, parts: Sequence[Part]) -> None:
    """Register parts as buffers on the module's device: a text, and lifted masks beside it; nothing for no parts."""
    if not parts:
        return
    device = next(module.parameters()).device
    module.register_buffer(buffer, pack(json.dumps(part_records(parts))).to(device))
    for index, part in enumerate(parts):
        if isinstance(part.shape, Voxels):
            module.register_buffer(f"{_MASK_PREFIX[buffer]}{index}", part.shape.values.to(device))


def stored_parts(module: torch.nn.Module, buffer: str) -> tuple[Part, ...]:
    """The parts that `store_parts` registered; none if there is no such buffer."""
    # A steered part may be one that the scene had before, and share its mask.
    buffers = dict(module.named_buffers(recurse=False, remove_duplicate=False))
    if buffer not in buffers:
        return ()
    start = _MASK_PREFIX[buffer]
    voxels = {int(name.removeprefix(start)): b for name, b in buffers.items() if name.startswith(start)}
    return parts_of_records(buffers[buffer], voxels)


def parts_of_scene(scene: Scene | None) -> tuple[Part, ...]:
    """The parts that a scene stores, with the prompts of those that were steered."""
    if scene is None:
        return ()
    asked = scene.prompts
    return tuple(Part(name=n, prompt=asked.get(n, ""), shape=s, steered=n in asked) for n, s in scene.parts.items())


def scene_of(lattice: Float[Tensor, "4 z y x"], *, before: Sequence[Part], steered: Sequence[Part], mode: str) -> Scene:
    """A scene with its parts, and the prompts of those that a run has changed; a steered part goes before one that
    was there.

    A fit changes none, whatever it names, and a creation makes those that have a prompt.
    """
    shapes = {part.name: part.shape for part in (*before, *steered)}
    changed = [part for part in steered if mode != "fit" and (part.prompt or mode != "create")]
    prompts = {part.name: part.prompt for part in (*before, *changed) if part.steered}
    return Scene(lattice=lattice, parts=shapes, prompts=prompts)


def warn_of_overruled(config: SteeredModelConfig, given: Sequence[Part], stored: Sequence[Part]) -> None:
    """Say that a checkpoint's parts go before those of the flags, where there are such and they differ."""
    named = (config.prompt, config.box, config.sphere, config.part, config.parts)
    if not any(value is not None for value in named) or part_records(given) == part_records(stored):
        return
    warnings.warn(
        f"The checkpoint's own parts are kept, {_listed(stored)}; what is given now is left out, {_listed(given)}. To "
        "start anew, leave `load_dir` out; to start from what that run made, name its folder as `scene` instead, with "
        "the `mode` edit.",
        stacklevel=2,
    )


def part_records(parts: Sequence[Part]) -> list[dict[str, Any]]:
    """The parts as JSON values; lifted masks are named by their place and stored beside."""
    return [
        {
            "name": part.name,
            "prompt": part.prompt,
            "steered": part.steered,
            "points": part.weight.points,
            "curve": part.weight.curve,
            "highlight": None if isinstance(part.shape, Voxels) else shape_mapping(part.shape),
        }
        for part in parts
    ]


def parts_of_records(stored: Tensor, voxels: Mapping[int, Tensor]) -> tuple[Part, ...]:
    """The parts that a checkpoint holds.

    Raises:
        CheckpointError: An earlier version stored them.
    """
    parts = []
    for index, entry in enumerate(unpack(stored)):
        if "steered" not in entry:
            raise CheckpointError(EARLIER_VERSION)
        shape = Voxels(values=voxels[index]) if entry["highlight"] is None else parse_shape(entry["highlight"])
        weight = Schedule(points=tuple((s, v) for s, v in entry["points"]), curve=entry["curve"])
        about = {key: entry[key] for key in ("name", "prompt", "steered")}
        parts.append(Part(**about, weight=weight, shape=shape))
    return tuple(parts)


def make_room(module: torch.nn.Module, state: dict[str, Tensor], prefix: str, *_: object) -> None:
    """Before loading: make room for what a checkpoint holds of parts and cells.

    Raises:
        CheckpointError: It is one of another method.
    """
    # nerfstudio's pipeline loads its model, and then itself with what is left of the state: nothing for us.
    if not any(key.startswith(prefix) for key in state):
        return
    if prefix + "about" not in state:
        raise CheckpointError(
            "The checkpoint is not one of `alphaclip-nerf`. A scene of another method has to be fitted first, from the "
            f"pictures that it was made of: `{FIT_FIRST}`."
        )
    # The trainer reads a checkpoint on the CPU, after the model has moved to its device.
    device = next(module.parameters()).device
    # What was highlighted, and which cells are empty, is as large as it was when it was saved.
    for name in [n for n, _ in module.named_buffers(recurse=False, remove_duplicate=False)]:
        if prefix + name not in state:
            delattr(module, name)
    resized = ("cells", CHANGE_RECORD, *_MASK_PREFIX)
    for key, value in state.items():
        name = key.removeprefix(prefix)
        if key.startswith(prefix) and (name in resized or name.startswith(tuple(_MASK_PREFIX.values()))):
            module.register_buffer(name, torch.zeros_like(value, device=device))


def _listed(parts: Sequence[Part]) -> str:
    described = [
        f"{a['name']} (prompt {a['prompt']!r}, weight {a['points']}, highlight {a['highlight'] or 'a lifted mask'})"
        for a in part_records(parts)
    ]
    return "; ".join(described)
