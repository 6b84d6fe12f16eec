"""`--offline` asks no hub: no name is looked up, and no connection is made."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from gencontrol.runs.machine.offline import SWITCH, offline

NOWHERE = "nobody/gencontrol-no-such-model"

# Runs the command where the network refuses and says what it was asked; the hub's client waits between attempts.
GUARDED = """
import socket, sys, time
from gencontrol.cli.main import main

def refuse(*arguments, **settings):
    print("ASKED", arguments)
    raise OSError("no network in this test")

socket.getaddrinfo = socket.socket.connect = refuse
time.sleep = lambda seconds: None
sys.exit(main(sys.argv[1:]))
"""

CASES = {
    "model": ["vary", "{scene}/photo.png", "--model", NOWHERE],
    "encoder": ["vary", "{scene}/photo.png", "--model", "{tiny}", "--alpha-clip", NOWHERE],
    "score": ["score", "{scene}/photo.png", "--text", "a", "--model", NOWHERE],
    "convert": ["convert", NOWHERE, "-o", "{scene}/converted"],
}


def guarded(tmp_path: Path, *arguments: object) -> subprocess.CompletedProcess[str]:
    """With an empty cache, and a hub that the environment does not switch off."""
    proxies = {f"{kind}_proxy" for kind in ("http", "https", "all")}
    environment = {k: v for k, v in os.environ.items() if k != SWITCH and k.lower() not in proxies}
    return subprocess.run(
        [sys.executable, "-c", GUARDED, *(str(a) for a in arguments)],
        capture_output=True,
        text=True,
        check=False,
        env=environment | {"HF_HOME": str(tmp_path / "hub")},
    )


@pytest.mark.parametrize("case", CASES)
def test_a_hub_id_is_refused_at_once(case: str, scene: Path, tiny_folder: Path) -> None:
    done = guarded(scene, *(flag.format(scene=scene, tiny=tiny_folder) for flag in CASES[case]), "--offline")
    assert done.returncode == 1, done.stderr
    assert "ASKED" not in done.stdout
    assert NOWHERE in done.stderr
    assert "in this machine's cache" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_run_from_a_folder_asks_nothing(scene: Path, tiny_folder: Path) -> None:
    flags = ("--mask", scene / "red.png", "--model", tiny_folder, "--steps", 1, "-n", 1, "--compare")
    done = guarded(scene, "vary", scene / "photo.png", *flags, "--offline", "-o", scene / "out")
    assert done.returncode == 0, done.stderr
    assert "ASKED" not in done.stdout


@pytest.mark.parametrize("name", ["sdxl-ip-plus", "flux-ip"])
def test_references_from_folders_ask_nothing(name: str, scene: Path, reference_folder: Callable[[str], Path]) -> None:
    """Even where the hub might be asked. Flux is here without text towers, which is said before weights load."""
    folder = reference_folder(name)
    parts = ("--base", folder / "base", "--adapter", folder / "adapter.safetensors")
    flags = (*parts, "--image-encoder", folder / "image_encoder", "--steps", 1, "-n", 1, "-o", scene / "out")
    done = guarded(scene, "vary", scene / "photo.png", "--model", name, *flags)
    assert "ASKED" not in done.stdout
    assert done.returncode == (name == "flux-ip"), done.stderr
    assert ("base was saved without text towers" in done.stderr) == (name == "flux-ip")


def test_a_host_of_references_is_refused_in_one_line_where_the_hub_cannot_be_reached(scene: Path) -> None:
    done = guarded(scene, "vary", scene / "photo.png", "--model", "kolors-ip-plus")
    assert done.returncode == 1 and done.stderr.count("\n") == 1
    assert "Kwai-Kolors/Kolors-diffusers (base)" in done.stderr and "hub cannot be reached" in done.stderr
    assert done.stdout.count("ASKED") == 1


def test_without_it_the_hub_is_asked(scene: Path) -> None:
    """Else the tests above would show nothing."""
    done = guarded(scene, "vary", scene / "photo.png", "--model", NOWHERE)
    assert done.returncode == 1
    assert "ASKED" in done.stdout


@pytest.mark.parametrize("before", [None, "0"])
def test_the_environment_is_as_before(before: str | None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(SWITCH, raising=False)
    if before is not None:
        monkeypatch.setenv(SWITCH, before)
    with offline(True):
        assert os.environ[SWITCH] == "1"
    assert os.environ.get(SWITCH) == before
    with offline(False):
        assert os.environ.get(SWITCH) == before
