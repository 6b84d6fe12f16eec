"""Fixtures that every package's tests share."""

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import pytest


@pytest.fixture(scope="session")
def tiny() -> ModuleType:
    """The builders of tests/_tiny.py (under importlib mode, test folders are not on the path)."""
    spec = importlib.util.spec_from_file_location("_tiny", Path(__file__).with_name("_tiny.py"))
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["_tiny"] = module
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="session")
def tiny_folder(tiny: ModuleType, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A random-weight folder in the layout of the embedded model `tiny`; read it, do not write in it."""
    return tiny.save_folder(tmp_path_factory.mktemp("models") / "tiny")


@pytest.fixture(scope="session")
def unclip_folder(tiny: ModuleType, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A random-weight Stable unCLIP folder, as stock diffusers saves it; read it, do not write in it."""
    return tiny.save_unclip_folder(tmp_path_factory.mktemp("models") / "unclip")
