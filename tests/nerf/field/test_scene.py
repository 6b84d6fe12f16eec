"""Scene files: what is written is read, and what is not a scene is refused."""

import os
from pathlib import Path
from typing import Any

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
    with pytest.raises(InputError, match=r"^s3://runs/hat is an address; expected a scene's file, or the folder"):
        find_scene(Path("s3://runs/hat"))


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


def stored(tmp_path: Path, *, about: dict[str, str] | None = None, parts: str = "{}", **tensors: torch.Tensor) -> Path:
    """A scene's file with some of its content another."""
    usual = {"version": "1", "parts": parts, "prompts": "{}"}
    path = tmp_path / "changed.safetensors"
    named = {name.replace("part_", "part."): value for name, value in tensors.items()}
    save_file({"lattice": torch.zeros(4, 3, 3, 3)} | named, path, metadata=usual if about is None else about)
    return path


NAN = torch.full((4, 3, 3, 3), float("nan"))


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        (
            {"lattice": torch.zeros(4, 3, 3, 3, dtype=torch.int64)},
            r"lattice is .* of torch.int64; expected 4",
        ),
        ({"lattice": torch.zeros(4, 3, 3, 3).half()}, r"of torch.float16; expected 4 dimensions of torch.float32"),
        ({"lattice": torch.zeros(4, 3, 3)}, r"lattice is \(4, 3, 3\)"),
        ({"lattice": torch.zeros(3, 3, 3, 3)}, r"lattice is \(3, 3, 3, 3\); expected \(4, z, y, x\) with at least 2"),
        ({"lattice": torch.zeros(4, 3, 1, 3)}, r"expected \(4, z, y, x\) with at least 2 nodes a side"),
        ({"lattice": torch.zeros(4, 0, 3, 3)}, r"lattice is \(4, 0, 3, 3\)"),
        ({"lattice": NAN}, r"108 of the 108 values of lattice are not finite"),
        ({"part_tail": torch.zeros(3, 3)}, r"part.tail is \(3, 3\) of torch.float32; expected 3 dimensions"),
        ({"part_tail": NAN[0]}, r"27 of the 27 values of part.tail are not finite"),
        ({"about": {"version": "1", "prompts": "{}"}}, r"metadata 'parts' is missing, or is no JSON \(KeyError\)"),
        ({"about": {"version": "1", "parts": "{}"}}, r"metadata 'prompts' is missing"),
        (
            {"parts": "{"},
            r"metadata 'parts' is .* no JSON \(JSONDecodeError",
        ),
        ({"parts": "[" * 99999}, r"'parts' .* no JSON \(RecursionError"),
        (
            {"parts": "[1]"},
            r"metadata 'parts' is \[1\]; expected a mapping",
        ),
        (
            {"parts": '{"a": {"cone": {}}}'},
            r"part 'a': unknown shape 'cone'",
        ),
        (
            {
                "about": {
                    "version": "1",
                    "parts": '{"a": {"sphere": {"centre": [0, 0, NaN], "radius": 1}}}',
                    "prompts": "{}",
                }
            },
            r"is a broken scene: part 'a': sphere: centre\[2\]: expected a finite number",
        ),
        ({"about": {}}, r"is not a scene of this version"),
    ],
)
def test_a_scene_with_anything_wrong_in_it_is_refused(changed: dict[str, Any], message: str, tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match=message):
        load_scene(stored(tmp_path, **changed))


def test_the_file_that_the_refusals_change_is_a_scene(tmp_path: Path) -> None:
    tail = load_scene(stored(tmp_path, part_tail=torch.ones(2, 2, 2))).parts["tail"]
    assert isinstance(tail, Voxels) and tail.values.shape == (2, 2, 2)


def test_the_same_scene_is_the_same_bytes(tmp_path: Path) -> None:
    kept = example()
    for name in ("a", "b"):
        save_scene(kept, tmp_path / name)
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()
    header = (tmp_path / "a").read_bytes()[:400]
    assert header.index(b'"parts"') < header.index(b'"prompts"') < header.index(b'"version"')


def test_values_that_no_picture_can_be_reckoned_of_are_refused(tmp_path: Path) -> None:
    scene = example()
    scene.lattice[0, 1, 2, 3] = 3e38
    save_scene(scene, tmp_path / SCENE_FILE)
    with pytest.raises(CheckpointError, match=r"a value of lattice is 3e\+38 from 0, .*; expected at most 1e\+12"):
        load_scene(tmp_path / SCENE_FILE)
    scene.lattice[0, 1, 2, 3] = -1e12
    save_scene(scene, tmp_path / SCENE_FILE)
    assert load_scene(tmp_path / SCENE_FILE).lattice.min() == -1e12
