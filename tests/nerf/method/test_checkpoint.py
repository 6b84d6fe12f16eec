"""What checkpoints bring of parts, and an edit's scene, which keeps the parts that it does not touch."""

import warnings
from pathlib import Path

import pytest
import torch

from gencontrol.nerf.parts.shapes import Sphere, Voxels
from gencontrol.schedules import Schedule

pytest.importorskip("nerfstudio")
# nerfstudio 1.1.5 and the versions it pins warn about themselves, at import and in use.
pytestmark = pytest.mark.filterwarnings("ignore")

BALL = Sphere(centre=(0.0, 0.0, 0.5), radius=0.25)


def test_parts_are_read_back_from_a_modules_buffers() -> None:
    from gencontrol.nerf.method.checkpoint import SCENE_PARTS, STEERED_PARTS, part_records, store_parts, stored_parts
    from gencontrol.nerf.parts.parts import Part

    weight = Schedule(points=((0, 0.0), (10, 2.0)), curve="cosine")
    lifted = Part(name="tail", prompt="", shape=Voxels(values=torch.rand(3, 3, 3)))
    kept = (lifted, Part(name="ear", prompt="", shape=BALL, steered=False))
    first = (Part(name="hat", prompt="red cat", weight=weight, shape=BALL), lifted)
    module = torch.nn.Linear(1, 1)
    assert stored_parts(module, STEERED_PARTS) == ()
    store_parts(module, STEERED_PARTS, first)
    store_parts(module, SCENE_PARTS, kept)
    hat, tail = stored_parts(module, STEERED_PARTS)
    assert hat == first[0] and part_records([hat, tail]) == part_records(first)
    assert isinstance(tail.shape, Voxels) and torch.equal(tail.shape.values, lifted.shape.values)  # pyright: ignore
    assert [(part.name, part.steered) for part in stored_parts(module, SCENE_PARTS)] == [("tail", True), ("ear", False)]


def test_an_edits_scene_keeps_the_parts_that_it_does_not_touch(make, tmp_path: Path) -> None:
    from gencontrol.nerf.field.scene import SCENE_FILE, Scene, load_scene, save_scene

    lifted = Voxels(values=torch.rand(3, 3, 3))
    base = Scene(
        lattice=torch.zeros(4, 8, 8, 8),
        parts={"hat": BALL, "tail": lifted, "gone": BALL, "ear": BALL},
        prompts={"hat": "hat", "tail": "blue cat", "gone": ""},
    )
    save_scene(base, tmp_path / SCENE_FILE)
    model = make(mode="edit", scene=tmp_path, part="hat", prompt="red cat")
    save_scene(model.scene(), tmp_path / "after.safetensors")
    found = load_scene(tmp_path / "after.safetensors")
    # What was removed is known as changed, and what no run has touched is not.
    assert found.prompts == {"hat": "red cat", "tail": "blue cat", "gone": ""} and found.parts["hat"] == BALL
    assert isinstance(found.parts["tail"], Voxels) and torch.equal(found.parts["tail"].values, lifted.values)
    (tmp_path / SCENE_FILE).unlink()
    opened = make(mode="edit", scene=tmp_path / SCENE_FILE, prompt="red cat")
    opened.load_state_dict(model.state_dict())
    assert opened.scene().prompts == found.prompts and set(opened.scene().parts) == {"hat", "tail", "gone", "ear"}


def test_flags_that_a_checkpoint_overrules_are_said(make) -> None:
    saved = make(prompt="red cat")
    other = make(prompt="blue boat", sphere=(0.0, 0.0, 0.0, 0.5))
    wanted = r"own parts are kept, part \(prompt 'red cat', .*left out, part \(prompt 'blue boat', .*sphere.*`load_dir`"
    with pytest.warns(UserWarning, match=wanted):
        other.load_state_dict(saved.state_dict())
    assert other.parts == saved.parts
    same, nothing = make(prompt="red cat"), make(mode="fit")
    with warnings.catch_warnings():
        warnings.filterwarnings("error", message=".*own parts are kept")
        same.load_state_dict(saved.state_dict())
        nothing.load_state_dict(saved.state_dict())


def test_a_checkpoint_on_the_cpu_is_loaded_to_the_models_own_device(make, scene_file: Path) -> None:
    from gencontrol.nerf.method.checkpoint import make_room

    settings = {"prompt": "red cat", "mode": "edit", "scene": scene_file, "sphere": (0.6, -0.1, -0.2, 0.5)}
    saved = make(**settings)
    saved.look_for_empty_cells()
    state = saved.state_dict() | {"voxels_0": torch.zeros(3, 3, 3)}
    # Stands for CUDA: another device than the one that nerfstudio reads checkpoints on.
    model = make(**settings).to("meta")
    make_room(model, state, "")
    for name in ("cells", "about", "voxels_0"):
        assert (
            model.get_buffer(name).device == torch.device("meta") and model.get_buffer(name).shape == state[name].shape
        )


def test_a_checkpoint_of_another_method_is_refused_with_advice(make) -> None:
    from gencontrol.errors import CheckpointError

    model = make(prompt="red cat")
    with pytest.raises(CheckpointError, match=r"not one of `alphaclip-nerf`.*--data FOLDER --pipeline.model.mode fit`"):
        model.load_state_dict({"field.mlp.weight": torch.zeros(2), "device_indicator_param": torch.zeros(0)})
    assert model.scene().parts.keys() == {"part"}  # as it was


def test_a_part_is_known_as_changed_by_what_a_run_does_to_it(make, tmp_path: Path) -> None:
    ball = "{sphere: {centre: [0, 0, 0], radius: 0.3}}"
    (tmp_path / "p.yaml").write_text(
        f"parts: [{{name: a, prompt: cat, highlight: {ball}}}, {{name: b, highlight: {ball}}}]", encoding="utf-8"
    )
    assert make(mode="fit", parts=tmp_path / "p.yaml").scene().prompts == {}
    assert make(parts=tmp_path / "p.yaml").scene().prompts == {"a": "cat"}


def test_a_steered_part_goes_before_one_that_was_there() -> None:
    from gencontrol.nerf.method.checkpoint import scene_of
    from gencontrol.nerf.parts.parts import Part

    old = Part(name="hat", prompt="cap", shape=BALL)
    new = Part(name="hat", prompt="red cat", shape=Sphere(centre=(0.0, 0.0, 0.5), radius=0.3))
    scene = scene_of(torch.zeros(4, 4, 4, 4), before=[old], steered=[new], mode="edit")
    assert scene.parts == {"hat": new.shape} and scene.prompts == {"hat": "red cat"}
