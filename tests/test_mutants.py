"""The search for unnoticed changes, on a library of two functions, and on what it must leave alone."""

import dataclasses
import subprocess
from pathlib import Path
from types import ModuleType

import pytest

BLUR = '''"""1 + 1."""

import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    SIDE = 3


@dataclass(frozen=True, kw_only=True)
class Cap:
    most: bool = True



_log = logging.getLogger(__name__)


def capped(value: int | None, *, most: int = 3) -> int | None:
    """Up to 3 - 1."""
    _log.info("%d", 1 + 1)
    while value is not None and value < most:
        value = value + 1
    return value


def doubled(value: int) -> int:
    return value * 2
'''

TESTS = """
from gencontrol.images.blur import capped


def test_it():
    assert (capped(1), capped(5), capped(None), capped(0, most=1)) == (3, 5, None, 1)
"""


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A library of one module, its tests, and what must not be changed."""
    files = {
        "gencontrol/__init__.py": "X = 1 + 1\n",
        "gencontrol/images/__init__.py": "",
        "gencontrol/images/blur.py": BLUR,
        "tests/images/test_blur.py": TESTS,
        "tests/images/test_other.py": "def test_nothing():\n    pass\n",
        "benchmarks/speed.py": "X = 1 + 1\n",
    }
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text, encoding="utf-8")
    for command in (["init", "-q"], ["add", "."], ["-c", "user.name=a", "-c", "user.email=a@b", "commit", "-qm", "1"]):
        subprocess.run(["git", "-C", str(tmp_path), *command], check=True)
    return tmp_path


def test_what_no_test_notices_survives(
    mutants: ModuleType, checkout: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    wanted = {("Mul_Div", "return value * 2"), ("Add_Sub", "value = value + 1"), ("Lt_LtE", "while value is not")}

    def some(found, count, seed):
        lines = BLUR.splitlines()
        return [m for m in found if any(m.operator.endswith(o) and c in lines[m.line - 1] for o, c in wanted)]

    monkeypatch.setattr(mutants, "draw", some)
    results = mutants.main(mutants.Settings(files=(Path("gencontrol"),), jobs=2, slack=1.0), checkout)
    assert {(r.mutant.operator[-7:], r.outcome) for r in results} == {
        ("Mul_Div", "survived"),
        ("Add_Sub", "timed out"),
        ("_Lt_LtE", "killed"),
    }
    assert (checkout / "gencontrol" / "images" / "blur.py").read_text() == BLUR
    printed = capsys.readouterr().out.rpartition("\n\n")
    line = 1 + BLUR.splitlines().index("    return value * 2")
    missed = f"gencontrol/images/blur.py:{line}: survived\n    - return value * 2\n    + return value / 2"
    assert missed in printed[0].rpartition("3/3")[2]
    assert [line.split() for line in printed[2].splitlines()] == [
        ["killed", "1", "33%"],
        ["survived", "1", "33%"],
        ["timed", "out", "1", "33%"],
    ]


def test_only_what_runs_is_changed(mutants: ModuleType) -> None:
    path = Path("gencontrol/images/blur.py")
    found = mutants.mutants_of(path, BLUR)
    lines = [BLUR.splitlines()[mutant.line - 1].strip() for mutant in found]
    assert set(lines) == {
        "@dataclass(frozen=True, kw_only=True)",
        "most: bool = True",
        "def capped(value: int | None, *, most: int = 3) -> int | None:",
        "while value is not None and value < most:",
        "value = value + 1",
        "return value * 2",
    }
    # Of the record, the decorator as a whole; of the signature, the default alone.
    assert [m.operator for m, line in zip(found, lines, strict=True) if "@" in line] == ["core/RemoveDecorator"]
    assert [m.operator for m, line in zip(found, lines, strict=True) if "def " in line] == ["core/NumberReplacer"] * 2
    for mutant in found:
        changed = mutant.apply(BLUR)
        compile(changed, "changed", "exec")
        # A decorator goes with its line and the blank ones above.
        gone = 3 if "Decorator" in mutant.operator else 0
        assert changed != BLUR and len(changed.splitlines()) == len(BLUR.splitlines()) - gone


def test_of_strict_only_that_of_zip_is_left_out(mutants: ModuleType) -> None:
    source = "def f(a, b, net):\n    net.load_state_dict(a, strict=True)\n    return [*zip(a, b, strict=True)]\n"
    found = mutants.mutants_of(Path("gencontrol/images/blur.py"), source)
    assert [(mutant.operator, mutant.line) for mutant in found] == [("core/ReplaceTrueWithFalse", 2)]


def test_a_sample_is_of_its_seed(mutants: ModuleType) -> None:
    found = mutants.mutants_of(Path("gencontrol/images/blur.py"), BLUR)
    assert mutants.draw(found, 5, 1) == mutants.draw(found, 5, 1) != mutants.draw(found, 5, 2)
    assert sorted(map(repr, mutants.draw(found, 1000, 0))) == sorted(map(repr, found))


def test_files_are_the_librarys_and_those_that_changed(mutants: ModuleType, checkout: Path) -> None:
    blur, settings = Path("gencontrol/images/blur.py"), mutants.Settings(base="HEAD")
    assert mutants.chosen_files(checkout, dataclasses.replace(settings, files=(Path("gencontrol"), blur))) == [blur]
    with pytest.raises(SystemExit, match="No module of gencontrol, pipelines, nerf in what has changed since HEAD"):
        mutants.chosen_files(checkout, settings)
    for name in ("gencontrol/__init__.py", "gencontrol/images/blur.py", "benchmarks/speed.py"):
        (checkout / name).write_text("Y = 2\n")
    assert mutants.chosen_files(checkout, settings) == [blur]
    with pytest.raises(SystemExit, match=r"in benchmarks\."):
        mutants.chosen_files(checkout, dataclasses.replace(settings, files=(Path("benchmarks"),)))


@pytest.mark.parametrize(
    ("path", "first", "count"),
    [
        ("gencontrol/images/blur.py", "tests/images/test_blur.py", 2),
        ("gencontrol/images/gone.py", "tests/images/test_blur.py", 2),
        ("gencontrol/files.py", "tests/test_files.py", 1),
        ("nerf/rays/cameras.py", "tests/nerf/rays/test_cameras.py", 2),
        ("gencontrol/errors.py", "", 0),
    ],
)
def test_tests_are_the_mirrored_ones_first(
    path: str, first: str, count: int, mutants: ModuleType, checkout: Path
) -> None:
    nerf = ("tests/nerf/test_all.py", "tests/nerf/rays/test_cameras.py", "tests/nerf/field/test_grid.py")
    for name in ("tests/test_files.py", "tests/test_lazy.py", *nerf):
        (checkout / name).parent.mkdir(parents=True, exist_ok=True)
        (checkout / name).touch()
    found = mutants.tests_of(checkout, Path(path))
    assert len(found) == count and found[:1] == ((first,) if first else ())


def test_nothing_is_changed_where_tests_fail(mutants: ModuleType, checkout: Path) -> None:
    (checkout / "tests" / "images" / "test_other.py").write_text("def test_it():\n    assert not 'broken'\n")
    with pytest.raises(SystemExit, match=r"tests/images/test_other\.py must pass before anything is changed"):
        mutants.main(mutants.Settings(files=(Path("gencontrol"),), sample=1, jobs=1), checkout)
