"""`gencontrol nerf`: flags become the method's configuration; render and export write files."""

from pathlib import Path

import pytest

from gencontrol.cli.main import main
from gencontrol.cli.nerf import COMMANDS, in_own_flags
from gencontrol.errors import ConfigError

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


def test_a_scene_is_cropped_and_written_as_splats(scene: Path, tmp_path: Path) -> None:
    plyfile = pytest.importorskip("plyfile")
    file = tmp_path / "a.splat.ply"
    assert main(["nerf", "export", str(scene), "-o", str(file), "--sphere", "-0.55", "0", "-0.25", "0.3"]) == 0
    vertex = plyfile.PlyData.read(str(file))["vertex"]
    assert vertex["x"].max() < -0.2 and len(vertex["x"]) > 50
    assert main(["nerf", "export", str(scene), "-o", str(tmp_path / "b.stl"), "--box", *"0 0 0 1 1 1".split()]) == 0


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


def test_the_folder_around_is_a_scene_where_it_holds_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["nerf", "scene", str(tmp_path / "set"), "--views", "1", "--held-out", "1", "--size", "8"]) == 0
    monkeypatch.chdir(tmp_path / "set")
    assert main(["nerf", "export", ".", "-o", str(tmp_path / "a.ply"), "--resolution", "16"]) == 0
    assert (tmp_path / "a.ply").is_file()
    monkeypatch.chdir(tmp_path)
    assert main(["nerf", "export", ".", "-o", str(tmp_path / "b.ply")]) == 2
    assert "Name the scene first" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["rendr"], 2, "No command `nerf rendr`; did you mean 'render'"),
        (["render"], 2, "Name the scene first"),
        (["render", "x", "--frames", "0"], 2, "--frames must be at least 1; got 0"),
        (["render", "nowhere"], 1, "No scene at nowhere"),
        (["render", "x", "--elevation", "nan"], 2, "--elevation must be a number from -90 to 90; got nan"),
        (["render", "x", "--size", "0"], 2, "--size must be at least 1; got 0"),
        (["export", "x", "--resolution", "0"], 2, "--resolution must be at least 4; got 0"),
        (["export", "x", "--density", "-1"], 2, "--density must be at least 0.001; got -1.0"),
        (["export", "x", "-o", "a.fbx"], 1, "Cannot write .fbx: choose .ply"),
        (["export", "x", "--box", *"000111", "--sphere", *"0001"], 2, "Give --box or --sphere, not both: each says"),
        (["export", "x", "--sphere", *"0000"], 2, "--sphere: the radius must be positive"),
        (["scene", "/proc/x", "--size", "8"], 1, "/proc/x is the system's own; expected the name of a folder to write"),
        (["new", "--prompt", "x", "-o", "/dev/null/x"], 1, "/dev/null is a file; expected the name of a folder"),
        (["scene", "x", "--size", "0"], 2, "--size must be at least 1; got 0"),
        (["scene", "x", "--views", "0"], 2, "--views must be at least 1; got 0"),
        (["new", "--prompt", "x", "--parts", "p.yaml"], 2, "Give --prompt, or a file of --parts, not both: the file"),
        (["new", "a pumpkin"], 2, "what it is to become is given by --prompt 'a pumpkin'."),
        (["new", "--steps", "3", "a pumpkin"], 2, "does not take the bare word 'a pumpkin': what it is to become"),
        (["new", "--steps=3", "a pumpkin"], 2, "does not take the bare word 'a pumpkin': what it is to become"),
        (["edit", "x", "--box", "0", "0", "0", "1", "1", "1", "crown"], 2, "is given by --prompt 'crown'."),
        (["render", "x", "y"], 2, "`nerf render` does not take the bare word 'y': see --help for its flags."),
        (["render", "x", "--background", "0", "0", "-1", "y"], 2, "the bare word 'y'"),
    ],
)
def test_mistakes_get_one_line(
    arguments: list[str], code: int, message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["nerf", *arguments]) == code
    assert message in capsys.readouterr().err


@pytest.mark.parametrize(
    ("command", "message", "expected"),
    [
        ("edit", "By name (`part`) needs it.", "By name (--part) needs it."),
        ("edit", "Give `parts` FILE or `mode` fit.", "Give --parts FILE or --mode fit."),
        ("edit", "Give `scene` (a run).", "Give SCENE (a run)."),
        (
            "new",
            "A prompt: `prompt` TEXT, or `parts` FILE.",
            "A prompt: --prompt TEXT, or --parts FILE.",
        ),
        ("export", "No scene at x: give a file.", "No scene at x: give a file."),
        (
            "edit",
            "Name it: `in_front_of` 1 1 1, or `crop` X Y.",
            "Name it: --in-front-of 1 1 1, or --crop X Y.",
        ),
        (
            "edit",
            "Fewer `fit_steps`; got `steps` 0.",
            "Fewer --fit-steps; got --steps 0.",
        ),
        ("new", "Lower it (`learning_rate` NUMBER).", "Lower it (--learning-rate NUMBER)."),
        ("new", "Elsewhere (`output`, on `machine.device_type`).", "Elsewhere (-o, on --device)."),
        ("edit", "Leave `data` out.", "Leave SCENE out."),
    ],
)
def test_what_the_method_says_is_said_in_flags_of_the_command(command: str, message: str, expected: str) -> None:
    assert in_own_flags(message, COMMANDS[command][0]) == expected


@studio
@pytest.mark.parametrize(
    ("setting", "flag"),
    [
        ("grow", "--pipeline.model.grow"),
        ("in_front_of", "--pipeline.datamanager.in-front-of"),
        ("orbit.radius", "--pipeline.datamanager.orbit.radius"),
        ("data", "--data"),
        ("load_dir", "--load-dir"),
        ("eps", "--optimizers.field.optimizer.eps"),
    ],
)
def test_flags_that_only_the_method_has_are_said_to_be_its_own(setting: str, flag: str) -> None:
    pytest.importorskip("nerfstudio")
    said = in_own_flags(f"Give `{setting}`.", COMMANDS["new"][0])
    assert said.startswith(f"Give {flag}. (Those flags are taken by `ns-train alphaclip-nerf`")


def test_a_runs_mistakes_are_said_in_own_flags(
    scene: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail(_: object) -> Path:
        raise ConfigError("Give `box`.")

    monkeypatch.setattr("gencontrol.cli.nerf.train", fail)
    assert main(["nerf", "edit", str(scene)]) == 2
    assert capsys.readouterr().err == "gencontrol: Give --box.\n"


@studio
@pytest.mark.slow
def test_mistakes_of_an_edit_name_no_flag_that_it_has_not(
    scene: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("nerfstudio")
    (tmp_path / "transforms.json").write_text("{}", encoding="utf-8")
    out = ["-o", str(tmp_path / "runs"), "--device", "cpu"]
    tiny = ["--encoder", "tiny", "--steps", "1"]
    for arguments, code, message in (
        (["edit", str(scene), *out], 2, "The mode 'edit' needs a prompt: give --prompt TEXT, or --parts FILE."),
        (["edit", str(scene), "--mode", "remove", *out, *tiny], 2, "give a box (--box), a sphere (--sphere)"),
    ):
        assert main(["nerf", *arguments]) == code
        said = capsys.readouterr().err
        assert message in said and "--pipeline" not in said


@pytest.mark.parametrize(
    "words", [["render", "-o", "mine.gif", *SMALL], ["export", "-o", "mine.ply", "--resolution", "16"]]
)
def test_a_file_that_is_there_is_kept_unless_overwrite_is_given(
    words: list[str], scene: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("trimesh")
    monkeypatch.chdir(tmp_path)
    command, _, name, *rest = words
    mine = tmp_path / name
    mine.write_text("mine")
    assert main(["nerf", command, str(scene), "-o", name, *rest]) == 1
    assert f"{name} exists already: give --overwrite, or another -o." in capsys.readouterr().err
    assert mine.read_text() == "mine"
    assert main(["nerf", command, str(scene), "-o", name, "--overwrite", *rest]) == 0
    assert mine.read_bytes() != b"mine"


def test_frames_and_links_that_are_there_are_kept_too(
    scene: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "views").mkdir()
    render = ["nerf", "render", str(scene), *SMALL, "-o"]
    assert main([*render, str(tmp_path / "views")]) == 0
    assert main([*render, str(tmp_path / "views")]) == 1
    assert "views exists already: give --overwrite" in capsys.readouterr().err
    assert main([*render, str(tmp_path / "views"), "--overwrite"]) == 0
    (tmp_path / "a.gif").symlink_to(tmp_path / "nowhere")
    assert main([*render, str(tmp_path / "a.gif")]) == 1
    assert "a.gif exists already" in capsys.readouterr().err


def test_what_is_read_is_never_written_over(scene: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "scene.ply").hardlink_to(scene)
    assert main(["nerf", "export", str(scene), "-o", str(tmp_path / "scene.ply"), "--overwrite"]) == 1
    assert "scene.ply is the scene, which is not written over" in capsys.readouterr().err
    path = tmp_path / "path.gif"
    path.write_text("{}")
    assert main(["nerf", "render", str(scene), "--camera-path", str(path), "-o", str(path), "--overwrite"]) == 1
    assert "path.gif is the camera path, which is not written over" in capsys.readouterr().err
    assert main(["nerf", "render", str(scene), "-o", str(scene.parent), "--overwrite"]) == 1
    assert "holds the scene, which is not written over" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("render x --path spiral --elevation 77", "--elevation is the turntable's, and a spiral goes up and down"),
        ("render x --camera-path p.json --frames 7", "--frames would do nothing: --camera-path says where every"),
        ("render x --camera-path p --path spiral --elevation 1", "--path, --elevation would do nothing"),
        ("render x -o views --background 0 0 0", "--background would do nothing: a folder's PNGs are transparent"),
        ("export x -o x.splat.ply --density 5", "--density says where a mesh has its surface, and splats have none"),
        ("scene new --style nosuch", "--style would do nothing: no --sprite is named. Leave out one or the other."),
        ("scene new --sprites nosuch", "--sprites would do nothing: no --sprite is named"),
    ],
)
def test_flags_that_would_do_nothing_are_refused(words: str, message: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["nerf", *words.split()]) == 2
    assert message in capsys.readouterr().err


@studio
def test_a_part_is_said_in_words(
    scene: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("nerfstudio")
    monkeypatch.setattr("nerfstudio.scripts.train.main", lambda config: print(config.pipeline.model.part))
    words = ["nerf", "edit", str(scene), "--prompt", "x", "--device", "cpu", "-o", str(tmp_path), "--phrase"]
    assert main([*words, "the leftmost thing"]) == 0
    printed = capsys.readouterr()
    assert printed.out.startswith("ball\n") and 'gencontrol: "the leftmost thing" is ball at ' in printed.err
    assert main([*words, "the leftmost thing", "--part", "egg"]) == 2
    assert "--part shows a part and --phrase looks for one" in capsys.readouterr().err
    assert main([*words[:-1], "--part", "egg", "--most", "3"]) == 2
    assert "--most finds what a --phrase means: leave it out" in capsys.readouterr().err
