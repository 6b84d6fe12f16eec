"""Odd files, a runner that is called many times in one test, and how many inputs are tried."""

import contextlib
import hashlib
import io
import os
import re
import tempfile
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType

import pytest
from hypothesis import HealthCheck, note, settings

from gencontrol.cli.main import main

_COMMON = {
    "deadline": None,
    "suppress_health_check": list(HealthCheck),
    "database": None,
}
# `--hypothesis-profile search --hypothesis-seed N` tries others, and more; `make odd` does that.
settings.register_profile("same", derandomize=True, max_examples=25, **_COMMON)
settings.register_profile("search", max_examples=int(os.environ.get("EXAMPLES", "400")), **_COMMON)
settings.load_profile("same")


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What a command came to."""

    code: int
    """Exit code."""
    out: str
    """Standard output."""
    err: str
    """Standard error."""
    folder: Path
    """Where it was started."""
    changed: frozenset[Path]
    """Odd files that are not as they were."""


Try = Callable[..., Outcome]
FOREIGN = re.compile(
    r"Traceback|<class|<function| object at 0x|Tensor\(|tensor\(|torch\.Size|"
    r"KeyError|NoneType|weights_only|allow_pickle|\[Errno"
)
"""What Python, and not a person, would say."""


@pytest.fixture(scope="session")
def odd_builders() -> ModuleType:
    """The builders of tests/odd/_files.py."""
    return load_beside("_files.py")


@pytest.fixture(scope="session")
def words() -> ModuleType:
    """The strategies of tests/odd/_words.py."""
    return load_beside("_words.py")


@pytest.fixture(scope="session")
def beside() -> Callable[[str], ModuleType]:
    """A function that imports a file of this folder."""
    return load_beside


def load_beside(name: str) -> ModuleType:
    """Import a helper file of this folder: under importlib mode, test folders are not on the path."""
    spec = spec_from_file_location("odd" + Path(name).stem, Path(__file__).with_name(name))
    assert spec is not None and spec.loader is not None
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="session")
def odd_files(tmp_path_factory: pytest.TempPathFactory, odd_builders: ModuleType) -> Path:
    """A folder of files of every kind; read it, do not write in it."""
    return odd_builders.write_files(tmp_path_factory.mktemp("odd") / "files")


@pytest.fixture(scope="session")
def attempt(tmp_path_factory: pytest.TempPathFactory, odd_files: Path) -> Iterator[Try]:
    """Run `gencontrol` in this process, in a new folder each time; the odd files are looked at afterwards."""
    base, started = tmp_path_factory.mktemp("runs"), Path.cwd()
    known: dict[Path, dict[Path, str]] = {}

    def run(*arguments: object, watched: Path = odd_files) -> Outcome:
        before = known.setdefault(watched, _digests(watched))
        folder = Path(tempfile.mkdtemp(dir=base))
        os.chdir(folder)
        out, err = (io.TextIOWrapper(io.BytesIO(), encoding="utf-8", write_through=True) for _ in range(2))
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            code = main([str(argument) for argument in arguments])
        after = _digests(watched)
        changed = {path for path in before if before[path] != after.get(path)}
        _take_away(watched, after.keys() - before.keys())
        # What stands on standard output may be a picture.
        texts = [stream.buffer.getvalue().decode(errors="replace") for stream in (out, err)]  # pyright: ignore[reportAttributeAccessIssue]
        return Outcome(code=code, out=texts[0], err=texts[1], folder=folder, changed=frozenset(changed))

    yield run
    os.chdir(started)


@pytest.fixture(scope="session")
def checked() -> Callable[[Outcome, list[str]], None]:
    """A function that checks what holds of every command, whatever it was given."""
    return _check


def _check(done: Outcome, arguments: list[str]) -> None:
    note(f"{arguments}\n{done.code}\n{done.out}\n{done.err}")
    assert done.code in (0, 1, 2)
    assert not done.changed, "an input is not as it was"
    assert not FOREIGN.search(done.err) and not FOREIGN.search(done.out)
    assert not [path for path in done.folder.rglob("*") if path.suffix in (".tmp", ".part")]
    if done.code and done.err.strip():
        # What is noticed on the way stands before; what made it stop is the last line (of tyro's own, a box).
        *_, last = done.err.rstrip().splitlines()
        assert last.startswith(("gencontrol: ", "╰")), last
        assert len(last) < 1200
        assert "wrote " not in done.out
    # A command without a word shows what there is, on standard output.
    assert not done.code or done.err.strip() or "usage: gencontrol" in done.out


def _take_away(folder: Path, made: Iterable[Path]) -> None:
    """What was written where nothing was: the next command is to find the folder as this one did."""
    for path in made:
        path.unlink()
    parents = {parent for path in made for parent in path.parents if parent.is_relative_to(folder) and parent != folder}
    for parent in sorted(parents, key=lambda path: len(path.parts), reverse=True):
        if not any(parent.iterdir()) and parent.name != "empty folder":
            parent.rmdir()


def _digests(folder: Path) -> dict[Path, str]:
    """Of every regular file, links not followed; a pipe would be waited for."""
    found = (path for path in folder.rglob("*") if path.is_file() and not path.is_symlink())
    return {path: hashlib.sha256(path.read_bytes()).hexdigest() for path in found}
