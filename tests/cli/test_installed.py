"""A few things through the installed command, in processes of their own."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from PIL import Image

from gencontrol.cli.models import state_of
from gencontrol.models.registry import PRESETS

EXAMPLES = Path(__file__).parents[2] / "examples"
COMMAND = Path(sys.executable).with_name("gencontrol")


def call(*arguments: object, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [str(a) for a in arguments],
        capture_output=True,
        text=True,
        check=False,
        env=os.environ | {"HF_HUB_OFFLINE": "1"} | environment,
    )


def test_vary(scene: Path, tiny_folder: Path) -> None:
    flags = ("--mask", scene / "red.png", "--model", tiny_folder, "--steps", 2, "-n", 2, "--format", "json")
    done = call(COMMAND, "vary", scene / "photo.png", *flags, "-o", scene / "out")
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    for output in json.loads(done.stdout)["outputs"]:
        with Image.open(output["path"]) as image:
            assert image.size == (128, 128)


def test_the_embedded_model_is_the_default(tmp_path: Path) -> None:
    if state_of(PRESETS["tiny"]) != "here":
        pytest.skip("this build has no embedded weights")
    flags = ("--mask", EXAMPLES / "scene-mask.png", "-n", 1, "--steps", 2, "-o", tmp_path / "a.png")
    done = call(COMMAND, "vary", EXAMPLES / "scene.png", *flags)
    assert done.returncode == 0, done.stderr
    assert done.stdout == f"wrote {tmp_path / 'a.png'}\n"


def test_exit_codes(scene: Path) -> None:
    assert call(COMMAND, "--help").returncode == 0
    assert call(COMMAND, "vary", scene / "photo.png", "--nonsense").returncode == 2
    missing = call(COMMAND, "vary", scene / "missing.png", "--model", scene)
    assert missing.returncode == 1
    assert "Traceback" not in missing.stderr


def test_half_precision_on_a_cpu_is_told_once(scene: Path, tiny_folder: Path) -> None:
    """In our words, where diffusers warns once for every module; and nothing else is silenced with that."""
    code = "import sys; from gencontrol.cli.main import main; code = main(sys.argv[1:]); from diffusers.utils import "
    code += "logging; logging.get_logger('diffusers.pipelines.pipeline_utils').warning('heard'); sys.exit(code)"
    flags = ("--model", tiny_folder, "--steps", 1, "-n", 1, "--device", "cpu", "--dtype", "float16")
    done = call(sys.executable, "-c", code, "vary", scene / "photo.png", *flags, "-o", scene / "out")
    assert done.returncode == 0, done.stderr
    told, heard = done.stderr.splitlines()
    assert told.startswith("gencontrol: --dtype float16 is meant for GPUs")
    assert heard == "heard"


def test_ctrl_c_while_it_denoises(scene: Path, tiny_folder: Path) -> None:
    """What is finished stays, whole; nothing half-written is left, and no traceback is printed."""
    (scene / "photos").mkdir()
    for name in "ab":
        shutil.copy(scene / "photo.png", scene / "photos" / f"{name}.png")
    flags = ("--model", tiny_folder, "--steps", 500, "-n", 1, "--device", "cpu", "-o", scene / "out")
    process = subprocess.Popen(
        [str(a) for a in (COMMAND, "vary", scene / "photos", *flags)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        # A test run in the background may itself ignore the signal, and children inherit that.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
    while process.poll() is None and not (scene / "out" / "a-0.png").exists():
        time.sleep(0.01)
    # The picture is there a moment before it is counted; the next one takes seconds.
    time.sleep(0.5)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate()
    assert process.returncode == 130, err
    assert out == ""
    told, end = err.splitlines()
    assert told.startswith("gencontrol: stopped with 1 of 2 inputs done")
    assert end == "gencontrol: interrupted"
    assert [path.name for path in (scene / "out").iterdir()] == ["a-0.png"]
    with Image.open(scene / "out" / "a-0.png") as image:
        image.load()


def test_two_processes_share_a_folder(scene: Path, tiny_folder: Path) -> None:
    (scene / "photos").mkdir()
    for name in "abc":
        shutil.copy(scene / "photo.png", scene / "photos" / f"{name}.png")
    launch = (sys.executable, "-m", "accelerate.commands.launch", "--cpu", "--num_processes", 2, "--num_machines", 1)
    module = ("--mixed_precision", "no", "--dynamo_backend", "no", "--module", "gencontrol.cli.main")
    flags = ("--model", tiny_folder, "--steps", 1, "-n", 1, "--device", "cpu", "--format", "json")
    embeds = ("--embeds-out", scene / "e.safetensors")
    done = call(
        *launch, *module, "vary", scene / "photos", *flags, *embeds, "-o", scene / "out", ACCELERATE_USE_CPU="true"
    )
    assert done.returncode == 0, done.stderr
    result = json.loads(done.stdout[done.stdout.index("{") :])
    assert [Path(output["path"]).name for output in result["outputs"]] == ["a-0.png", "b-0.png", "c-0.png"]
    assert all(Path(output["path"]).exists() for output in result["outputs"])
    assert (scene / "e.safetensors").exists()
