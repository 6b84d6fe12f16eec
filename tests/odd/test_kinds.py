"""Whatever a program passes in the place of an argument of a public call: it is taken, or one of our errors says why.

`make odd SEED=7 EXAMPLES=400` tries other values than the default run, which are the same each time.
"""

import contextlib
import inspect
import random
import re
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from hypothesis import Phase, currently_in_test_context, given, note, settings
from hypothesis import strategies as st
from jaxtyping import config

from gencontrol import AlphaCLIP
from gencontrol.errors import GencontrolError
from gencontrol.pipelines import open_pipeline
from gencontrol.tasks.llava.model import RegionLlava
from gencontrol.tasks.llava.opening import open_llava

FOREIGN = re.compile(r"Traceback|<class|<function| object at 0x|Tensor\(|tensor\(|array\(|NoneType|torch\.Size")


NOWHERE = ("AlphaCLIP.from_published", "open_reference_host", "open_module", "open_grounder")
"""What is opened from a file that is not there."""


@pytest.fixture(scope="session")
def wrong(beside: Callable[[str], ModuleType]) -> ModuleType:
    """The table of calls and the strategy of tests/odd/_wrong.py."""
    return beside("_wrong.py")


@pytest.fixture(scope="session")
def looks(beside: Callable[[str], ModuleType]) -> ModuleType:
    """The table of tests/odd/_wrong_of_looks.py."""
    return beside("_wrong_of_looks.py")


@pytest.fixture(scope="session")
def llava(llava_folder: Path, tiny: ModuleType, tmp_path_factory: pytest.TempPathFactory) -> RegionLlava:
    """A small language model that sees regions."""
    folder = tmp_path_factory.mktemp("kinds_tower")
    AlphaCLIP.from_clip(tiny.vision_tower(channels=4)).save_pretrained(folder / "tower")
    return open_llava(str(llava_folder), alpha_clip=folder / "tower")


class Calls(dict[str, Any]):
    """Name -> call and its arguments; hypothesis prints arguments of tests that fail, and warns of long ones."""

    def __repr__(self) -> str:
        return f"{len(self)} calls"


@pytest.fixture(scope="session")
def calls(
    wrong: ModuleType,
    looks: ModuleType,
    llava: RegionLlava,
    tiny_folder: Path,
    tmp_path_factory: pytest.TempPathFactory,
) -> dict[str, Any]:
    """Name -> call and its arguments."""
    pipeline: Any = open_pipeline(tiny_folder)
    pipeline.set_progress_bar_config(disable=True)
    encoder = AlphaCLIP.from_pretrained(tiny_folder / "alpha_clip")
    folder = tmp_path_factory.mktemp("kinds")
    called = wrong.calls(encoder, pipeline, tiny_folder, folder)
    return Calls(looks.calls(wrong.Tried, encoder, llava, folder) | called)


@pytest.fixture(scope="session")
def elsewhere(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder to be in."""
    return tmp_path_factory.mktemp("elsewhere")


def test_every_public_name_is_tried(wrong: ModuleType, looks: ModuleType, calls: dict[str, Any]) -> None:
    for package in (*wrong.PACKAGES, *looks.PACKAGES):
        public = {name for name in package.__all__ if callable(getattr(package, name))}
        # Edits have tests of their own.
        public = {name for name in public if ".editing." not in getattr(getattr(package, name), "__module__", "")}
        assert public - wrong.ELSEWHERE - looks.ELSEWHERE <= calls.keys(), package.__name__
    for task in looks.TASKS:
        assert looks.methods_of(task) - looks.ELSEWHERE <= calls.keys(), task.__name__
    methods = {name for name, _ in inspect.getmembers(AlphaCLIP, callable) if name in _own_methods()}
    assert {f"AlphaCLIP.{name}" for name in methods} <= calls.keys()


def _own_methods() -> set[str]:
    """Public methods of the class and of where it comes from, that take anything."""
    own = {name for kind in AlphaCLIP.__mro__ if "gencontrol" in kind.__module__ for name in vars(kind)}
    found = {name for name in own if not name.startswith("_") and callable(getattr(AlphaCLIP, name))}
    return {name for name in found if set(inspect.signature(getattr(AlphaCLIP, name)).parameters) - {"self"}}


def test_the_calls_work_with_what_they_take(calls: dict[str, Any]) -> None:
    for name, tried in calls.items():
        if not tried.is_slow and name not in NOWHERE:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                tried.call(**tried.keeps, **tried.takes)


@contextlib.contextmanager
def as_programs_do(folder: Path) -> Iterator[None]:
    """Within the block nothing stands before a call: the tests' own check of annotations does, and is stricter."""
    config.update("jaxtyping_disable", True)
    try:
        # Some calls write where they are told, and a name may be of this folder.
        with warnings.catch_warnings(), contextlib.chdir(folder):
            warnings.simplefilter("ignore")
            yield
    finally:
        config.update("jaxtyping_disable", False)


def refused_well(name: str, tried: Any, argument: str, value: Any) -> None:
    """Make the call: it takes the value, or says why not."""
    try:
        tried.call(**tried.keeps, **{**tried.takes, argument: value})
    except GencontrolError as error:
        said = str(error)
        if currently_in_test_context():
            note(said)
        assert 10 < len(said) < 1500
        assert not FOREIGN.search(said)
    except Exception as error:
        what = f"{name}: {argument} = {value!r} gives {type(error).__name__}: {error}"
        raise AssertionError(what[:900]) from error


# Nothing is gained by looking for a smaller seed.
@settings(phases=(Phase.generate,))
@given(seed=st.integers(0, 2**32))
def test_wrong_kinds_are_refused_at_the_door(
    wrong: ModuleType, calls: dict[str, Any], elsewhere: Path, seed: int
) -> None:
    chance = random.Random(seed)
    for name, tried in chance.sample(sorted(calls.items(), key=lambda entry: entry[0]), 10):
        argument, value = chance.choice(sorted(tried.takes)), wrong.wrong(chance)
        note(f"{name}: {argument} = {value!r}"[:200])
        with as_programs_do(elsewhere):
            refused_well(name, tried, argument, value)


@pytest.mark.slow
def test_every_wrong_kind_at_every_door(wrong: ModuleType, calls: dict[str, Any], elsewhere: Path) -> None:
    for name, tried in calls.items():
        for argument in tried.takes:
            with as_programs_do(elsewhere):
                for value in wrong.every():
                    refused_well(name, tried, argument, value)
