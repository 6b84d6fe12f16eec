"""The parts that the settings name, whether they can be changed as asked, and how they are steered."""

import warnings
from collections.abc import Sequence

from torch import Tensor

from gencontrol.errors import ConfigError, InputError
from gencontrol.guidance.score import Guide
from gencontrol.nerf.field import grid
from gencontrol.nerf.field.scene import Scene
from gencontrol.nerf.method.config import SteeredModelConfig
from gencontrol.nerf.parts.highlights import box_or_sphere, named_shape
from gencontrol.nerf.parts.part_lists import parts_file, read_parts
from gencontrol.nerf.parts.parts import Part, check_parts
from gencontrol.nerf.parts.shapes import Shape, Whole, membership, shape_text
from gencontrol.nerf.steering.guidance import Steering, prepare
from gencontrol.nerf.steering.other_names import read_names
from gencontrol.text_files import check_no_address

# Density per world unit from which there is something to take away or to recolour; 1 is a tenth opaque over 0.1.
_VISIBLE_DENSITY = 1.0


def missing_sources(config: SteeredModelConfig) -> list[str]:
    """What the settings name and is not there: once trained, a checkpoint brings it, and it may be gone."""
    named = {"scene": config.scene, "parts": None if config.parts is None else parts_file(config.parts)}
    for name, path in named.items():
        if path is not None:
            check_no_address(path, what=f"the {name} of a run, a file or a folder")
    return [f"the {name} {path}" for name, path in named.items() if path is not None and not path.exists()]


def parts_of_config(config: SteeredModelConfig, scene: Scene | None) -> tuple[Part, ...]:
    """The parts that the flags or the YAML file name; where something of that is not there, one that stands for them.

    Raises:
        ConfigError: A file or flags that are wrong.
        InputError: A highlight that encloses nothing of the scene, or a name that the scene does not have.
    """
    missing = missing_sources(config)
    if missing:
        warnings.warn(f"Not there: {', '.join(missing)}; only a checkpoint can bring that.", stacklevel=2)
        return (Part(name="part", prompt=config.prompt or "", shape=Whole()),)
    if config.parts is not None:
        return read_parts(parts_file(config.parts), base=scene, grow=config.grow)
    return check_parts(
        [Part(name=config.part or "part", prompt=config.prompt or "", shape=_shape_of_settings(config, scene))]
    )


def _shape_of_settings(config: SteeredModelConfig, scene: Scene | None) -> Shape:
    shape = box_or_sphere(config.box, config.sphere)
    if config.part is None:
        return shape
    if not isinstance(shape, Whole):
        raise ConfigError("Give a part of the scene by its name (`part`), or a `box` or `sphere`, not both.")
    assert scene is not None
    return named_shape(scene, config.part, grow=config.grow)


def check_changeable(parts: tuple[Part, ...], mode: str, base: Tensor | None, *, begins: bool) -> None:
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
        check_not_empty(parts, base)


def check_bounded(parts: tuple[Part, ...], mode: str) -> None:
    """Refuse to remove or replace everything.

    Raises:
        ConfigError: A part without a highlight.
    """
    for part in parts:
        if isinstance(part.shape, Whole):
            raise ConfigError(
                f"The part {part.name!r} has no highlight, so the mode {mode!r} would take the whole scene away: give "
                "a box (`box`), a sphere (`sphere`), a part's name (`part`) or a list of parts (`parts`)."
            )


def check_not_empty(parts: tuple[Part, ...], base: Tensor) -> None:
    """Refuse to remove or recolour where there is nothing.

    Raises:
        InputError: A highlight that holds nothing of the scene.
    """
    points = grid.nodes(48, device=base.device)
    there = grid.density(grid.sample(base, points)[:, 0]) > _VISIBLE_DENSITY
    for part in parts:
        if not (there & (membership(part.shape, points) > 0)).any():
            raise InputError(
                f"The highlight of {part.name!r} holds nothing of the scene, so there is nothing to remove or "
                f"recolour: {shape_text(part.shape)}. Move or enlarge it."
            )


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
