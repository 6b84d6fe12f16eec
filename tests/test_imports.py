"""`import gencontrol` and `gencontrol --help` are light; each is run in a fresh interpreter."""

import subprocess
import sys
from pathlib import Path

import pytest

HEAVY = ("torch", "transformers", "diffusers", "numpy", "PIL", "tyro")

REPORT = f"""
import sys
print("\\nloaded:", *[name for name in {HEAVY!r} if name in sys.modules])
"""


def loaded_by(code: str, *, cwd: Path) -> list[str]:
    """Which heavy libraries are loaded after `code` ran in a fresh interpreter."""
    command = [sys.executable, "-P", "-c", code + REPORT]
    done = subprocess.run(command, capture_output=True, text=True, check=True, cwd=cwd)
    return done.stdout.rsplit("loaded:", 1)[1].split()


def help_of(*arguments: str) -> str:
    return f"""
from gencontrol.cli.main import main
assert main({list(arguments)!r}) == 0
"""


def test_meta_a_heavy_import_is_seen(tmp_path: Path) -> None:
    assert loaded_by("import torch", cwd=tmp_path) == ["torch", "numpy"]


@pytest.mark.parametrize("package", ["", ".cli.main", ".cli", ".errors", ".files"])
def test_import_is_light(package: str, tmp_path: Path) -> None:
    assert loaded_by(f"import gencontrol{package}", cwd=tmp_path) == []


@pytest.mark.parametrize("package", ["alpha_clip", "focus", "guidance", "models", "pipelines", "regions", "training"])
def test_packages_load_their_contents_on_first_use(package: str, tmp_path: Path) -> None:
    assert loaded_by(f"import gencontrol.{package}", cwd=tmp_path) == []


@pytest.mark.parametrize("argument", ["--help", "--version"])
def test_help_is_light(argument: str, tmp_path: Path) -> None:
    assert loaded_by(help_of(argument), cwd=tmp_path) == []


def test_help_of_a_command_loads_no_model_library(tmp_path: Path) -> None:
    loaded = loaded_by(help_of("vary", "--help"), cwd=tmp_path)
    assert {"torch", "transformers", "diffusers"}.isdisjoint(loaded)


def test_import_writes_nothing(tmp_path: Path) -> None:
    loaded_by("import gencontrol, gencontrol.cli.main, gencontrol.pipelines", cwd=tmp_path)
    assert list(tmp_path.iterdir()) == []
