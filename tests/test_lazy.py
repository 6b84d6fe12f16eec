"""Lazy re-exports, and that every package's two lists of them agree."""

import ast
import importlib
import sys
from pathlib import Path
from types import ModuleType

import pytest

from gencontrol.lazy import lazy_exports

ROOT = Path(__file__).parents[1]
PACKAGES = sorted(
    ["gencontrol"]
    + [f"gencontrol.{p.parent.name}" for p in ROOT.glob("gencontrol/*/__init__.py")]
    + [f"gencontrol.{name}" for name in ("configs", "nerf", "pipelines") if (ROOT / name / "__init__.py").exists()]
)


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


@pytest.mark.parametrize("name", PACKAGES)
def test_re_exports_exist_and_hide_no_module(name: str) -> None:
    """A re-export with a module's name would be taken by whichever is imported first."""
    module = importlib.import_module(name)
    assert module.__file__ is not None
    exports = lazily_exported(Path(module.__file__))
    for export, source in exports.items():
        assert hasattr(importlib.import_module(source), export), f"{source} has no {export}"
    modules = {path.stem for path in Path(module.__file__).parent.iterdir()}
    assert not modules & set(exports)


@pytest.mark.parametrize("name", PACKAGES)
def test_names_for_type_checkers_are_the_lazy_ones(name: str) -> None:
    file = importlib.import_module(name).__file__
    assert file is not None
    typed = typed_exports(Path(file))
    if typed:
        assert typed == lazily_exported(Path(file))


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
