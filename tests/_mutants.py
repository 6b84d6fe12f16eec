"""Changes the library in small ways, one at a time, and looks whether its mirrored tests notice.

    python tests/_mutants.py --base HEAD~1                  files that have changed since a commit
    python tests/_mutants.py --files nerf/rays gencontrol/images/blur.py --sample 20 --seed 1

`make mutants` runs it. The changes are cosmic-ray's; everything happens in copies of the checkout, the working tree
included as it is, each of which is laid together as `make typecheck` lays it. A file's tests are its mirrored file, the
others of that folder, and those of the folder above, so a change that only a far-away test notices counts as unnoticed.
"""

import ast
import os
import queue
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Literal

import tyro
from cosmic_ray.ast import ast_nodes, get_ast
from cosmic_ray.mutating import mutate_code
from cosmic_ray.plugins import get_operator

LIBRARY = ("gencontrol", "pipelines", "nerf")
"""Top-level folders with code that is shipped."""

SWAPS = {
    "ReplaceBinaryOperator": "Add_Sub Sub_Add Mul_Div Div_Mul FloorDiv_Mul Mod_Mul Pow_Mul BitOr_BitAnd BitAnd_BitOr",
    "ReplaceComparisonOperator": (
        "Eq_NotEq NotEq_Eq Lt_LtE Lt_GtE LtE_Lt LtE_Gt Gt_GtE Gt_LtE GtE_Gt GtE_Lt Is_IsNot IsNot_Is"
    ),
    "ReplaceUnaryOperator": "USub_UAdd Delete_Invert Delete_Not",
}
OTHERS = (
    "AddNot ReplaceTrueWithFalse ReplaceFalseWithTrue ReplaceAndWithOr ReplaceOrWithAnd ReplaceBreakWithContinue "
    "ReplaceContinueWithBreak NumberReplacer RemoveDecorator ZeroIterationForLoop"
)
OPERATORS = (
    *(f"core/{family}_{swap}" for family, swaps in SWAPS.items() for swap in swaps.split()),
    *(f"core/{name}" for name in OTHERS.split()),
)
"""Of cosmic-ray's changes those that leave a program which could be meant: an `or` of two floats raises in any test."""

LOGS = ("_log", "log", "logging")
"""Names that lines of a log are written through."""

Outcome = Literal["killed", "survived", "timed out"]


@dataclass(frozen=True, kw_only=True)
class Settings:
    """What to change."""

    base: str = "HEAD~1"
    """Commit since which a file has changed."""
    files: tuple[Path, ...] = ()
    """Files and folders to change instead."""
    sample: int = 100
    """Changes to try, drawn from all that there are."""
    seed: int = 0
    """Of the draw."""
    jobs: int = 2
    """Copies that are tested at once."""
    slack: float = 30.0
    """Seconds that a change may take beyond three times what its tests take without one."""


@dataclass(frozen=True, kw_only=True)
class Mutant:
    """One small change."""

    path: Path
    """The file, from the checkout's root."""
    operator: str
    """Of `OPERATORS`."""
    occurrence: int
    """Which of the places in the file that the operator could change."""
    line: int
    """Of the first thing that changes, from 1."""

    def apply(self, source: str) -> str:
        """The changed text of the file."""
        changed = mutate_code(source, get_operator(self.operator)(), self.occurrence)
        assert changed is not None
        return changed


@dataclass(frozen=True, kw_only=True)
class Result:
    """What became of a change."""

    mutant: Mutant
    """The change."""
    outcome: Outcome
    """What its tests said."""
    before: str
    """The line, as it is."""
    after: str
    """As it was changed."""

    def __str__(self) -> str:
        where = f"{self.mutant.path}:{self.mutant.line}: {self.outcome}"
        return f"{where}\n    - {self.before.strip()}\n    + {self.after.strip()}"


def chosen_files(root: Path, settings: Settings) -> list[Path]:
    """The library's modules that are to be changed, from the root; an `__init__.py` is a table, and left out.

    Raises:
        SystemExit: There are none.
    """
    names: Iterable[Path] = settings.files
    if not settings.files:
        names = map(Path, _git(root, "diff", "--name-only", "--diff-filter=d", settings.base).splitlines())
    below = {path for name in names for path in (root / name, *(root / name).rglob("*.py"))}
    files = (path.relative_to(root) for path in below if path.suffix == ".py" and path.name != "__init__.py")
    modules = sorted(path for path in files if path.parts[0] in LIBRARY)
    if not modules:
        asked = " ".join(map(str, settings.files)) or f"what has changed since {settings.base}"
        raise SystemExit(f"No module of {', '.join(LIBRARY)} in {asked}.")
    return modules


def tests_of(root: Path, path: Path) -> tuple[str, ...]:
    """The mirrored test file of a module, the others of its folder, and those of the folder above; those that exist."""
    parts = path.parts[1:] if path.parts[0] == "gencontrol" else path.parts
    folder = (root / "tests").joinpath(*parts[:-1])
    mirrored = folder / f"test_{path.name}"
    # What lies in the root of the core has a test file each, and no folder of its own.
    rooms = [room for room in (folder, folder.parent) if room.is_relative_to(root / "tests") and room != root / "tests"]
    others = (file for room in rooms for file in sorted(room.glob("test_*.py")))
    return tuple(dict.fromkeys(str(file.relative_to(root)) for file in (mirrored, *others) if file.is_file()))


def mutants_of(path: Path, source: str) -> list[Mutant]:
    """All changes of a file, in its order, but for those of annotations, log lines and what only checkers read."""
    lines = source.splitlines()
    nodes = list(ast_nodes(get_ast(source)))
    left_out = list(silent_spans(ast.parse(source)))
    found = []
    for name in OPERATORS:
        operator = get_operator(name)()
        places = (start for node in nodes for start, _ in operator.mutation_positions(node))
        for occurrence, (line, column) in enumerate(places):
            # To cosmic-ray the star before keyword-only parameters is a product.
            star = lines[line - 1].startswith("*,", column)
            if not star and not any(start <= (line, column) < end for start, end in left_out):
                found.append(Mutant(path=path, operator=name, occurrence=occurrence, line=line))
    return sorted(found, key=lambda mutant: (mutant.line, mutant.operator, mutant.occurrence))


def silent_spans(tree: ast.Module) -> Iterator[tuple[tuple[int, int], tuple[int, int]]]:
    """(line, column) where annotations, log lines, `if TYPE_CHECKING:`, `stacklevel=` and `@dataclass` begin and end.

    What `@dataclass(frozen=True, kw_only=True)` says is held by `make lint`, for every record at once. Of `zip(...)`,
    `strict=` is left out too: it guards what our own code has made sure of.
    """
    for node in ast.walk(tree):
        for part in _silent(node):
            assert part.end_lineno is not None and part.end_col_offset is not None
            yield (part.lineno, part.col_offset), (part.end_lineno, part.end_col_offset)


def _silent(node: ast.AST) -> list[ast.expr | ast.stmt]:
    match node:
        case ast.arg(annotation=ast.expr() as annotation) | ast.AnnAssign(annotation=annotation):
            return [annotation]
        case ast.FunctionDef(returns=ast.expr() as returns):
            return [returns]
        case ast.Call(func=ast.Attribute(value=ast.Name(id=name))) if name in LOGS:
            return [node]
        case ast.keyword(arg="stacklevel"):
            return [node.value]
        case ast.Call(func=ast.Name(id="zip"), keywords=keywords):
            return [keyword.value for keyword in keywords if keyword.arg == "strict"]
        case ast.If(test=ast.Name(id="TYPE_CHECKING")):
            return [node]
        case ast.ClassDef(decorator_list=decorators):
            return [call for call in decorators if isinstance(call, ast.Call) and ast.unparse(call.func) == "dataclass"]
    return []


def draw(mutants: Sequence[Mutant], count: int, seed: int) -> list[Mutant]:
    """A sample without repetition, the same for a seed and a tree."""
    return random.Random(seed).sample(mutants, min(count, len(mutants)))


def copy_checkout(root: Path, folder: Path) -> Path:
    """Copy what git knows or would add, as it lies on disk, and lay the package together in `build/laid`."""
    for name in _git(root, "ls-files", "-z", "--cached", "--others", "--exclude-standard").split("\0"):
        if name and (root / name).is_file():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(root / name, folder / name)
    laid = folder / "build" / "laid" / "gencontrol"
    laid.mkdir(parents=True)
    mapped = (path for path in (folder / "pipelines", folder / "nerf", folder / "configs") if path.exists())
    for path in (*(folder / "gencontrol").iterdir(), *mapped):
        (laid / path.name).symlink_to(path)
    return folder


def run_tests(copy: Path, tests: Sequence[str], limit: float | None = None) -> tuple[Outcome, str]:
    """Run test files in a copy, up to the first failure; and what was printed. Without any, nothing is noticed."""
    if not tests:
        return "survived", ""
    command = [str(Path(sys.executable).with_name("pytest")), "-x", "-q", "-p", "no:cacheprovider", *tests]
    # No compiled files: a change within a second, of the same length, would not be noticed.
    ours = {"PYTHONPATH": str(copy / "build" / "laid"), "PYTHONDONTWRITEBYTECODE": "1", "OMP_NUM_THREADS": "1"}
    process = subprocess.Popen(
        command,
        cwd=copy,
        env=os.environ | ours,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )
    try:
        printed, _ = process.communicate(timeout=limit)
    except subprocess.TimeoutExpired:
        # With whatever the tests have started.
        os.killpg(process.pid, signal.SIGKILL)
        process.communicate()
        return "timed out", ""
    return "killed" if process.returncode else "survived", printed


def usual_seconds(copy: Path, tests: Sequence[str]) -> float:
    """How long tests take without a change.

    Raises:
        SystemExit: They fail.
    """
    started = time.monotonic()
    outcome, printed = run_tests(copy, tests)
    if outcome != "survived":
        raise SystemExit(f"{' '.join(tests)} must pass before anything is changed:\n{printed}")
    return time.monotonic() - started


def try_mutant(mutant: Mutant, copy: Path, *, tests: Sequence[str], limit: float) -> Result:
    """Change the copy, run the tests, and change it back."""
    path = copy / mutant.path
    source = path.read_text(encoding="utf-8")
    changed = mutant.apply(source)
    try:
        path.write_text(changed, encoding="utf-8")
        outcome, _ = run_tests(copy, tests, limit)
    finally:
        path.write_text(source, encoding="utf-8")
    before, after = (text.splitlines()[mutant.line - 1] for text in (source, changed))
    return Result(mutant=mutant, outcome=outcome, before=before, after=after)


def report(results: Sequence[Result]) -> str:
    """How many changes were noticed, and those that were not."""
    counts = {name: sum(result.outcome == name for result in results) for name in ("killed", "survived", "timed out")}
    lines = [f"{name:10}{count:5}{count / len(results):7.0%}" for name, count in counts.items()]
    missed = sorted(str(result) for result in results if result.outcome != "killed")
    return "\n".join([*missed, "", *lines])


def main(settings: Settings, root: Path = Path(__file__).parents[1]) -> list[Result]:
    """Draw changes, try them, and print what became of them."""
    files = chosen_files(root, settings)
    everything = [m for path in files for m in mutants_of(path, (root / path).read_text(encoding="utf-8"))]
    drawn = draw(everything, settings.sample, settings.seed)
    print(f"{len(drawn)} of {len(everything)} changes in {len(files)} files", flush=True)
    results = []
    with tempfile.TemporaryDirectory() as folder:
        copies = [copy_checkout(root, Path(folder, str(job))) for job in range(settings.jobs)]
        for result in try_all(drawn, copies, slack=settings.slack):
            results.append(result)
            print(f"{len(results)}/{len(drawn)} {result}", flush=True)
    print(f"\n{report(results)}")
    return results


def try_all(mutants: Sequence[Mutant], copies: Sequence[Path], *, slack: float) -> Iterator[Result]:
    """Try changes, as many at once as there are copies; results come in the changes' order."""
    free: queue.Queue[Path] = queue.Queue()
    for copy in copies:
        free.put(copy)

    def lend(work: Callable[..., Any]) -> Any:
        copy = free.get()
        try:
            return work(copy=copy)
        finally:
            free.put(copy)

    tests = {mutant.path: tests_of(copies[0], mutant.path) for mutant in mutants}
    # Files of one folder have the same tests, each in an order of its own: they are timed once.
    needed = sorted({tuple(sorted(files)) for files in tests.values()})
    with ThreadPoolExecutor(len(copies)) as pool:
        usual = pool.map(lend, [partial(usual_seconds, tests=files) for files in needed])
        limits = {files: 3 * seconds + slack for files, seconds in zip(needed, usual, strict=True)}
        yield from pool.map(
            lend,
            [partial(try_mutant, m, tests=tests[m.path], limit=limits[tuple(sorted(tests[m.path]))]) for m in mutants],
        )


def _git(root: Path, *arguments: str) -> str:
    return subprocess.run(["git", "-C", str(root), *arguments], check=True, capture_output=True, text=True).stdout


if __name__ == "__main__":
    main(tyro.cli(Settings, description=__doc__))
