"""The wheel holds everything that the editable install shows; nothing heavy is imported here."""

import re
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PYPROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
SETUPTOOLS = PYPROJECT["tool"]["setuptools"]


def packages_on_disk() -> set[str]:
    found = set()
    for name, folder in SETUPTOOLS["package-dir"].items():
        for init in (ROOT / folder).glob("**/__init__.py"):
            found.add(".".join((name, *init.parent.relative_to(ROOT / folder).parts)))
    return found


def shipped_files() -> set[str]:
    """What must be in the wheel: every module, every YAML preset, the type marker, the embedded models if present."""
    names = {"gencontrol/py.typed"}
    for name, folder in SETUPTOOLS["package-dir"].items():
        for pattern in (
            "**/*.py",
            "**/*.yaml",
            "tiny/**/*",
            "models/tiny/**/*",
            "models/relations/*",
            "models/language/*",
        ):
            for path in (ROOT / folder).glob(pattern):
                if path.is_file() and "__pycache__" not in path.parts:
                    names.add("/".join((*name.split("."), *path.relative_to(ROOT / folder).parts)))
    return names


def test_package_list_equals_the_disk() -> None:
    assert set(SETUPTOOLS["packages"]) == packages_on_disk()


def test_every_folder_with_modules_is_a_package() -> None:
    for folder in SETUPTOOLS["package-dir"].values():
        for module in (ROOT / folder).glob("**/*.py"):
            assert (module.parent / "__init__.py").is_file(), f"{module.parent} has modules and no __init__.py"


def test_layout_table_equals_the_disk() -> None:
    text = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    listed = re.findall(r"^\| `([\w/]+)/` \|", text, flags=re.MULTILINE)
    rooms = [path.parent for name in SETUPTOOLS["package-dir"].values() for path in (ROOT / name).glob("*/__init__.py")]
    there = {*SETUPTOOLS["package-dir"].values(), "tests", "benchmarks", "docs", "examples"}
    assert len(listed) == len(set(listed))
    assert set(listed) == there | {str(room.relative_to(ROOT)) for room in rooms}


def test_no_package_in_tests() -> None:
    # With one, pytest would put the root on the path and `import pipelines` would give a second copy.
    assert not list((ROOT / "tests").glob("**/__init__.py"))


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> zipfile.ZipFile:
    """A wheel built from a copy of the sources, so that nothing stale in `build/` can reach it."""
    folder = tmp_path_factory.mktemp("wheel")
    source = folder / "source"
    source.mkdir()
    for name in ("pyproject.toml", "README.md", "LICENSE", *SETUPTOOLS["package-dir"].values()):
        subprocess.run(["cp", "-r", str(ROOT / name), str(source)], check=True)
    command = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(folder), str(source)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return zipfile.ZipFile(next(folder.glob("*.whl")))


def test_wheel_holds_every_file(wheel: zipfile.ZipFile) -> None:
    assert shipped_files() - set(wheel.namelist()) == set()


def test_wheel_has_one_top_level_name(wheel: zipfile.ZipFile) -> None:
    top = {name.split("/")[0] for name in wheel.namelist()}
    assert {name for name in top if not name.endswith(".dist-info")} == {"gencontrol"}


def test_wheel_embedded_weights_stay_small(wheel: zipfile.ZipFile) -> None:
    sizes = {i.filename: i.file_size for i in wheel.infolist() if i.filename.endswith(".safetensors")}
    # The language head came later, with a bound of its own.
    head = {name for name in sizes if name.startswith("gencontrol/models/language/")}
    assert sum(size for name, size in sizes.items() if name not in head) <= 40e6
    assert sum(sizes[name] for name in head) <= 10e6
