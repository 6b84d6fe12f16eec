"""The entry point: light to import, and the whole chain of nerfstudio's commands on its checkpoint."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch

from gencontrol.nerf.field.scene import load_scene

pytest.importorskip("nerfstudio")

BLOCKED = ("diffusers", "transformers", "open_clip", "trimesh", "skimage", "accelerate")
ENVIRONMENT = {"HF_HUB_OFFLINE": "1", "OMP_WAIT_POLICY": "PASSIVE", "OMP_NUM_THREADS": "1"}
METHOD = "alphaclip-nerf=gencontrol.nerf.method:method"
TIMESTAMP = ("--timestamp", "run")


def test_the_method_imports_with_torch_and_nerfstudio_only(tmp_path: Path) -> None:
    code = f"""
import sys
for name in {BLOCKED!r}:
    sys.modules[name] = None
from gencontrol.nerf.method.entry import method, variant
assert method.config.method_name == "alphaclip-nerf"
base, other = vars(method.config.pipeline.model), vars(variant(mode="fit").pipeline.model)
print({{k for k in base if base[k] != other[k]}})
"""
    done = subprocess.run([sys.executable, "-P", "-c", code], capture_output=True, text=True, cwd=tmp_path, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1] == "{'mode'}"


@pytest.mark.filterwarnings("ignore")  # of what nerfstudio pins
def test_the_variant_on_a_hash_grid_differs_in_its_field_and_learning_rate() -> None:
    from gencontrol.nerf.method.entry import method, method_hash

    plain, changed = method.config, method_hash.config
    assert (plain.method_name, changed.method_name) == ("alphaclip-nerf", "alphaclip-nerf-hash")
    first, second = vars(plain.pipeline.model), vars(changed.pipeline.model)
    assert {k for k in first if first[k] != second[k]} == {"representation"}
    rates = [config.optimizers["field"]["optimizer"].lr for config in (plain, changed)]
    assert rates == [0.1, 0.01]


@pytest.mark.filterwarnings("ignore")  # of what nerfstudio pins
def test_the_defaults_of_a_run() -> None:
    from gencontrol.nerf.method.entry import trainer_config

    config = trainer_config()
    assert (config.max_num_iterations, config.steps_per_save) == (400, 200)
    # A preview is a batch and an image at a time; all images are for ns-eval.
    evaluated = (config.steps_per_eval_batch, config.steps_per_eval_image, config.steps_per_eval_all_images)
    assert evaluated == (0, 100, 0)
    assert not config.mixed_precision and config.vis == "tensorboard"
    assert config.logging.steps_per_log == 10 and config.logging.profiler == "none"
    assert config.optimizers["field"]["optimizer"].eps == 1e-8 and config.viewer.num_rays_per_chunk == 32768
    assert trainer_config() is not config


@pytest.mark.filterwarnings("ignore")  # of what nerfstudio pins
def test_the_method_sets_up_its_own_classes() -> None:
    from gencontrol.nerf.method.datamanager import SteeredDataManager
    from gencontrol.nerf.method.entry import trainer_config
    from gencontrol.nerf.method.learning_rate import FloatDecay
    from gencontrol.nerf.method.model import SteeredModel
    from gencontrol.nerf.method.pipeline import SteeredPipeline

    config = trainer_config()
    config.pipeline.model.prompt = "red cat"  # pyright: ignore[reportAttributeAccessIssue]
    pipeline = config.pipeline.setup(device="cpu")
    assert type(pipeline) is SteeredPipeline
    assert (type(pipeline.datamanager), type(pipeline.model)) == (SteeredDataManager, SteeredModel)
    assert type(config.optimizers["field"]["scheduler"].setup()) is FloatDecay
    assert pipeline.model.get_training_callbacks(None) == []  # pyright: ignore[reportArgumentType]


def environment(tmp_path: Path) -> dict[str, str]:
    """Offline, the method announced, and an `ffmpeg` that `ns-render` finds."""
    ffmpeg = pytest.importorskip("imageio_ffmpeg").get_ffmpeg_exe()
    tools = tmp_path / "bin"
    tools.mkdir(exist_ok=True)
    if not (tools / "ffmpeg").exists():
        (tools / "ffmpeg").symlink_to(ffmpeg)
    path = os.pathsep.join([str(Path(sys.executable).parent), str(tools), os.environ["PATH"]])
    return {**os.environ, **ENVIRONMENT, "PATH": path, "NERFSTUDIO_METHOD_CONFIGS": METHOD}


def command(folder: Path, encoder: Path, *more: str) -> list[str]:
    flags = {
        "--prompt": "red cat",
        "--machine.device-type": "cpu",
        "--vis": "tensorboard",
        "--output-dir": str(folder),
        "--max-num-iterations": "6",
        "--steps-per-save": "3",
        "--steps-per-eval-image": "4",
        "--pipeline.model.encoders": str(encoder),
        "--pipeline.model.resolution": "0:8 3:12",
        "--pipeline.model.preview-every": "3",
        "--pipeline.model.turntable-frames": "3",
        "--pipeline.model.turntable-size": "32",
        "--pipeline.datamanager.size": "24",
        "--pipeline.datamanager.eval-size": "24",
        "--pipeline.datamanager.eval-views": "2",
    }
    return ["ns-train", "alphaclip-nerf", *(word for pair in flags.items() for word in pair), *more]


def run(arguments: list[str], folder: Path) -> str:
    done = subprocess.run(arguments, capture_output=True, text=True, env=environment(folder), cwd=folder, check=False)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    return done.stdout


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory, tiny_folder: Path) -> Path:
    folder = tmp_path_factory.mktemp("studio")
    run(command(folder, tiny_folder, *TIMESTAMP), folder)
    return folder / "unnamed" / "alphaclip-nerf" / "run"


@pytest.fixture(scope="module")
def edited(trained: Path, tmp_path_factory: pytest.TempPathFactory, tiny_folder: Path) -> Path:
    """An edit of what was trained, half of it."""
    folder = tmp_path_factory.mktemp("edited")
    part = ("--pipeline.model.mode", "edit", "--pipeline.model.scene", str(trained), "--pipeline.model.box")
    run(command(folder, tiny_folder, *TIMESTAMP, *part, "0.5", "0", "0", "1", "2", "2"), folder)
    return folder / "unnamed" / "alphaclip-nerf" / "run"


@pytest.fixture(params=["trained", "edited"])
def finished(request: pytest.FixtureRequest) -> Path:
    """Both, one after the other."""
    return request.getfixturevalue(request.param)


@pytest.mark.slow
def test_an_edit_changes_its_half_only(trained: Path, edited: Path) -> None:
    before, after = (load_scene(folder) for folder in (trained, edited))
    points = torch.rand(4000, 3, generator=torch.Generator().manual_seed(0)) * 2 - 1
    # A node's width from the box's face: the scene is stored on a lattice.
    outside, inside = points[:, 0] < -2 / 11, points[:, 0] > 0
    (old, old_rgb), (new, new_rgb) = before(points), after(points)
    assert torch.allclose(old[outside], new[outside], atol=1e-4)
    assert torch.allclose(old_rgb[outside], new_rgb[outside], atol=1e-4)
    assert (old_rgb - new_rgb)[inside].abs().max() > 1e-3


@pytest.mark.slow
def test_training_writes_checkpoint_previews_scene_and_turntable(trained: Path) -> None:
    assert [p.name for p in (trained / "nerfstudio_models").iterdir()] == ["step-000000005.ckpt"]
    assert sorted(p.name for p in (trained / "previews").iterdir()) == ["000000.png", "000003.png"]
    assert (trained / "scene.safetensors").is_file() and (trained / "turntable.mp4").stat().st_size > 0


@pytest.mark.slow
def test_a_run_goes_on_from_its_checkpoint(trained: Path, tiny_folder: Path, tmp_path: Path) -> None:
    more = ("--load-dir", str(trained / "nerfstudio_models"), *TIMESTAMP)
    run(command(tmp_path, tiny_folder, *more), tmp_path)
    again = tmp_path / "unnamed" / "alphaclip-nerf" / "run"
    assert [p.name for p in (again / "nerfstudio_models").iterdir()] == ["step-000000011.ckpt"]
    whole = tmp_path / "whole"
    whole.mkdir()
    run(command(whole, tiny_folder, *TIMESTAMP, "--max-num-iterations", "12"), whole)
    undisturbed = load_scene(whole / "unnamed" / "alphaclip-nerf" / "run").lattice
    resumed, before = load_scene(again).lattice, load_scene(trained).lattice
    assert torch.allclose(resumed, undisturbed, atol=1e-4) and (resumed - before).abs().max() > 0.1


@pytest.mark.slow
def test_an_edit_goes_on_from_its_checkpoint(trained: Path, edited: Path, tiny_folder: Path, tmp_path: Path) -> None:
    part = ("--pipeline.model.mode", "edit", "--pipeline.model.scene", str(trained), "--pipeline.model.box")
    box = ("0.5", "0", "0", "1", "2", "2")
    more = ("--load-dir", str(edited / "nerfstudio_models"), *TIMESTAMP, *part, *box)
    run(command(tmp_path, tiny_folder, *more), tmp_path)
    again = load_scene(tmp_path / "unnamed" / "alphaclip-nerf" / "run")
    points = torch.rand(4000, 3, generator=torch.Generator().manual_seed(0)) * 2 - 1
    outside = points[:, 0] < -2 / 11
    first, second, third = (scene(points)[1] for scene in (load_scene(trained), load_scene(edited), again))
    assert torch.allclose(first[outside], third[outside], atol=1e-4)
    assert (third - first)[~outside].abs().max() > (second - first)[~outside].abs().max()


@pytest.mark.slow
def test_ns_eval_gives_scores_per_part(finished: Path, tmp_path: Path) -> None:
    run(["ns-eval", "--load-config", str(finished / "config.yml"), "--output-path", str(tmp_path / "x.json")], tmp_path)
    results = json.loads((tmp_path / "x.json").read_text(encoding="utf-8"))["results"]
    assert -1 <= results["score_part"] <= 1 and 0 < results["opacity"] < 1


@pytest.mark.slow
def test_ns_render_films_a_spiral(finished: Path, tmp_path: Path) -> None:
    film = ["--output-path", str(tmp_path / "x.mp4"), "--seconds", "0.2", "--frame-rate", "5"]
    run(["ns-render", "spiral", "--load-config", str(finished / "config.yml"), *film], tmp_path)
    assert (tmp_path / "x.mp4").stat().st_size > 0


@pytest.fixture(scope="module")
def fitted(tmp_path_factory: pytest.TempPathFactory, tiny_folder: Path) -> Path:
    """A fit of pictures, by a parser that is named as nerfstudio's users do."""
    from gencontrol.nerf.still_life.dataset import DatasetSettings, write_dataset
    from gencontrol.nerf.still_life.world import still_life

    folder = tmp_path_factory.mktemp("fitted")
    settings = DatasetSettings(views=12, held_out=2, size=32, resolution=8)
    pictures = write_dataset(still_life(), folder / "set", settings)
    more = ("--pipeline.model.mode", "fit", "--max-num-iterations", "120", "--pipeline.model.resolution", "0:20")
    run(command(folder, tiny_folder, *TIMESTAMP, *more, "nerfstudio-data", "--data", str(pictures)), folder)
    return folder / "unnamed" / "alphaclip-nerf" / "run"


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory, tiny_folder: Path) -> Path:
    """A creation that is dense enough to be meshed: after so few steps still its ball, which begins opaque."""
    folder = tmp_path_factory.mktemp("made")
    # Meshing sees what is empty from all around.
    more = (
        "--pipeline.model.ball-peak",
        "2",
        "--pipeline.model.resolution",
        "0:20",
        "--pipeline.datamanager.eval-views",
        "8",
    )
    run(command(folder, tiny_folder, *TIMESTAMP, *more), folder)
    return folder / "unnamed" / "alphaclip-nerf" / "run"


def needs_open3d() -> None:
    """Skip where open3d, which `ns-export` imports, does not open: it wants libusb of the machine."""
    # Not imported here: it would stay in this process.
    done = subprocess.run([sys.executable, "-c", "import open3d"], capture_output=True, check=False)
    if done.returncode:
        pytest.skip("open3d cannot be imported")


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["fitted", "made"])
@pytest.mark.parametrize(
    ("tool", "file"),
    [
        (("pointcloud", "--num-points", "3000"), "point_cloud.ply"),
        (("poisson", "--num-points", "3000", "--texture-method", "point_cloud"), "poisson_mesh.ply"),
        (
            ("tsdf", *"--resolution 32 --downscale-factor 1 --target-num-faces 300 --num-pixels-per-side 32".split()),
            "tsdf_mesh.ply",
        ),
    ],
)
def test_ns_export_finds_the_surface(
    kind: str, tool: tuple[str, ...], file: str, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    needs_open3d()
    import trimesh

    from gencontrol.nerf.still_life.world import distances, still_life

    folder = request.getfixturevalue(kind)
    run(["ns-export", *tool, "--load-config", str(folder / "config.yml"), "--output-dir", str(tmp_path)], tmp_path)
    places = torch.as_tensor(trimesh.load(tmp_path / file).vertices).float()  # pyright: ignore
    assert len(places) > 100
    off = distances(still_life(), places).amin(dim=1) if kind == "fitted" else places.norm(dim=1) - 0.5
    assert off.abs().median() < 0.1


@pytest.mark.slow
@pytest.mark.parametrize(("kind", "pictures"), [("fitted", 2), ("made", 8)])
def test_ns_render_films_a_data_set(kind: str, pictures: int, request: pytest.FixtureRequest, tmp_path: Path) -> None:
    folder = request.getfixturevalue(kind)
    where = ["--load-config", str(folder / "config.yml"), "--output-path", str(tmp_path / "out")]
    run(["ns-render", "dataset", *where, "--image-format", "png"], tmp_path)
    shown = {path.name: len(list(path.iterdir())) for path in (tmp_path / "out" / "test").iterdir()}
    assert {"rgb", "depth", "normals", "accumulation", "gt-rgb"} <= set(shown) and set(shown.values()) == {pictures}


@pytest.mark.slow
def test_ns_viewer_serves_the_scene(finished: Path, tmp_path: Path) -> None:
    import socket

    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    arguments = ["ns-viewer", "--load-config", str(finished / "config.yml"), "--viewer.websocket-port", str(port)]
    with subprocess.Popen(arguments, env=environment(tmp_path), cwd=tmp_path, stdout=subprocess.PIPE) as viewer:
        try:
            assert _answers(port, viewer)
        finally:
            viewer.send_signal(signal.SIGINT)
            viewer.send_signal(signal.SIGKILL)


def _answers(port: int, process: subprocess.Popen) -> bool:
    import urllib.error
    import urllib.request

    for _ in range(600):
        if process.poll() is not None:
            return False
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/", timeout=5) as page:
                return page.status == 200
        except (urllib.error.URLError, OSError):
            time.sleep(0.5)
    return False


@pytest.mark.slow
def test_one_interrupt_stops_cleanly_and_still_writes_everything(tiny_folder: Path, tmp_path: Path) -> None:
    arguments = command(tmp_path, tiny_folder, *TIMESTAMP, "--max-num-iterations", "100000")
    folder = tmp_path / "unnamed" / "alphaclip-nerf" / "run"
    with subprocess.Popen(arguments, env=environment(tmp_path), cwd=tmp_path, stdout=subprocess.DEVNULL) as training:
        while not (folder / "previews" / "000003.png").is_file():
            assert training.poll() is None
            time.sleep(0.2)
        training.send_signal(signal.SIGINT)
        assert training.wait(timeout=300) == 0
    assert list((folder / "nerfstudio_models").glob("*.ckpt"))
    assert (folder / "scene.safetensors").is_file() and (folder / "turntable.mp4").is_file()
