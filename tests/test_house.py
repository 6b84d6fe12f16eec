"""The check of the house's floors refuses what it should, and sees the package that is there."""

import shutil
import subprocess
import sys
import tomllib
from collections.abc import Callable, Mapping
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).parents[1]
PYPROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
FLOORS = PYPROJECT["tool"]["gencontrol"]["floors"]

Build = Callable[[Mapping[str, str]], Path]


@pytest.fixture
def build(tmp_path: Path) -> Build:
    """Writes a package in two places, as ours lies, and lays it together: file -> source."""

    def write(files: Mapping[str, str]) -> Path:
        laid = tmp_path / "laid" / "gencontrol"
        shutil.rmtree(laid, ignore_errors=True)
        laid.mkdir(parents=True)
        clean = dict.fromkeys(("__init__", "errors", "images/__init__", "nerf/__init__", "runs/__init__"), "")
        for name, source in (clean | dict(files)).items():
            path = tmp_path / ("nerf" if name.startswith("nerf/") else "core") / f"{name.removeprefix('nerf/')}.py"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(source, encoding="utf-8")
        for path in (*(tmp_path / "core").iterdir(), tmp_path / "nerf"):
            (laid / path.name).symlink_to(path)
        return laid.parent

    return write


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Places are told from the working folder on."""
    monkeypatch.chdir(tmp_path)


@pytest.mark.parametrize(
    "decorator",
    ["@dataclass", "@dataclass(frozen=True)", "@dataclass(kw_only=True)", "@dataclass(frozen=False, kw_only=True)"],
)
def test_a_record_that_can_change_or_be_filled_by_position_is_refused(
    house: ModuleType, build: Build, here: None, decorator: str
) -> None:
    files = {"images/picture": f"from dataclasses import dataclass\n\n{decorator}\nclass Picture:\n    size: int\n"}
    want = ["core/images/picture.py:3: a record is @dataclass(frozen=True, kw_only=True)"]
    assert house.faults(build(files), FLOORS) == want
    assert house.faults(build(files), FLOORS, ["images.picture"]) == []


def test_a_frozen_keyword_only_record_passes(house: ModuleType, build: Build) -> None:
    source = "import dataclasses\n\n@dataclasses.dataclass(frozen=True, kw_only=True)\nclass Picture:\n    size: int\n"
    assert house.faults(build({"images/picture": source}), FLOORS) == []


def test_a_clean_house_passes(house: ModuleType, build: Build) -> None:
    laid = build(
        {
            "__init__": "from gencontrol.images.picture import Picture as Picture",
            "images/picture": "from gencontrol.errors import InputError\nfrom gencontrol.images import sheets",
            "images/sheets": "import gencontrol.errors",
            "nerf/method/__init__": "",
            "nerf/method/model": "from gencontrol import Picture\nfrom gencontrol.nerf.field import grid",
            "nerf/field/__init__": "",
            "nerf/field/grid": "import numpy\nfrom gencontrol import __version__",
            "runs/plan": "from gencontrol.images.picture import Picture\nimport gencontrol.nerf.method.model as model",
        }
    )
    assert house.faults(laid, FLOORS) == []


CIRCLES = {
    "two files": {"nerf/a": "from gencontrol.nerf.b import g", "nerf/b": "import gencontrol.nerf.a"},
    "deferred": {
        "nerf/a": "from gencontrol.nerf import b",
        "nerf/b": "def f():\n    from gencontrol.nerf.a import g\n    return g",
    },
    "for the type checker": {
        "nerf/a": "from gencontrol.nerf.b import g",
        "nerf/b": "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from gencontrol.nerf.a import G",
    },
    "by name": {
        "nerf/a": "from gencontrol.nerf.b import g",
        "nerf/b": "from importlib import import_module\nf = lambda: import_module('gencontrol.nerf.a')",
    },
    "through a lazy package": {
        "nerf/a": "from gencontrol.nerf.b import g",
        "nerf/__init__": "x = lazy_exports(__name__, {'G': 'gencontrol.nerf.a'})",
        "nerf/b": "from gencontrol.nerf import G",
    },
    "through a package whose exports are typed": {
        "nerf/a": "from gencontrol.nerf.b import g",
        "nerf/__init__": "if TYPE_CHECKING:\n    from gencontrol.nerf.a import G as H",
        "nerf/b": "from gencontrol.nerf import H",
    },
}


@pytest.mark.usefixtures("here")
@pytest.mark.parametrize("files", CIRCLES.values(), ids=CIRCLES)
def test_a_circle_of_two_files_is_refused(files: Mapping[str, str], house: ModuleType, build: Build) -> None:
    laid = build({"lazy": "", **files})
    (fault,) = house.faults(laid, FLOORS)
    line = 1 + files["nerf/b"].count("\n", 0, files["nerf/b"].index("gencontrol.nerf"))
    assert fault in (
        f"circle: nerf/a.py:1 -> nerf/b.py:{line} -> nerf/a.py",
        f"circle: nerf/b.py:{line} -> nerf/a.py:1 -> nerf/b.py",
    )


def test_a_circle_of_three_files_in_three_folders_is_refused(house: ModuleType, build: Build) -> None:
    files = dict.fromkeys(("nerf/x/__init__", "nerf/y/__init__", "nerf/z/__init__"), "") | {
        "nerf/x/a": "from gencontrol.nerf.y.b import f",
        "nerf/y/b": "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from gencontrol.nerf.z.c import F",
        "nerf/z/c": "def f():\n    from gencontrol.nerf.x import a",
    }
    (fault,) = house.faults(build(files), FLOORS)
    assert all(place in fault for place in ("nerf/x/a.py:1", "nerf/y/b.py:3", "nerf/z/c.py:2"))
    # Without one of the three the folders are as they were.
    assert house.faults(build(files | {"nerf/z/c": ""}), FLOORS) == []


def test_packages_that_hand_each_other_a_name_on_are_a_circle(house: ModuleType, build: Build) -> None:
    files = {
        "runs/__init__": "from gencontrol.images import G as G",
        "images/__init__": "from gencontrol.runs import G as G",
    }
    circle, arrow = house.faults(build(files), FLOORS)
    assert circle.startswith("circle: ") and "images imports gencontrol.runs, a floor above" in arrow


def test_every_circle_is_named(house: ModuleType, build: Build) -> None:
    files = {name: f"import gencontrol.{other}" for name, other in (("runs/a", "runs.b"), ("runs/b", "runs.a"))}
    files |= {name: f"import gencontrol.{other}" for name, other in (("nerf/a", "nerf.b"), ("nerf/b", "nerf.a"))}
    first, second = house.faults(build(files), FLOORS)
    assert {"runs/a.py" in first, "runs/a.py" in second} == {True, False}


@pytest.mark.parametrize(
    ("file", "source", "why"),
    [
        ("images/a", "from gencontrol.runs.b import f", "images imports gencontrol.runs.b, a floor above"),
        ("errors", "x = 1\nimport gencontrol.images", "errors imports gencontrol.images, a floor above"),
        ("runs/a", "def f():\n    from gencontrol.cli import c", "runs imports gencontrol.cli.c, a floor above"),
        ("models/a", "from gencontrol import Front", "models imports gencontrol.runs.b, a floor above"),
        ("nerf/a", "import gencontrol.pipelines.d as d", "nerf imports gencontrol.pipelines.d, beside it"),
        ("pipelines/a", "from gencontrol.nerf import e", "pipelines imports gencontrol.nerf.e, beside it"),
        ("studio/a", "from gencontrol.cli.c import f", "studio imports gencontrol.cli.c, a floor above"),
        ("training/a", "from gencontrol.nerf.e import f", "training imports gencontrol.nerf.e, beside it"),
    ],
)
@pytest.mark.usefixtures("here")
def test_an_arrow_against_the_floors_is_refused(
    file: str, source: str, why: str, house: ModuleType, build: Build
) -> None:
    rooms = ("runs/b", "cli/c", "pipelines/d", "nerf/e", "studio/g")
    front = "from gencontrol.runs.b import Front as Front"
    laid = build(dict.fromkeys(rooms, "") | {"__init__": front, file: source})
    (fault,) = house.faults(laid, FLOORS)
    place = file if file.startswith("nerf") else f"core/{file}"
    assert fault.startswith(f"{place}.py:{source.count(chr(10)) + 1}: {why}")


def test_rooms_of_one_floor_may_import_each_other_one_way(house: ModuleType, build: Build) -> None:
    files = {"guidance/a": "from gencontrol.conditioning.b import f", "conditioning/b": ""}
    files |= {"training/a": "from gencontrol.engine.b import f", "engine/b": "from gencontrol.regions.a import f"}
    files |= {"regions/a": "import gencontrol.sprites.b", "sprites/b": "from gencontrol.regions.c import f"}
    assert house.faults(build(files | {"regions/c": ""}), FLOORS) == []


def test_a_room_without_a_floor_is_named(house: ModuleType, build: Build) -> None:
    (fault,) = house.faults(build({"cellar/a": "import gencontrol.errors"}), FLOORS)
    assert fault.startswith("cellar has no floor: give it one in pyproject.toml")


@pytest.mark.parametrize("files", [20, 21])
def test_a_folder_of_too_many_files_is_refused(files: int, house: ModuleType, build: Build) -> None:
    faults = house.faults(build({f"nerf/field/f{number}": "" for number in range(files)}), FLOORS)
    assert [fault.partition("nerf/field ")[2] for fault in faults] == (
        [] if files == 20 else ["holds 21 modules: at most 20, sort them into folders"]
    )


def test_the_command_prints_what_is_wrong_and_fails(build: Build) -> None:
    for source, code, text in (("import gencontrol.runs", 1, "errors imports"), ("", 0, "floors: 5 files, no circle")):
        laid = build({"errors": source})
        command = [sys.executable, str(ROOT / "tests" / "_house.py"), str(laid)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert (done.returncode, text in done.stdout) == (code, True), done.stdout + done.stderr


def test_it_sees_all_of_the_package(house: ModuleType, tmp_path: Path) -> None:
    for name, folder in PYPROJECT["tool"]["setuptools"]["package-dir"].items():
        if "." not in name:
            (tmp_path / name).mkdir()
            for path in (ROOT / folder).iterdir():
                (tmp_path / name / path.name).symlink_to(path)
        else:
            (tmp_path / name.replace(".", "/")).symlink_to(ROOT / folder)
    folders = PYPROJECT["tool"]["setuptools"]["package-dir"].values()
    assert len(house.read_modules(tmp_path)) == sum(len([*(ROOT / folder).rglob("*.py")]) for folder in folders)
    arrows = house.read_arrows(house.read_modules(tmp_path))
    assert arrows["gencontrol.cli.main"] and arrows["gencontrol.nerf.method.model"]
    # A front door is no stop: whoever imports from it imports from the file behind. (`configs` holds no code.)
    met = {
        imported
        for found in arrows.values()
        for imported in found
        if imported in PYPROJECT["tool"]["setuptools"]["packages"]
    }
    assert met <= {"gencontrol.configs"}


def test_lint_runs_it_on_the_link_tree() -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    assert "\n\t$(BIN)/python tests/_house.py build/typecheck\n" in makefile
    assert "make test" in (ROOT / ".ci" / "run").read_text(encoding="utf-8")
    assert "\ntest: lint typecheck pytest" in makefile


@pytest.mark.parametrize("name", ["gencontrol/runs/plan.py", "nerf/field/grid.py", "gencontrol/cli/vary.py"])
def test_only_the_command_line_prints(name: str) -> None:
    command = [sys.executable, "-m", "ruff", "check", "--no-cache", "--output-format", "concise", "--stdin-filename"]
    done = subprocess.run(
        [*command, name, "-"], input="print(1)\n", cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert ("T201" in done.stdout) == ("/cli/" not in name)
