"""A scene as a file for other programs: a triangle mesh with vertex colours, or Gaussian splats."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from gencontrol.errors import ConfigError, InputError, MissingDependencyError
from gencontrol.files import atomic_file, check_target
from gencontrol.nerf.export.cropping import cropped
from gencontrol.nerf.export.level import surface_density
from gencontrol.nerf.export.splats import scene_splats, splat_bytes
from gencontrol.nerf.export.usdz import usdz_bytes
from gencontrol.nerf.field import grid
from gencontrol.nerf.field.scene import Scene
from gencontrol.nerf.limits import check_limits
from gencontrol.nerf.parts.shapes import Shape, Whole

if TYPE_CHECKING:
    from trimesh import Trimesh

FORMATS = (".ply", ".obj", ".glb", ".stl", ".usdz")
"""Suffixes of meshes; a name that ends in `.splat.ply` is one of splats."""
_SPLAT = ".splat"
SPLATS = f"{_SPLAT}.ply"
# Nodes along a side of the lattice that a surface is searched on, unless said.
_RESOLUTION = 128
# A gigabyte of densities at the most.
_LIMITS = {"resolution": (4, 640), "density": (1e-3, 1e6)}
# Formats whose viewers expect y up, and colours of linear light (glTF 2.0, 3.7.2.1; UsdPreviewSurface).
_LINEAR_Y_UP = (".glb", ".usdz")


@dataclass(frozen=True, kw_only=True)
class MeshSettings:
    """What is written, and how its surface is found."""

    resolution: int | None = None
    """Nodes along a side of the lattice that is searched, or that has the splats; None takes 128 for a mesh, and the
    scene's own nodes for splats."""
    density: float | None = None
    """Density per world unit at the surface; None chooses it by where rays are stopped, see `surface_density`."""
    part: str = ""
    """Only this part; empty for everything."""
    crop: Shape = field(default_factory=Whole)
    """Only what lies in this shape."""
    upright: bool = True
    """Turn z-up into y-up for GLB and USDZ, whose viewers expect it."""

    def __post_init__(self) -> None:
        check_limits(self, _LIMITS)


def scene_mesh(scene: Scene, settings: MeshSettings) -> "Trimesh":
    """Marching cubes on the density, coloured by the field at each vertex; world coordinates.

    Raises:
        InputError: There is no such part, or nothing is as dense as asked.
        MissingDependencyError: trimesh or scikit-image is not installed.
    """
    measure, trimesh = _libraries()
    resolution = settings.resolution or _RESOLUTION
    volume = _densities(scene, settings, resolution)
    level = settings.density
    if level is None:
        level = surface_density(volume, spacing=2 / (resolution - 1))
    # A surface far below what is left of empty space would be one around the whole cube.
    if volume.max() <= max(level, 0 if settings.density else grid.HAZE):
        least = f"{level:g}" if settings.density else f"haze ({grid.HAZE:g})"
        raise InputError(
            f"Nothing in the scene is denser than {least} (the densest voxel has {volume.max():.3g}): "
            "lower the density, crop less, or train longer."
        )
    # A rim of empty space closes surfaces that reach the cube's faces.
    padded = np.pad(volume.numpy(), 1)
    vertices, faces, _, _ = measure.marching_cubes(padded, level)
    places = ((vertices[:, ::-1] - 1) / (resolution - 1) * 2 - 1).clip(-1, 1)
    _, rgb = scene(torch.from_numpy(places).float())
    colours = (rgb * 255).round().byte().numpy()
    # scikit-image's triangles look inwards in (z, y, x); reversing the axes mirrors them, and they look outwards.
    return trimesh.Trimesh(vertices=places, faces=faces, vertex_colors=colours, process=False)


def write_mesh(scene: Scene, path: Path, settings: MeshSettings, *, exclusive: bool = False) -> Path:
    """Write the scene as a mesh, or as splats; the name's end decides the format. STL has no colours.

    Args:
        scene: What is written.
        path: Where to.
        settings: What of it, and how.
        exclusive: Whether a file that has come to lie at `path` meanwhile is kept.

    Raises:
        ConfigError: Settings that the format has no use for.
        InputError: A name that ends otherwise, or cannot be a file's; or see `scene_mesh` and `scene_splats`.
    """
    check_format(path, settings)
    check_target(path)
    content = _splats(scene, settings) if _is_splats(path) else _mesh(scene, path, settings)
    with atomic_file(path, exclusive=exclusive) as temporary:
        temporary.write_bytes(content)
    return path


def check_format(path: Path, settings: MeshSettings | None = None) -> None:
    """Refuse a name that says no format, before any work.

    Args:
        path: The file to write.
        settings: What will be written, if that is known.

    Raises:
        ConfigError: Settings that the format has no use for.
        InputError: Naming those that there are; or a name of splats that ends as a mesh.
    """
    stem, suffix = path.stem.lower(), path.suffix.lower()
    if stem.endswith(_SPLAT) and f"{_SPLAT}{suffix}" != SPLATS:
        raise InputError(
            f"{path.name} says splats and a mesh: splats are written as PLY, as {path.stem}.ply; the mesh would be "
            f"{path.stem[: -len(_SPLAT)] or 'NAME'}{path.suffix}."
        )
    if suffix not in FORMATS:
        raise InputError(
            f"Cannot write {path.suffix or 'a file without suffix'}: choose {', '.join(FORMATS)}, or NAME{SPLATS} for "
            "Gaussian splats."
        )
    if settings is not None and settings.density is not None and _is_splats(path):
        raise ConfigError("`density` says where a mesh has its surface, and splats have none: leave it out.")


def _is_splats(path: Path) -> bool:
    return path.name.lower().endswith(SPLATS)


def _mesh(scene: Scene, path: Path, settings: MeshSettings) -> bytes:
    suffix = path.suffix.lower()
    mesh = scene_mesh(scene, settings)
    visual: Any = mesh.visual
    if suffix in _LINEAR_Y_UP:
        # PLY and OBJ viewers show the numbers as they are.
        visual.vertex_colors = to_linear(np.asarray(visual.vertex_colors))
    if suffix in _LINEAR_Y_UP and settings.upright:
        mesh.vertices = np.asarray(mesh.vertices)[:, [0, 2, 1]] * [1, 1, -1]
    if suffix == ".usdz":
        colours = np.asarray(visual.vertex_colors)[:, :3] / 255
        return usdz_bytes(np.asarray(mesh.vertices), np.asarray(mesh.faces), colours)
    content: Any = mesh.export(file_type=suffix[1:])
    return content.encode() if isinstance(content, str) else content


def _splats(scene: Scene, settings: MeshSettings) -> bytes:
    within = (_part(scene, settings.part), settings.crop)
    return splat_bytes(scene_splats(scene, resolution=settings.resolution, within=within))


def to_linear(colours: np.ndarray) -> np.ndarray:
    """sRGB bytes (n, 4) as bytes of linear light (IEC 61966-2-1); alpha, which is linear, stays."""
    encoded = colours[:, :3] / 255
    linear = np.where(encoded <= 0.04045, encoded / 12.92, ((encoded + 0.055) / 1.055) ** 2.4)
    return np.concatenate([np.round(linear * 255).astype(np.uint8), colours[:, 3:]], axis=1)


@torch.no_grad()
def _densities(scene: Scene, settings: MeshSettings, resolution: int) -> Float[Tensor, "r r r"]:
    points = grid.nodes(resolution)
    density: Tensor = torch.cat([scene(piece)[0] for piece in points.split(1 << 18)])
    density = cropped(density, points, (_part(scene, settings.part), settings.crop))
    return density.reshape((resolution,) * 3)


def _part(scene: Scene, name: str) -> Shape:
    if not name:
        return Whole()
    if name not in scene.parts:
        known = ", ".join(scene.parts) or "none"
        raise InputError(f"The scene has no part {name!r}; its parts: {known}.")
    return scene.parts[name]


def _libraries():
    try:
        import trimesh
        from skimage import measure
    except ImportError as error:
        raise MissingDependencyError(
            f"Meshes need trimesh and scikit-image ({error.name} is missing): pip install 'gencontrol[nerf]'."
        ) from error
    return measure, trimesh
