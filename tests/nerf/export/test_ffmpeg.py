"""The `ffmpeg` that imageio-ffmpeg brought is found by nerfstudio's tools."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from gencontrol.nerf.export.ffmpeg import offer_ffmpeg


def test_without_one_the_one_of_imageio_is_offered(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("imageio_ffmpeg")
    monkeypatch.setenv("PATH", str(tmp_path))
    folder = offer_ffmpeg()
    assert folder is not None and shutil.which("ffmpeg") == str(folder / "ffmpeg")
    assert os.environ["PATH"] == f"{tmp_path}{os.pathsep}{folder}"
    said = subprocess.run(["ffmpeg", "-version"], capture_output=True, text=True, check=True).stdout
    assert said.startswith("ffmpeg version")
    assert offer_ffmpeg() is None
    shutil.rmtree(folder)


def test_the_machines_own_goes_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    own = tmp_path / "ffmpeg"
    own.write_text("#!/bin/sh\n", encoding="utf-8")
    own.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert offer_ffmpeg() is None and os.environ["PATH"] == str(tmp_path)


def test_without_either_nothing_happens(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setitem(sys.modules, "imageio_ffmpeg", None)
    assert offer_ffmpeg() is None and os.environ["PATH"] == str(tmp_path)


@pytest.mark.filterwarnings("ignore")  # of what nerfstudio pins
@pytest.mark.parametrize(("mode", "offered"), [("val", 0), ("test", 1), ("inference", 1)])
def test_tools_are_offered_it_and_runs_are_not(mode: str, offered: int, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("nerfstudio")
    from gencontrol.nerf.method.entry import trainer_config

    calls = []
    monkeypatch.setattr("gencontrol.nerf.export.ffmpeg.offer_ffmpeg", lambda: calls.append(mode))
    config = trainer_config()
    config.pipeline.model.prompt = "red cat"  # pyright: ignore[reportAttributeAccessIssue]
    config.pipeline.setup(device="cpu", test_mode=mode)
    assert len(calls) == offered
