"""Meshes: a ball's surface where the ball is, coloured, in every format."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from gencontrol.errors import ConfigError, InputError
from gencontrol.nerf.export.mesh import MeshSettings, check_format, scene_mesh, to_linear, write_mesh
from gencontrol.nerf.field.scene import Scene
from gencontrol.nerf.parts.shapes import HalfSpace, Sphere
from gencontrol.nerf.still_life.world import Thing, World, bake

trimesh = pytest.importorskip("trimesh")

BALL = Thing(name="ball", body=Sphere(centre=(0.2, -0.1, 0.3), radius=0.4), colour=(0.9, 0.2, 0.1))
SMALL = MeshSettings(resolution=48)
RIGHT = HalfSpace(point=(0.2, 0.0, 0.0), normal=(1.0, 0.0, 0.0))


@pytest.fixture(scope="module")
def scene() -> Scene:
    baked = bake(World(things=(BALL,)), 40)
    return Scene(lattice=baked.lattice, parts={"top": HalfSpace(point=(0.0, 0.0, 0.3), normal=(0.0, 0.0, 1.0))})


def test_vertices_lie_on_the_ball_and_faces_look_outwards(scene: Scene) -> None:
    mesh = scene_mesh(scene, SMALL)
    distance = np.linalg.norm(mesh.vertices - [0.2, -0.1, 0.3], axis=1)
    assert np.abs(distance - 0.4).max() < 0.03
    assert mesh.is_watertight
    assert mesh.volume == pytest.approx(4 / 3 * np.pi * 0.4**3, rel=0.08)  # negative if faces looked inwards


def test_vertices_have_the_fields_colours(scene: Scene) -> None:
    mesh = scene_mesh(scene, SMALL)
    _, rgb = scene(torch.from_numpy(np.asarray(mesh.vertices)).float())
    visual: Any = mesh.visual
    assert np.abs(np.asarray(visual.vertex_colors)[:, :3] - rgb.numpy() * 255).max() <= 0.51


def test_a_part_alone_is_cut_off(scene: Scene) -> None:
    mesh = scene_mesh(scene, MeshSettings(resolution=48, part="top"))
    assert mesh.vertices[:, 2].min() > 0.25
    assert mesh.is_watertight


def test_matter_at_the_cubes_faces_is_closed() -> None:
    full = Scene(lattice=torch.full((4, 8, 8, 8), 5.0))
    mesh = scene_mesh(full, MeshSettings(resolution=16))
    assert mesh.is_watertight and mesh.volume == pytest.approx(8, rel=0.02)


@pytest.mark.parametrize("suffix", [".ply", ".obj", ".glb"])
def test_files_are_read_back_with_colours(scene: Scene, suffix: str, tmp_path: Path) -> None:
    path = write_mesh(scene, tmp_path / f"ball{suffix}", SMALL)
    mesh = trimesh.load(path, force="mesh")
    centre = np.array([0.2, 0.3, 0.1] if suffix == ".glb" else [0.2, -0.1, 0.3])  # GLB has y up
    assert np.abs(mesh.vertices.mean(0) - centre).max() < 0.05
    assert np.asarray(mesh.visual.vertex_colors)[:, 0].mean() > (
        78 if suffix == ".glb" else 150
    )  # 78 is 150 in linear light
    assert mesh.volume > 0


def test_glb_holds_linear_light_and_the_others_srgb(scene: Scene, tmp_path: Path) -> None:
    exact = np.asarray(scene_mesh(scene, SMALL).visual.vertex_colors)  # pyright: ignore
    stored = {
        suffix: np.asarray(
            trimesh.load(write_mesh(scene, tmp_path / f"b{suffix}", SMALL), force="mesh").visual.vertex_colors
        )
        for suffix in (".ply", ".glb")
    }
    assert np.array_equal(stored[".ply"], exact)
    # sRGB 0.9 is 0.787 in linear light, and 0.2 is 0.033.
    assert to_linear(np.array([[230, 51, 0, 255], [255, 8, 10, 128]], np.uint8)).tolist() == [
        [202, 8, 0, 255],
        [255, 1, 1, 128],
    ]
    assert np.array_equal(stored[".glb"], to_linear(exact))


def test_what_cannot_be_exported_is_refused(scene: Scene, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"Cannot write .fbx: choose .ply, .obj, .glb, .stl, .usdz, or NAME.splat.ply"):
        write_mesh(scene, tmp_path / "ball.fbx", SMALL)
    with pytest.raises(InputError, match="no part 'hat'; its parts: top"):
        scene_mesh(scene, MeshSettings(resolution=16, part="hat"))
    with pytest.raises(InputError, match="Nothing in the scene is denser than 1e"):
        scene_mesh(scene, MeshSettings(resolution=16, density=1e6))
    empty = Scene(lattice=torch.full((4, 8, 8, 8), -6.0))
    with pytest.raises(InputError, match=r"denser than haze \(0.5\) \(the densest voxel has 0.0495\)"):
        scene_mesh(empty, MeshSettings(resolution=16))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"resolution": 0}, "`resolution` must be at least 4; got 0"),
        ({"resolution": 641}, "`resolution` must be at most 640; got 641"),
        ({"density": -1.0}, "`density` must be at least 0.001; got -1.0"),
        ({"density": float("nan")}, "`density` must be a number from 0.001 to 1e.06; got nan"),
    ],
)
def test_settings_that_find_no_surface_are_refused_at_once(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        MeshSettings(**settings)


def test_the_density_is_chosen_where_none_is_given(scene: Scene) -> None:
    chosen = scene_mesh(scene, SMALL)
    given = [scene_mesh(scene, MeshSettings(resolution=48, density=d)).volume for d in (1.0, 60.0)]
    assert given[0] > chosen.volume > given[1]


def test_the_default_lattice_has_128_nodes(scene: Scene) -> None:
    assert len(scene_mesh(scene, MeshSettings()).vertices) == len(
        scene_mesh(scene, MeshSettings(resolution=128)).vertices
    )


def test_a_crop_leaves_what_lies_in_it(scene: Scene) -> None:
    mesh = scene_mesh(scene, MeshSettings(resolution=48, crop=Sphere(centre=(0.2, -0.1, 0.7), radius=0.3)))
    assert mesh.is_watertight
    assert np.linalg.norm(mesh.vertices - [0.2, -0.1, 0.7], axis=1).max() < 0.3 + 2 * 2 / 47
    whole = scene_mesh(scene, SMALL)
    both = scene_mesh(scene, MeshSettings(resolution=48, part="top", crop=RIGHT))
    assert both.volume == pytest.approx(whole.volume / 4, rel=0.2)


def test_stl_is_the_mesh_as_it_stands(scene: Scene, tmp_path: Path) -> None:
    mesh = trimesh.load(write_mesh(scene, tmp_path / "ball.stl", SMALL), force="mesh")
    assert mesh.volume == pytest.approx(scene_mesh(scene, SMALL).volume, rel=1e-4)
    assert np.abs(mesh.centroid - [0.2, -0.1, 0.3]).max() < 0.02


def test_usdz_is_y_up_in_linear_light(scene: Scene, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    taken = {}
    monkeypatch.setattr(
        "gencontrol.nerf.export.mesh.usdz_bytes",
        lambda vertices, faces, colours: taken.update(vertices=vertices, faces=faces, colours=colours) or b"package",
    )
    file = write_mesh(scene, tmp_path / "ball.usdz", SMALL)
    assert file.read_bytes() == b"package"
    mesh = scene_mesh(scene, SMALL)
    assert np.allclose(taken["vertices"], np.asarray(mesh.vertices)[:, [0, 2, 1]] * [1, 1, -1])
    assert np.array_equal(taken["faces"], mesh.faces)
    visual: Any = mesh.visual
    assert np.allclose(taken["colours"], to_linear(np.asarray(visual.vertex_colors))[:, :3] / 255)


def test_a_name_of_splats_is_written_as_splats(scene: Scene, tmp_path: Path) -> None:
    plyfile = pytest.importorskip("plyfile")
    whole = plyfile.PlyData.read(str(write_mesh(scene, tmp_path / "a.splat.ply", MeshSettings())))["vertex"]
    half = plyfile.PlyData.read(str(write_mesh(scene, tmp_path / "b.SPLAT.ply", MeshSettings(part="top"))))["vertex"]
    crop = MeshSettings(resolution=20, crop=RIGHT)
    right = plyfile.PlyData.read(str(write_mesh(scene, tmp_path / "c.splat.ply", crop)))["vertex"]
    assert {"opacity", "scale_0", "f_dc_2"} <= {p.name for p in whole.properties}
    assert half["z"].min() >= 0.3 - 1e-6 > whole["z"].min() and right["x"].min() >= 0.2 - 1e-6
    assert len(np.unique(whole["x"])) > len(np.unique(right["x"]))


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("a.splat.glb", r"a\.splat\.glb says splats and a mesh: .* as a\.splat\.ply; the mesh would be a\.glb\.$"),
        ("a.SPLAT.obj", r"splats are written as PLY, as a\.SPLAT\.ply; the mesh would be a\.obj"),
        (".splat.stl", r"as \.splat\.ply; the mesh would be NAME\.stl"),
        ("a.splat.fbx", "says splats and a mesh"),
        ("a.splat", r"Cannot write \.splat: choose \.ply, .* or NAME\.splat\.ply for Gaussian splats"),
    ],
)
def test_a_name_says_splats_or_a_mesh(name: str, message: str) -> None:
    for good in ("a.splat.ply", "a.Splat.PLY", "splat.glb", "asplat.ply"):
        check_format(Path(good))
    with pytest.raises(InputError, match=message):
        check_format(Path(name))


def test_a_place_that_cannot_be_written_is_refused_before_the_surface_is_searched(tmp_path: Path) -> None:
    (tmp_path / "a.ply").mkdir()
    nothing = Scene(lattice=torch.full((4, 4, 4, 4), -9.0))  # Which would be said otherwise.
    with pytest.raises(InputError, match=r"a\.ply is a folder"):
        write_mesh(nothing, tmp_path / "a.ply", MeshSettings())
