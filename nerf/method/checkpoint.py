"""What a checkpoint holds beside the field: the parts that are steered, and those that the scene had before."""

import dataclasses
import json
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from gencontrol.errors import CheckpointError
from gencontrol.guidance.schedules import Schedule
from gencontrol.nerf.field.scene import FIT_FIRST, Scene
from gencontrol.nerf.method.config import SteeredModelConfig
from gencontrol.nerf.parts.parts import Part, pack, unpack
from gencontrol.nerf.parts.shapes import Voxels, parse_shape, shape_mapping

STEERED, KEPT = "about", "kept"
"""Buffers of a model that describe the parts that it steers, and the parts of the scene that it started from."""
CHANGE = "change_of"
"""Buffer of a model that says what it has changed, or made: see `Change`."""
_EARLIER = (
    "The checkpoint is one of an earlier version of gencontrol, which did not store what it means: train it again."
)
# Buffer -> what the names of its lifted masks begin with.
_VOXELS = {STEERED: "voxels_", KEPT: "kept_voxels_"}


@dataclass(frozen=True, kw_only=True)
class Change:
    """What a checkpoint's values mean: with other settings the same values are another scene."""

    mode: str
    """The mode they were made in."""
    begun: int
    """Their first step: 0, or the one after a fit; schedules of weights count from there."""
    representation: str
    """What they are values of: a lattice or a hash grid."""
    symmetry: str
    """Of the creation, or of the replacement."""
    free: bool
    """Whether the highlight does not bound a change."""
    softness: float
    """Width of the soft edge of a highlight that does, world units; otherwise 0."""
    ball_radius: float
    """Of the ball that a hash grid's creation is added to at every look, world units; otherwise 0, as the next two."""
    ball_sharpness: float
    """Its fall."""
    ball_peak: float
    """Its raw density."""


def change_of(config: SteeredModelConfig, *, begun: int) -> Change:
    """What a change with these settings means; settings that its mode does not read are left at nothing."""
    created = config.mode == "create"
    on_ball = created and config.representation == "hash"
    return Change(
        mode=config.mode,
        begun=begun,
        representation=config.representation,
        symmetry=config.symmetry,
        free=config.free and not created,
        softness=0.0 if created or config.free else config.softness,
        ball_radius=config.ball_radius if on_ball else 0.0,
        ball_sharpness=config.ball_sharpness if on_ball else 0.0,
        ball_peak=config.ball_peak if on_ball else 0.0,
    )


def store_change(module: torch.nn.Module, change: Change) -> None:
    """Register it as a buffer on the module's device."""
    stored = pack(json.dumps(dataclasses.asdict(change)))
    module.register_buffer(CHANGE, stored.to(next(module.parameters()).device))


def stored_change(module: torch.nn.Module) -> Change | None:
    """What `store_change` registered; None before an edit has begun, and for a fit.

    Raises:
        CheckpointError: An earlier version stored it.
    """
    buffers = dict(module.named_buffers(recurse=False))
    if CHANGE not in buffers:
        return None
    try:
        return Change(**unpack(buffers[CHANGE]))
    except TypeError as error:
        raise CheckpointError(_EARLIER) from error


def goes_on(module: torch.nn.Module, mode: str) -> bool:
    """Whether a change or creation that is stored was made in this mode, and not in another one or by a fit."""
    change = stored_change(module)
    return change is not None and change.mode == mode


def renew_change(module: torch.nn.Module, config: SteeredModelConfig) -> None:
    """Say anew what the values mean where a creation goes on from a fit, or a fit or its edit from a creation."""
    change = stored_change(module)
    if config.mode == "create" and change is None:
        store_change(module, change_of(config, begun=0))
    elif config.mode != "create" and change is not None and change.mode == "create":
        delattr(module, CHANGE)


def store_parts(module: torch.nn.Module, buffer: str, parts: Sequence[Part]) -> None:
    """Register parts as buffers on the module's device: a text, and lifted masks beside it; nothing for no parts."""
    if not parts:
        return
    device = next(module.parameters()).device
    module.register_buffer(buffer, pack(json.dumps(about_parts(parts))).to(device))
    for index, part in enumerate(parts):
        if isinstance(part.shape, Voxels):
            module.register_buffer(f"{_VOXELS[buffer]}{index}", part.shape.values.to(device))


def stored_parts(module: torch.nn.Module, buffer: str) -> tuple[Part, ...]:
    """The parts that `store_parts` registered; none if there is no such buffer."""
    # A steered part may be one of the kept ones, and share its mask.
    buffers = dict(module.named_buffers(recurse=False, remove_duplicate=False))
    if buffer not in buffers:
        return ()
    start = _VOXELS[buffer]
    voxels = {int(name.removeprefix(start)): b for name, b in buffers.items() if name.startswith(start)}
    return read_about(buffers[buffer], voxels)


def parts_of_scene(scene: Scene | None) -> tuple[Part, ...]:
    """The parts that a scene stores, with the prompts of those that were steered."""
    if scene is None:
        return ()
    asked = scene.prompts
    return tuple(Part(name=n, prompt=asked.get(n, ""), shape=s, steered=n in asked) for n, s in scene.parts.items())


def scene_of(lattice: Float[Tensor, "4 z y x"], *, kept: Sequence[Part], steered: Sequence[Part], mode: str) -> Scene:
    """A scene with its parts, and the prompts of those that a run has changed; a steered part goes before a kept one.

    A fit changes none, whatever it names, and a creation makes those that have a prompt.
    """
    shapes = {part.name: part.shape for part in (*kept, *steered)}
    changed = [part for part in steered if mode != "fit" and (part.prompt or mode != "create")]
    prompts = {part.name: part.prompt for part in (*kept, *changed) if part.steered}
    return Scene(lattice=lattice, parts=shapes, prompts=prompts)


def warn_of_kept(config: SteeredModelConfig, given: Sequence[Part], stored: Sequence[Part]) -> None:
    """Say that a checkpoint's parts go before those of the flags, where there are such and they differ."""
    named = (config.prompt, config.box, config.sphere, config.part, config.parts)
    if not any(value is not None for value in named) or about_parts(given) == about_parts(stored):
        return
    warnings.warn(
        f"The checkpoint's own parts are kept, {_listed(stored)}; what is given now is left out, {_listed(given)}. To "
        "start anew, leave --load-dir out; to start from what that run made, name its folder instead: "
        "--pipeline.model.mode edit --pipeline.model.scene FOLDER.",
        stacklevel=2,
    )


def about_parts(parts: Sequence[Part]) -> list[dict[str, Any]]:
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


def read_about(stored: Tensor, voxels: Mapping[int, Tensor]) -> tuple[Part, ...]:
    """The parts that a checkpoint holds.

    Raises:
        CheckpointError: An earlier version stored them.
    """
    parts = []
    for index, entry in enumerate(unpack(stored)):
        if "steered" not in entry:
            raise CheckpointError(_EARLIER)
        shape = Voxels(values=voxels[index]) if entry["highlight"] is None else parse_shape(entry["highlight"])
        weight = Schedule(points=tuple((s, v) for s, v in entry["points"]), curve=entry["curve"])
        about = {key: entry[key] for key in ("name", "prompt", "steered")}
        parts.append(Part(**about, weight=weight, shape=shape))
    return tuple(parts)


def take_shapes(module: torch.nn.Module, state: dict[str, Tensor], prefix: str, *_: object) -> None:
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
    for key, value in state.items():
        name = key.removeprefix(prefix)
        if key.startswith(prefix) and (name in ("cells", CHANGE, *_VOXELS) or name.startswith(tuple(_VOXELS.values()))):
            module.register_buffer(name, torch.zeros_like(value, device=device))


def _listed(parts: Sequence[Part]) -> str:
    described = [
        f"{a['name']} (prompt {a['prompt']!r}, weight {a['points']}, highlight {a['highlight'] or 'a lifted mask'})"
        for a in about_parts(parts)
    ]
    return "; ".join(described)
