"""A few things through the installed command, in processes of their own."""

import json
import os
import shutil
import subprocess
import sys
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
