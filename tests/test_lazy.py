"""Lazy re-exports, and that every package's two lists of them agree."""

import ast
import sys
from pathlib import Path
from types import ModuleType

import pytest

from gencontrol.lazy import lazy_exports

ROOT = Path(__file__).parents[1]
# Where the folders of the import packages are; see package-dir in pyproject.toml.
FOLDERS = {"gencontrol": ROOT / "gencontrol"}
FOLDERS |= {f"gencontrol.{p.parent.name}": p.parent for p in ROOT.glob("gencontrol/*/__init__.py")}
FOLDERS |= {f"gencontrol.{name}": ROOT / name for name in ("configs", "nerf", "pipelines")}


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
    if typed := typed_exports(file):
        assert typed == lazily_exported(file)


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
