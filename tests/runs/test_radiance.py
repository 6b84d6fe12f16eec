"""Runs that steer a radiance field: plain settings become the method's configuration."""

import dataclasses
from pathlib import Path
from typing import Any

import pytest

from gencontrol.errors import ConfigError, InputError, MissingDependencyError, OutputError
from gencontrol.runs.radiance import CreationSettings, EditSettings, folder_name, is_data_set, train, training_config

# nerfstudio 1.1.5 and the versions it pins warn about themselves when they are imported.
studio = pytest.mark.filterwarnings("ignore")


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Path:
    from gencontrol.nerf.field.scene import SCENE_FILE, save_scene
    from gencontrol.nerf.still_life.world import bake, still_life

    path = tmp_path_factory.mktemp("run") / SCENE_FILE
    save_scene(bake(still_life(), 16), path)
    return path


def test_a_run_is_called_after_its_prompt() -> None:
    assert folder_name("  A red, RED cat!") == "a-red-red-cat"
    assert folder_name("...") == "scene" and folder_name("x" * 90) == "x" * 40


def test_pictures_are_a_data_set_unless_a_scene_lies_beside_them(tmp_path: Path) -> None:
    assert not is_data_set(tmp_path)
    (tmp_path / "transforms.json").write_text("{}", encoding="utf-8")
    assert is_data_set(tmp_path)
    (tmp_path / "scene.safetensors").write_bytes(b"")
    assert not is_data_set(tmp_path)


def test_without_nerfstudio_it_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(MissingDependencyError, match=r"needs nerfstudio .*pip install 'gencontrol\[nerf\]'"):
        train(CreationSettings(prompt="x"))


@studio
def test_settings_of_a_creation_become_the_methods_configuration() -> None:
    pytest.importorskip("nerfstudio")

    config = training_config(
        CreationSettings(
            prompt="Red cat!", steps=7, seed=3, device="cpu", encoder="mine", symmetry="mirror", preview_every=2
        )
    )
    model = config.pipeline.model
    assert (model.mode, model.prompt, model.encoders, model.seed) == ("create", "Red cat!", ("mine",), 3)
    assert (config.max_num_iterations, config.experiment_name) == (7, "red-cat")
    assert config.optimizers["field"]["scheduler"].max_steps == 7 and model.symmetry == "mirror"
    assert model.preview_every == 2 and CreationSettings().preview_every == type(model)().preview_every
    assert config.machine.device_type == "cpu" and config.pipeline.datamanager.seed == 3


@studio
def test_settings_of_an_edit_name_the_part_and_the_scene(scene: Path, tmp_path: Path) -> None:
    pytest.importorskip("nerfstudio")

    box = (0.0, 0.0, 0.0, 1.0, 1.0, 1.0)
    config = training_config(EditSettings(scene=scene.parent, prompt="x", box=box, mode="recolour", device="cpu"))
    model = config.pipeline.model
    assert (model.mode, model.box, model.scene) == ("recolour", box, scene)
    named = training_config(EditSettings(scene=scene.parent, prompt="x", part="egg", device="cpu")).pipeline.model
    assert (named.part, named.encoders) == ("egg", type(named)().encoders)
    (tmp_path / "transforms.json").write_text("{}", encoding="utf-8")
    fitted = training_config(EditSettings(scene=tmp_path, prompt="x", box=box, steps=10, device="cpu"))
    assert fitted.pipeline.datamanager.data == tmp_path and fitted.pipeline.model.scene is None
    assert fitted.max_num_iterations == 10 + fitted.pipeline.datamanager.fit_steps
    with pytest.raises(InputError, match="No scene at"):
        training_config(EditSettings(scene=tmp_path / "nowhere", prompt="x", device="cpu"))


@studio
def test_the_default_device_is_a_gpu_where_there_is_one(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("nerfstudio")
    for there, expected in ((True, "cuda"), (False, "cpu")):
        monkeypatch.setattr("torch.cuda.is_available", lambda there=there: there)
        assert training_config(CreationSettings(prompt="x")).machine.device_type == expected


@studio
def test_a_run_is_trained_and_its_folder_given(scene: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("nerfstudio")
    seen = []
    monkeypatch.setattr("nerfstudio.scripts.train.main", seen.append)
    folder = train(EditSettings(scene=scene, prompt="red cat", part="egg", device="cpu", output=tmp_path))
    (config,) = seen
    assert folder == config.get_base_dir() and folder.is_relative_to(tmp_path / "red-cat" / "alphaclip-nerf")
    assert config.pipeline.model.scene == scene


def test_defaults() -> None:
    made = CreationSettings()
    assert (made.steps, made.seed, made.learning_rate, made.symmetry, made.device) == (400, 0, 0.1, "none", "auto")
    assert (made.prompt, made.parts, made.encoder, made.output) == ("", None, "", Path("outputs"))
    changed = EditSettings()
    assert (changed.mode, changed.softness, changed.fit_steps, changed.part) == ("edit", 0.0, 500, "")
    assert (changed.box, changed.sphere, changed.grow, changed.in_front_of, changed.crop) == (None,) * 5


@studio
@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"steps": 0}, "`steps` must be at least 1; got 0"),
        ({"seed": -1}, "`seed` must be at least 0; got -1"),
        ({"seed": 2**32}, "`seed` must be at most 4294967295"),
        ({"learning_rate": float("nan")}, "`learning_rate` must be a number from"),
        ({"learning_rate": 0.0}, "`learning_rate` must be at least 1e-09"),
        ({"prompt": "  "}, "'create' needs a prompt"),
    ],
)
def test_what_cannot_be_trained_is_refused_before_anything_is_made(
    settings: dict[str, Any], message: str, tmp_path: Path
) -> None:
    pytest.importorskip("nerfstudio")
    with pytest.raises(ConfigError, match=message):
        train(CreationSettings(**({"prompt": "x", "device": "cpu", "output": tmp_path / "runs"} | settings)))
    assert list(tmp_path.iterdir()) == []


@studio
def test_pictures_are_read_as_asked_or_only_fitted(scene: Path, tmp_path: Path) -> None:
    pytest.importorskip("nerfstudio")
    (tmp_path / "transforms.json").write_text("{}", encoding="utf-8")
    crop = (0.0, 0.0, 0.0, 1.0, 2.0, 3.0)
    given = EditSettings(scene=tmp_path, prompt="x", sphere=(0.0, 0.0, 0.0, 1.0), fit_steps=30, steps=4, crop=crop)
    config = training_config(given)
    data = config.pipeline.datamanager
    assert (data.fit_steps, data.crop, data.in_front_of, config.max_num_iterations) == (30, crop, None, 34)
    white = training_config(EditSettings(scene=tmp_path, mode="fit", in_front_of=(1.0, 1.0, 1.0), learning_rate=0.02))
    assert white.pipeline.datamanager.in_front_of == (1.0, 1.0, 1.0) and white.pipeline.model.mode == "fit"
    assert white.max_num_iterations == white.pipeline.datamanager.fit_steps == 500
    assert white.optimizers["field"]["optimizer"].lr == 0.02
    refused: list[tuple[dict[str, Any], str]] = [
        ({"mode": "fit"}, "'fit' needs the pictures to fit, and .* is no data set"),
        ({"crop": crop}, "`in_front_of` and `crop` are for pictures"),
    ]
    for wrong, message in refused:
        with pytest.raises(ConfigError, match=message):
            training_config(EditSettings(scene=scene, prompt="x", **wrong))


@studio
def test_a_checkpoint_that_the_disk_has_no_room_for_is_one_error(
    scene: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("nerfstudio")
    import torch

    def fail(config: Any) -> None:
        folder = config.get_checkpoint_dir()
        folder.mkdir(parents=True)
        torch.save({"a": 1}, folder / "step-000000001.ckpt")
        whole = (folder / "step-000000001.ckpt").read_bytes()
        (folder / "step-000000002.ckpt").write_bytes(whole[: len(whole) // 2])
        raise RuntimeError(said)

    monkeypatch.setattr("nerfstudio.scripts.train.main", fail)
    settings = EditSettings(scene=scene, prompt="red cat", part="egg", device="cpu", output=tmp_path / "a")
    said = "[enforce fail at inline_container.cc:672] . unexpected pos 576 vs 534"
    with pytest.raises(OutputError, match=r"A checkpoint of the run in .* could not be written: is the disk full\?"):
        train(settings)
    assert [p.name for p in tmp_path.rglob("*.ckpt")] == ["step-000000001.ckpt"]
    said = "another"
    with pytest.raises(RuntimeError, match="another"):
        train(dataclasses.replace(settings, output=tmp_path / "b"))
