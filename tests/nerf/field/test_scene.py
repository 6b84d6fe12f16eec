"""Scene files: what is written is read, and what is not a scene is refused."""

import os
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from gencontrol.errors import CheckpointError, InputError
from gencontrol.nerf.field import grid
from gencontrol.nerf.field.scene import SCENE_FILE, Scene, find_scene, load_scene, save_scene
from gencontrol.nerf.parts.shapes import Difference, Sphere, Voxels, Whole


def example() -> Scene:
    lattice = torch.randn(4, 5, 5, 5, generator=torch.Generator().manual_seed(0))
    hat = Difference(of=Sphere(centre=(0.0, 0.0, 0.5), radius=0.3), without=Sphere(centre=(0.0, 0.0, 0.0), radius=0.3))
    lifted = Voxels(values=torch.rand(3, 3, 3))
    return Scene(lattice=lattice, parts={"hat": hat, "tail": lifted, "all": Whole()}, prompts={"hat": "red hat"})


def test_a_scene_is_read_as_it_was_written(tmp_path: Path) -> None:
    save_scene(example(), tmp_path / SCENE_FILE)
    found = load_scene(tmp_path / SCENE_FILE)
    assert torch.equal(found.lattice, example().lattice)
    assert found.parts["hat"] == example().parts["hat"] and found.parts["all"] == Whole()
    assert isinstance(found.parts["tail"], Voxels) and found.parts["tail"].values.shape == (3, 3, 3)
    assert found.prompts == {"hat": "red hat"}


def test_a_scene_is_a_field() -> None:
    density, rgb = example()(grid.nodes(5))
    assert torch.allclose(density, grid.density(example().lattice[0].flatten()), rtol=1e-3, atol=1e-4)
    assert torch.allclose(rgb.T.reshape(3, 5, 5, 5), example().lattice[1:].sigmoid(), atol=1e-5)


def test_the_newest_scene_below_a_folder_is_found(tmp_path: Path) -> None:
    for name, time in (("old", 1), ("new", 2)):
        save_scene(example(), tmp_path / name / SCENE_FILE)
        os.utime(tmp_path / name / SCENE_FILE, (time, time))
    assert find_scene(tmp_path) == tmp_path / "new" / SCENE_FILE


def test_another_methods_run_is_refused_with_advice(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"has to be fitted first, from its pictures, in a run of the mode 'fit'\)"):
        load_scene(tmp_path)
    (tmp_path / "step-000029999.ckpt").write_bytes(b"of nerfacto")
    with pytest.raises(InputError, match="has to be fitted first"):
        load_scene(tmp_path / "step-000029999.ckpt")


def test_broken_and_foreign_files_are_refused(tmp_path: Path) -> None:
    broken = tmp_path / "broken.safetensors"
    broken.write_bytes(b"nothing of the kind")
    with pytest.raises(CheckpointError, match="cannot be read as safetensors"):
        load_scene(broken)
    save_file({"weight": torch.zeros(2)}, tmp_path / "foreign.safetensors")
    with pytest.raises(CheckpointError, match="is not a scene"):
        load_scene(tmp_path / "foreign.safetensors")
