"""What checkpoints bring of parts, and an edit's scene, which keeps the parts that it does not touch."""

import dataclasses
import warnings
from pathlib import Path
from typing import Any

import pytest
import torch

from gencontrol.guidance.schedules import Schedule
from gencontrol.nerf.parts.shapes import Sphere, Voxels

pytest.importorskip("nerfstudio")
# nerfstudio 1.1.5 and the versions it pins warn about themselves, at import and in use.
pytestmark = pytest.mark.filterwarnings("ignore")

BALL = Sphere(centre=(0.0, 0.0, 0.5), radius=0.25)


def test_parts_are_read_back_from_a_modules_buffers() -> None:
    from gencontrol.nerf.method.checkpoint import KEPT, STEERED, about_parts, store_parts, stored_parts
    from gencontrol.nerf.parts.parts import Part

    weight = Schedule(points=((0, 0.0), (10, 2.0)), curve="cosine")
    lifted = Part(name="tail", prompt="", shape=Voxels(values=torch.rand(3, 3, 3)))
    kept = (lifted, Part(name="ear", prompt="", shape=BALL, steered=False))
    first = (Part(name="hat", prompt="red cat", weight=weight, shape=BALL), lifted)
    module = torch.nn.Linear(1, 1)
    assert stored_parts(module, STEERED) == ()
    store_parts(module, STEERED, first)
    store_parts(module, KEPT, kept)
    hat, tail = stored_parts(module, STEERED)
    assert hat == first[0] and about_parts([hat, tail]) == about_parts(first)
    assert isinstance(tail.shape, Voxels) and torch.equal(tail.shape.values, lifted.shape.values)  # pyright: ignore
    assert [(part.name, part.steered) for part in stored_parts(module, KEPT)] == [("tail", True), ("ear", False)]


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
    wanted = r"own parts are kept, part \(prompt 'red cat', .*left out, part \(prompt 'blue boat', .*sphere.*--load-dir"
    with pytest.warns(UserWarning, match=wanted):
        other.load_state_dict(saved.state_dict())
    assert other.parts == saved.parts
    same, nothing = make(prompt="red cat"), make(mode="fit")
    with warnings.catch_warnings():
        warnings.filterwarnings("error", message=".*own parts are kept")
        same.load_state_dict(saved.state_dict())
        nothing.load_state_dict(saved.state_dict())


def test_a_checkpoint_on_the_cpu_is_loaded_to_the_models_own_device(make, scene_file: Path) -> None:
    from gencontrol.nerf.method.checkpoint import take_shapes

    settings = {"prompt": "red cat", "mode": "edit", "scene": scene_file, "sphere": (0.6, -0.1, -0.2, 0.5)}
    saved = make(**settings)
    saved.look_for_empty_cells()
    state = saved.state_dict() | {"voxels_0": torch.zeros(3, 3, 3)}
    # Stands for CUDA: another device than the one that nerfstudio reads checkpoints on.
    model = make(**settings).to("meta")
    take_shapes(model, state, "")
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


def test_what_a_change_means_is_read_back(make, scene_file: Path) -> None:
    from gencontrol.nerf.method.checkpoint import Change, change_of, store_change, stored_change

    module = torch.nn.Linear(1, 1)
    assert stored_change(module) is None
    removal = Change(
        mode="remove",
        begun=7,
        representation="voxels",
        symmetry="none",
        free=False,
        softness=0.1,
        ball_radius=0.0,
        ball_sharpness=0.0,
        ball_peak=0.0,
    )
    store_change(module, removal)
    assert stored_change(module) == removal
    assert stored_change(make(mode="fit")) is None and stored_change(make(prompt="x", mode="edit")) is None
    round_thing = make(prompt="red cat", mode="create", symmetry="quarter")
    assert stored_change(round_thing) == change_of(round_thing.config, begun=0)
    settings = {"scene": scene_file, "sphere": (0.6, -0.1, -0.2, 0.5), "softness": 0.2, "symmetry": "mirror"}
    replaced = make(prompt="red cat", mode="replace", **settings)
    opened = make(prompt="red cat", mode="edit")
    opened.load_state_dict(replaced.state_dict())
    wanted = dataclasses.replace(removal, mode="replace", begun=0, symmetry="mirror", softness=0.2)
    assert stored_change(opened) == wanted


def test_a_checkpoint_of_an_earlier_version_is_refused(make) -> None:
    import json

    from gencontrol.errors import CheckpointError
    from gencontrol.nerf.method.checkpoint import CHANGE, STEERED, stored_change
    from gencontrol.nerf.parts.parts import pack, unpack

    model = make(prompt="red cat")
    state = model.state_dict()
    parts = [{key: v for key, v in part.items() if key != "steered"} for part in unpack(state[STEERED])]
    with pytest.raises(CheckpointError, match=r"earlier version of gencontrol.*train it again"):
        make(prompt="red cat").load_state_dict(state | {STEERED: pack(json.dumps(parts))})
    model.register_buffer(CHANGE, pack('{"mode": "create", "begun": 0}'))
    with pytest.raises(CheckpointError, match="earlier version"):
        stored_change(model)


def test_a_change_is_said_anew_where_another_one_goes_on(make) -> None:
    from gencontrol.nerf.method.checkpoint import change_of, goes_on, renew_change, stored_change

    creation, fit, later = make(prompt="x", symmetry="quarter"), make(mode="fit"), make(prompt="x", mode="edit")
    assert goes_on(creation, "create") and not goes_on(creation, "edit") and not goes_on(fit, "fit")
    for model in (fit, later):
        model.load_state_dict(creation.state_dict())
        renew_change(model, model.config)
        assert stored_change(model) is None  # as of no creation: it may become one without the symmetry
    again = make(prompt="x", symmetry="mirror")
    again.load_state_dict(fit.state_dict())
    assert stored_change(again) is None
    renew_change(again, again.config)
    assert stored_change(again) == change_of(again.config, begun=0)


def test_only_what_a_mode_reads_is_stored_as_its_meaning(make) -> None:
    from gencontrol.nerf.method.checkpoint import change_of
    from gencontrol.nerf.method.config import SteeredModelConfig

    def of(**settings: Any):
        return change_of(SteeredModelConfig(**settings), begun=0)

    assert of(softness=0.1, free=True, ball_peak=1.0) == of()
    assert of(representation="hash", ball_peak=1.0) != of(representation="hash") != of()
    assert of(mode="edit", softness=0.1) != of(mode="edit") != of(mode="edit", free=True)
    assert of(mode="edit", softness=0.1, free=True) == of(mode="edit", free=True)


def test_a_part_is_known_as_changed_by_what_a_run_does_to_it(make, tmp_path: Path) -> None:
    ball = "{sphere: {centre: [0, 0, 0], radius: 0.3}}"
    (tmp_path / "p.yaml").write_text(
        f"parts: [{{name: a, prompt: cat, highlight: {ball}}}, {{name: b, highlight: {ball}}}]", encoding="utf-8"
    )
    assert make(mode="fit", parts=tmp_path / "p.yaml").scene().prompts == {}
    assert make(parts=tmp_path / "p.yaml").scene().prompts == {"a": "cat"}
