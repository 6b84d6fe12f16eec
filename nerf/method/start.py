"""From the method's settings to a field and parts, refusing what cannot work before time is spent."""

import warnings
from collections.abc import Callable, Sequence
from typing import cast

import torch
from jaxtyping import Float
from torch import Tensor

from gencontrol.errors import ConfigError, InputError
from gencontrol.guidance.schedules import Schedule, as_schedule, value_at
from gencontrol.guidance.score import Guide
from gencontrol.nerf.field import grid
from gencontrol.nerf.field.field import Edit, SteeredField, VoxelField, start_of_creation, start_of_edit
from gencontrol.nerf.field.hash_grid import HashField, tcnn_network
from gencontrol.nerf.field.scene import Scene, load_scene
from gencontrol.nerf.field.symmetry import folded_within
from gencontrol.nerf.method.config import SteeredModelConfig
from gencontrol.nerf.method.outputs import check_colour
from gencontrol.nerf.parts.parts import Part, check_parts, named_shape, parts_file, read_parts, shape_from_flags
from gencontrol.nerf.parts.shapes import Shape, Whole, membership
from gencontrol.nerf.steering.guidance import Steering, prepare
from gencontrol.nerf.steering.other_names import read_names
from gencontrol.streams import seeded

# Density per world unit from which there is something to take away or to recolour; 1 is a tenth opaque over 0.1.
_SOMETHING = 1.0
_LEAST = {
    "samples": 2,
    "eval_samples": 2,
    "hash_resolution": 4,
    "skip_every": 1,
    "eval_num_rays_per_chunk": 1,
    "preview_every": 0,
    "turntable_frames": 0,
    "turntable_size": 1,
}
_WEIGHTS = (
    "guidance",
    "contrast",
    "transmittance",
    "entropy",
    "density_variation",
    "colour_variation",
    "fit_colour_variation",
    "removal",
)


def check_config(config: SteeredModelConfig) -> None:
    """Refuse settings that contradict each other.

    Raises:
        ConfigError: Saying which, and what to give instead.
    """
    if config.mode in ("create", "fit") and config.scene is not None:
        raise ConfigError(
            f"--pipeline.model.scene is given, but the mode is {config.mode!r}: choose edit, replace, "
            "remove or recolour."
        )
    if config.parts is not None and (config.prompt or config.box or config.sphere or config.part):
        raise ConfigError("Give a prompt with a box, sphere or part, or a list of parts (YAML), not both.")
    if config.part is not None and config.scene is None:
        raise ConfigError("A highlight by name (--pipeline.model.part) needs the scene that has it: name it too.")
    if config.grow is not None and config.part is None and config.parts is None:
        raise ConfigError("grow enlarges a part of the scene that is named (part, parts): give a larger box or sphere.")
    if config.mode in ("create", "edit", "replace", "recolour") and not (config.prompt or config.parts):
        raise ConfigError(f"The mode {config.mode!r} needs a prompt: --prompt TEXT, or --pipeline.model.parts FILE.")
    if config.symmetry != "none" and config.mode not in ("create", "replace"):
        raise ConfigError(
            f"symmetry {config.symmetry!r} is for what grows anew (create, replace); the mode {config.mode!r} starts "
            "from what is there, which says itself what is symmetric: leave it at none."
        )
    if config.stop_alpha_gradient and config.mode in ("replace", "remove"):
        raise ConfigError(
            f"stop_alpha_gradient would stop what the mode {config.mode!r} works by, which is the part's alpha: leave "
            "it off."
        )
    if config.free and config.mode in ("replace", "remove"):
        raise ConfigError(
            f"The mode {config.mode!r} without the highlight's bound would take everything away: leave `free` off."
        )
    lengths = (("softness", config.softness), ("ball_radius", config.ball_radius), ("grow", config.grow or 0.0))
    for name, value in lengths:
        if not 0 <= value <= 1:
            raise ConfigError(f"{name} must lie in [0, 1] world units; got {value}.")
    if config.ball_sharpness <= 0 or config.contrast_scale <= 0:
        raise ConfigError(
            f"ball_sharpness and contrast_scale must be above 0; got {config.ball_sharpness}, {config.contrast_scale}."
        )
    check_colour(config.background, name="background")
    for name, least in _LEAST.items():
        if getattr(config, name) < least:
            raise ConfigError(f"{name} must be at least {least}; got {getattr(config, name)}.")
    for step, _ in as_schedule(config.resolution).points:
        resolution_at(config, int(step))


def schedules_of(config: SteeredModelConfig) -> dict[str, Schedule]:
    """Every weight's schedule, by the name of its field without `_weight`.

    Raises:
        ConfigError: A schedule that cannot be read.
    """
    schedules = {name: as_schedule(getattr(config, f"{name}_weight")) for name in _WEIGHTS}
    ceilings = {name: as_schedule(getattr(config, name)) for name in ("transmittance_ceiling", "replace_ceiling")}
    return schedules | ceilings


def steering_of(config: SteeredModelConfig, parts: Sequence[Part], guides: Sequence[Guide]) -> Steering:
    """Parts and encoders as the settings steer them; encodes the prompts.

    Raises:
        InputError: A prompt that an encoder's tokenizer cannot take, or a file of names that cannot be read.
    """
    return prepare(
        parts,
        guides,
        views=config.view_prompts,
        augmentation=config.augmentation,
        alpha_input=config.alpha_input,
        names=read_names(config.apart_from),
        scale=config.contrast_scale,
    )


def resolution_at(config: SteeredModelConfig, step: int) -> int:
    """Nodes along a side of the trained lattice at a step."""
    schedule = as_schedule(config.resolution)
    held = Schedule(points=schedule.points, curve="hold")
    resolution = round(value_at(held, step))
    if resolution < 4:
        raise ConfigError(f"A lattice needs at least 4 nodes along a side; got {resolution} at step {step}.")
    return resolution


def first_field(config: SteeredModelConfig) -> tuple[SteeredField, Scene | None]:
    """The field at step 0, and the scene it starts from; none if it is not there, see `awaited`.

    An edit without a scene starts from a data set: its field is a creation's until the fit is done.

    Raises:
        MissingDependencyError: A hash grid without tiny-cuda-nn.
    """
    if config.scene is None:
        return _new_field(config, None, "create"), None
    scene = load_scene(config.scene) if config.scene.exists() else None
    base = torch.zeros(4, 2, 2, 2) if scene is None else scene.lattice
    return _new_field(config, base, _edit(config)), scene


def awaited(config: SteeredModelConfig) -> list[str]:
    """What the settings name and is not there: once trained, a checkpoint brings it, and it may be gone."""
    named = {"scene": config.scene, "parts": None if config.parts is None else parts_file(config.parts)}
    return [f"the {name} {path}" for name, path in named.items() if path is not None and not path.exists()]


def parts_of_config(config: SteeredModelConfig, scene: Scene | None) -> tuple[Part, ...]:
    """The parts that the flags or the YAML file name; where something of that is not there, one that stands for them.

    Raises:
        ConfigError: A file or flags that are wrong.
        InputError: A highlight that encloses nothing of the scene, or a name that the scene does not have.
    """
    missing = awaited(config)
    if missing:
        warnings.warn(f"Not there: {', '.join(missing)}; only a checkpoint can bring that.", stacklevel=2)
        return (Part(name="part", prompt=config.prompt or "", shape=Whole()),)
    if config.parts is not None:
        return read_parts(parts_file(config.parts), base=scene, grow=config.grow)
    return check_parts([Part(name=config.part or "part", prompt=config.prompt or "", shape=_shape(config, scene))])


def check_start(parts: tuple[Part, ...], mode: str, base: Tensor | None, *, begins: bool) -> None:
    """Refuse what has no text, no bound, or nothing to change.

    Args:
        parts: What is to be changed.
        mode: How.
        base: The scene; None before pictures have been fitted.
        begins: Whether prompts, and something to change, are asked for: not of a run that goes on, whose prompt the
            viewer may have taken out, or whose highlight it may have moved.

    Raises:
        ConfigError: Nothing says what to make, or everything would be removed or replaced.
        InputError: A highlight that holds nothing to remove or to recolour.
    """
    silent = [part.name for part in parts if not part.prompt]
    every, none = mode == "replace", mode in ("create", "edit", "recolour") and len(silent) == len(parts)
    if begins and (none or (every and silent)):
        raise ConfigError(
            f"The mode {mode!r} needs a prompt for {'each' if every else 'one'} of its parts; "
            f"there is none for {', '.join(silent)}. Give `prompt:` in the list of parts."
        )
    if mode in ("replace", "remove"):
        check_bounded(parts, mode)
    if begins and base is not None and mode in ("remove", "recolour"):
        check_something(parts, base)


def check_bounded(parts: tuple[Part, ...], mode: str) -> None:
    """Refuse to remove or replace everything.

    Raises:
        ConfigError: A part without a highlight.
    """
    for part in parts:
        if isinstance(part.shape, Whole):
            raise ConfigError(
                f"The part {part.name!r} has no highlight, so the mode {mode!r} would take the whole scene away: give "
                "a box, a sphere, a part's name, or a list of parts (--pipeline.model.box, .sphere, .part, .parts)."
            )


def check_something(parts: tuple[Part, ...], base: Tensor) -> None:
    """Refuse to remove or recolour where there is nothing.

    Raises:
        InputError: A highlight that holds nothing of the scene.
    """
    points = grid.nodes(48, device=base.device)
    there = grid.density(grid.sample(base, points)[:, 0]) > _SOMETHING
    for part in parts:
        if not (there & (membership(part.shape, points) > 0)).any():
            raise InputError(
                f"The highlight of {part.name!r} holds nothing of the scene, so there is nothing to remove or "
                f"recolour: {part.shape}. Move or enlarge it."
            )


def _edit(config: SteeredModelConfig) -> Edit:
    return "create" if config.mode == "fit" else cast(Edit, config.mode)


def _new_field(config: SteeredModelConfig, base: Tensor | None, mode: Edit) -> SteeredField:
    if config.representation == "hash":
        return HashField(
            lambda: tcnn_network(config.seed),
            resolution=config.hash_resolution,
            ball=_ball(config),
            base=base,
            mode=mode,
            symmetry=symmetry_of(config),
        )
    resolution = resolution_at(config, 0)
    if mode != "create":
        return VoxelField(start_of_edit(resolution, mode), base=base, mode=mode)
    generator = seeded(config.seed)
    lattice = start_of_creation(resolution, ball=_ball(config), generator=generator)
    return VoxelField(lattice, symmetry=symmetry_of(config))


def symmetry_of(config: SteeredModelConfig) -> grid.Symmetry:
    """The whole field's; pictures and scenes that are there already say themselves what is symmetric."""
    return config.symmetry if config.mode == "create" else "none"


def fold_of(
    config: SteeredModelConfig, parts: Callable[[], Sequence[Part]]
) -> Callable[[Float[Tensor, "n 3"]], Float[Tensor, "n 3"]] | None:
    """The symmetry of a replacement, as a field takes it; `parts` gives what is replaced now."""
    if config.mode != "replace" or config.symmetry == "none":
        return None
    return lambda points: folded_within(parts(), points, config.symmetry)


def _ball(config: SteeredModelConfig) -> grid.Ball:
    return grid.Ball(radius=config.ball_radius, sharpness=config.ball_sharpness, peak=config.ball_peak)


def _shape(config: SteeredModelConfig, scene: Scene | None) -> Shape:
    shape = shape_from_flags(config.box, config.sphere)
    if config.part is None:
        return shape
    if not isinstance(shape, Whole):
        raise ConfigError("Give a part of the scene by its name, or a box or sphere, not both.")
    assert scene is not None
    return named_shape(scene, config.part, grow=config.grow)
