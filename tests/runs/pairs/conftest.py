"""Data sets of coloured squares."""

from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType

import pytest


@pytest.fixture(scope="session")
def sets() -> ModuleType:
    """The builders of tests/engine/_sets.py."""
    path = Path(__file__).parents[2] / "engine" / "_sets.py"
    spec = spec_from_file_location("runs_sets", path)
    assert spec is not None and spec.loader is not None
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
