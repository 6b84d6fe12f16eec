"""Lazy re-exports, and that every package's two lists of them agree."""

import ast
import json
import re
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

from gencontrol.lazy import lazy_exports

ROOT = Path(__file__).parents[1]
# Where the folders of the import packages are; see package-dir in pyproject.toml.
MAPPED = {"gencontrol": ROOT / "gencontrol"} | {f"gencontrol.{n}": ROOT / n for n in ("configs", "nerf", "pipelines")}
FOLDERS = {
    ".".join([name, *init.parent.relative_to(folder).parts]): init.parent
    for name, folder in MAPPED.items()
    for init in sorted(folder.rglob("__init__.py"))
}


@pytest.fixture
def package(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """A package that re-exports two names of the standard library."""
    module = ModuleType("lazy_package")
    monkeypatch.setitem(sys.modules, "lazy_package", module)
    module.__getattr__, module.__dir__, module.__all__ = lazy_exports(  # type: ignore[method-assign]
        "lazy_package", {"Fraction": "fractions", "gone": "no_such_module_anywhere", "wrong": "fractions"}
    )
    return module


def test_a_name_is_loaded_on_first_use_and_kept(package: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "fractions", raising=False)
    assert "Fraction" not in vars(package)
    fraction = package.Fraction
    assert fraction(1, 2) * 2 == 1
    assert vars(package)["Fraction"] is fraction and package.Fraction is fraction


def test_all_and_dir_load_nothing(package: ModuleType) -> None:
    assert package.__all__ == ["Fraction", "gone", "wrong"]
    assert dir(package) == ["Fraction", "gone", "wrong"]


def test_an_unknown_name_is_an_attribute_error(package: ModuleType) -> None:
    with pytest.raises(AttributeError, match="module 'lazy_package' has no attribute 'Fractoin'"):
        _ = package.Fractoin
    with pytest.raises(AttributeError):
        _ = package.wrong
    assert not hasattr(package, "__wrapped__")


def test_a_missing_module_is_told_as_such(package: ModuleType) -> None:
    with pytest.raises(ModuleNotFoundError, match="no_such_module_anywhere"):
        _ = package.gone


@pytest.mark.parametrize("package", FOLDERS)
def test_re_exports_exist_and_hide_no_module(package: str) -> None:
    """A re-export with a module's name would be taken by whichever is imported first."""
    exports = lazily_exported(FOLDERS[package] / "__init__.py")
    for name, module in exports.items():
        folder, _, stem = module.rpartition(".")
        assert name in defined(FOLDERS[folder] / f"{stem}.py"), f"{module} defines no {name}"
    assert not set(exports) & {path.stem for path in FOLDERS[package].iterdir()}


@pytest.mark.parametrize("package", FOLDERS)
def test_names_for_type_checkers_are_the_lazy_ones(package: str) -> None:
    file = FOLDERS[package] / "__init__.py"
    assert typed_exports(file) == lazily_exported(file)


@pytest.mark.slow
def test_type_checkers_know_every_name(tmp_path: Path) -> None:
    """What a checker says of the package laid together, to a file outside it: no name is `Any`, nor made up."""
    laid = lay_together(tmp_path / "laid")
    names = [f"{package}.{name}" for package in FOLDERS for name in lazily_exported(FOLDERS[package] / "__init__.py")]
    assert {"gencontrol.AlphaCLIP", "gencontrol.Region", "gencontrol.pipelines.open_pipeline"} <= set(names)
    misspelt = [f"{package}.misspelt" for package in {name.rpartition(".")[0] for name in names}]
    lines = [*(f"import {package}" for package in FOLDERS), *(f"reveal_type({n})" for n in [*names, *misspelt])]
    said = pyright(tmp_path / "user.py", "\n".join(lines), laid)
    revealed = {match[1]: match[2] for match in re.finditer(r'Type of "(\S+)" is "(.*)"', "\n".join(said))}
    assert [name for name in names if re.fullmatch(r"(type\[)?(Any|Unknown)\]?", revealed[name])] == []
    told = (re.match(r'"misspelt" is not a known attribute of module "(.*)"', line) for line in said)
    unknown = {match[1] for match in told if match}
    assert unknown == {name.removesuffix(".misspelt") for name in misspelt}


def lay_together(folder: Path) -> Path:
    """The package in one piece, through links, as `make typecheck` lays it."""
    (folder / "gencontrol").mkdir(parents=True)
    siblings = [path for name, path in MAPPED.items() if name != "gencontrol"]
    for path in [*MAPPED["gencontrol"].iterdir(), *siblings]:
        (folder / "gencontrol" / path.name).symlink_to(path)
    return folder


def pyright(file: Path, text: str, laid: Path) -> list[str]:
    """What pyright says of a file."""
    file.write_text(text)
    settings = {"include": [file.name], "extraPaths": [str(laid)], "pythonVersion": "3.11"}
    (file.parent / "pyrightconfig.json").write_text(json.dumps(settings))
    command = [sys.executable, "-m", "pyright", "--pythonpath", sys.executable, "--outputjson", "-p", str(file.parent)]
    done = subprocess.run(command, capture_output=True, text=True, cwd=file.parent)
    return [entry["message"] for entry in json.loads(done.stdout)["generalDiagnostics"]]


def defined(file: Path) -> set[str]:
    """The names of a module's own functions, classes and assignments."""
    names: set[str] = set()
    for node in ast.parse(file.read_text()).body:
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            names.add(node.name)
        elif isinstance(node, ast.Assign | ast.AnnAssign):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            names |= {n.id for target in targets for n in ast.walk(target) if isinstance(n, ast.Name)}
    return names


def lazily_exported(file: Path) -> dict[str, str]:
    """The mapping in a package's call of `lazy_exports`."""
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "lazy_exports":
            return ast.literal_eval(node.args[1])
    return {}


def typed_exports(file: Path) -> dict[str, str]:
    """The names imported under `if TYPE_CHECKING:`, and from where."""
    found: dict[str, str] = {}
    for node in ast.parse(file.read_text()).body:
        if isinstance(node, ast.If) and isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING":
            for imported in node.body:
                assert isinstance(imported, ast.ImportFrom) and imported.module is not None
                found |= {alias.asname or alias.name: imported.module for alias in imported.names}
    return found
