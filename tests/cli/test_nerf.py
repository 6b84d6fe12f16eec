"""`gencontrol nerf`: flags become the method's configuration; render and export write files."""

from pathlib import Path

import pytest

from gencontrol.cli.main import main

# nerfstudio 1.1.5 and the versions it pins warn about themselves when they are imported.
studio = pytest.mark.filterwarnings("ignore")

SMALL = ("--size", "24", "--frames", "2")


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Path:
    from gencontrol.nerf.field.scene import SCENE_FILE, save_scene
    from gencontrol.nerf.still_life.world import bake, still_life

    path = tmp_path_factory.mktemp("run") / SCENE_FILE
    save_scene(bake(still_life(), 24), path)
    return path


def test_help_lists_the_commands(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["nerf", "--help"]) == 0
    printed = capsys.readouterr().out
    for name in ("new", "edit", "render", "export", "scene"):
        assert f"  {name} " in printed


def test_a_film_is_rendered_from_a_run_folder(scene: Path, tmp_path: Path) -> None:
    pytest.importorskip("av")
    assert main(["nerf", "render", str(scene.parent), "-o", str(tmp_path / "a.mp4"), *SMALL]) == 0
    assert (tmp_path / "a.mp4").stat().st_size > 0
    assert main(["nerf", "render", str(scene), "-o", str(tmp_path / "frames"), "--path", "spiral", *SMALL]) == 0
    assert len(list((tmp_path / "frames").glob("*.png"))) == 2


def test_a_part_is_exported(scene: Path, tmp_path: Path) -> None:
    trimesh = pytest.importorskip("trimesh")
    file = tmp_path / "ball.ply"
    assert main(["nerf", "export", str(scene), "-o", str(file), "--part", "ball", "--resolution", "32"]) == 0
    assert trimesh.load(file).vertices[:, 0].max() < 0


def test_a_data_set_is_written(tmp_path: Path) -> None:
    flags = ["--views", "2", "--held-out", "1", "--size", "16"]
    assert main(["nerf", "scene", str(tmp_path / "set"), *flags]) == 0
    assert (tmp_path / "set" / "transforms.json").is_file()


def test_a_data_set_of_sprites_is_written(sprite_file: Path, tmp_path: Path) -> None:
    from gencontrol.sprites.store import open_store

    store = open_store(sprite_file)
    names = [concept.name for concept in store.concepts[:2]]
    chosen = [word for name in names for word in ("--sprite", name)]
    flags = ["--views", "2", "--held-out", "1", "--size", "16", "--sprites", str(sprite_file)]
    style = ["--style", store.styles[0]]
    assert main(["nerf", "scene", str(tmp_path / "set"), *flags, *chosen, *style]) == 0
    assert {path.name for path in (tmp_path / "set" / "masks").iterdir()} == {*names, "egg", "ground"}
    assert main(["nerf", "scene", str(tmp_path / "twice"), *flags, *chosen[:2] * 2]) == 2


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["rendr"], 2, "No command `nerf rendr`; did you mean 'render'"),
        (["render"], 2, "Name the scene first"),
        (["render", "x", "--frames", "0"], 2, "frames must be at least 1; got 0"),
        (["render", "nowhere"], 1, "No scene at nowhere"),
    ],
)
def test_mistakes_get_one_line(
    arguments: list[str], code: int, message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["nerf", *arguments]) == code
    assert message in capsys.readouterr().err


@studio
def test_flags_of_new_become_the_methods_configuration() -> None:
    pytest.importorskip("nerfstudio")
    from gencontrol.cli.nerf import NewFlags, training_config

    config = training_config(
        NewFlags(prompt="Red cat!", steps=7, seed=3, device="cpu", encoder="mine", symmetry="mirror")
    )
    model = config.pipeline.model
    assert (model.mode, model.prompt, model.encoders, model.seed) == ("create", "Red cat!", ("mine",), 3)
    assert (config.max_num_iterations, config.experiment_name) == (7, "red-cat")
    assert config.optimizers["field"]["scheduler"].max_steps == 7 and model.symmetry == "mirror"
    assert config.machine.device_type == "cpu" and config.pipeline.datamanager.seed == 3


@studio
def test_flags_of_edit_name_the_part_and_the_scene(scene: Path, tmp_path: Path) -> None:
    pytest.importorskip("nerfstudio")
    from gencontrol.cli.nerf import EditFlags, training_config

    box = (0.0, 0.0, 0.0, 1.0, 1.0, 1.0)
    config = training_config(EditFlags(scene=scene.parent, prompt="x", box=box, mode="recolour", device="cpu"))
    model = config.pipeline.model
    assert (model.mode, model.box, model.scene) == ("recolour", box, scene)
    named = training_config(EditFlags(scene=scene.parent, prompt="x", part="egg", device="cpu")).pipeline.model
    assert (named.part, named.encoders) == ("egg", type(named)().encoders)
    (tmp_path / "transforms.json").write_text("{}", encoding="utf-8")
    fitted = training_config(EditFlags(scene=tmp_path, prompt="x", box=box, steps=10, device="cpu"))
    assert fitted.pipeline.datamanager.data == tmp_path and fitted.pipeline.model.scene is None
    assert fitted.max_num_iterations == 10 + fitted.pipeline.datamanager.fit_steps
