from pathlib import Path
from types import ModuleType

import pytest
from accelerate.state import AcceleratorState, GradientState, PartialState


@pytest.fixture(scope="session")
def tasks() -> ModuleType:
    """The module `_tasks.py`."""
    import importlib.util

    path = Path(__file__).with_name("_tasks.py")
    spec = importlib.util.spec_from_file_location("_tasks", path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(autouse=True)
def fresh_accelerate():
    """accelerate keeps its state for the whole process; each test begins without."""
    yield
    for state in (AcceleratorState, GradientState, PartialState):
        state._reset_state()
