"""The field that a run starts with, as the settings ask for it."""

from collections.abc import Callable, Sequence
from typing import cast

import torch
from jaxtyping import Float
from torch import Tensor

from gencontrol.nerf.field import grid
from gencontrol.nerf.field.field import Edit, SteeredField, VoxelField, start_of_creation, start_of_edit
from gencontrol.nerf.field.hash_grid import HashField, tcnn_network
from gencontrol.nerf.field.scene import Scene, load_scene
from gencontrol.nerf.method.config import SteeredModelConfig
from gencontrol.nerf.method.schedules import resolution_at
from gencontrol.nerf.parts.parts import Part
from gencontrol.nerf.parts.symmetry import canonical_within_parts
from gencontrol.streams import seeded


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


def canonical_of_replacement(
    config: SteeredModelConfig, parts: Callable[[], Sequence[Part]]
) -> Callable[[Float[Tensor, "n 3"]], Float[Tensor, "n 3"]] | None:
    """The symmetry of a replacement, as a field takes it; `parts` gives what is replaced now."""
    if config.mode != "replace" or config.symmetry == "none":
        return None
    return lambda points: canonical_within_parts(parts(), points, config.symmetry)


def _ball(config: SteeredModelConfig) -> grid.Ball:
    return grid.Ball(radius=config.ball_radius, sharpness=config.ball_sharpness, peak=config.ball_peak)
