"""A scene as a triangle mesh with vertex colours: PLY, OBJ or GLB."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor

from gencontrol.errors import InputError, MissingDependencyError
from gencontrol.files import atomic_file
from gencontrol.nerf.field import grid
from gencontrol.nerf.field.scene import Scene
from gencontrol.nerf.parts.shapes import membership

if TYPE_CHECKING:
    from trimesh import Trimesh

FORMATS = (".ply", ".obj", ".glb")


@dataclass(frozen=True, kw_only=True)
class MeshSettings:
    """How the surface is found."""

    resolution: int = 128
    """Nodes along a side of the lattice that is searched."""
    density: float = 15.0
    """Density per world unit at the surface; about half opaque within 0.05 of it."""
    part: str = ""
    """Only this part; empty for everything."""
    upright: bool = True
    """Turn z-up into y-up for GLB, whose viewers expect it."""


def scene_mesh(scene: Scene, settings: MeshSettings) -> "Trimesh":
    """Marching cubes on the density, coloured by the field at each vertex; world coordinates.

    Raises:
        InputError: There is no such part, or nothing is as dense as asked.
        MissingDependencyError: trimesh or scikit-image is not installed.
    """
    measure, trimesh = _libraries()
    volume = _densities(scene, settings)
    if volume.max() <= settings.density:
        raise InputError(
            f"Nothing in the scene is denser than {settings.density:g} (the densest voxel has {volume.max():.3g}): "
            "lower the density, or train longer."
        )
    # A rim of empty space closes surfaces that reach the cube's faces.
    padded = np.pad(volume, 1)
    vertices, faces, _, _ = measure.marching_cubes(padded, settings.density)
    places = ((vertices[:, ::-1] - 1) / (settings.resolution - 1) * 2 - 1).clip(-1, 1)
    _, rgb = scene(torch.from_numpy(places).float())
    colours = (rgb * 255).round().byte().numpy()
    # scikit-image's triangles look inwards in (z, y, x); reversing the axes mirrors them, and they look outwards.
    return trimesh.Trimesh(vertices=places, faces=faces, vertex_colors=colours, process=False)


def write_mesh(scene: Scene, path: Path, settings: MeshSettings) -> Path:
    """Write the scene's mesh; the suffix decides the format.

    Raises:
        InputError: A suffix other than .ply, .obj, .glb; or see `scene_mesh`.
    """
    if path.suffix.lower() not in FORMATS:
        raise InputError(f"Cannot write {path.suffix or 'a file without suffix'}: choose {', '.join(FORMATS)}.")
    mesh = scene_mesh(scene, settings)
    if path.suffix.lower() == ".glb":
        # glTF 2.0, 3.7.2.1: COLOR_0 is linear. PLY and OBJ viewers show the numbers as they are.
        visual: Any = mesh.visual
        visual.vertex_colors = to_linear(np.asarray(visual.vertex_colors))
    if path.suffix.lower() == ".glb" and settings.upright:
        mesh.vertices = np.asarray(mesh.vertices)[:, [0, 2, 1]] * [1, 1, -1]
    with atomic_file(path) as temporary:
        mesh.export(temporary, file_type=path.suffix.lower()[1:])
    return path


def to_linear(colours: np.ndarray) -> np.ndarray:
    """sRGB bytes (n, 4) as bytes of linear light (IEC 61966-2-1); alpha, which is linear, stays."""
    encoded = colours[:, :3] / 255
    linear = np.where(encoded <= 0.04045, encoded / 12.92, ((encoded + 0.055) / 1.055) ** 2.4)
    return np.concatenate([np.round(linear * 255).astype(np.uint8), colours[:, 3:]], axis=1)


@torch.no_grad()
def _densities(scene: Scene, settings: MeshSettings) -> np.ndarray:
    points = grid.nodes(settings.resolution)
    density: Tensor = torch.cat([scene(piece)[0] for piece in points.split(1 << 18)])
    if settings.part:
        if settings.part not in scene.parts:
            known = ", ".join(scene.parts) or "none"
            raise InputError(f"The scene has no part {settings.part!r}; its parts: {known}.")
        density = density * membership(scene.parts[settings.part], points)
    return density.reshape((settings.resolution,) * 3).numpy()


def _libraries():
    try:
        import trimesh
        from skimage import measure
    except ImportError as error:
        raise MissingDependencyError(
            f"Meshes need trimesh and scikit-image ({error.name} is missing): pip install 'gencontrol[nerf]'."
        ) from error
    return measure, trimesh
