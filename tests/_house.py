"""Holds the floors of the house: which file may import which, read from the package laid together.

    python tests/_house.py build/typecheck

`make lint` runs it on the link tree that it lays; `tests/test_house.py` tests it on planted ones. An import counts
wherever it stands: in a function, under `if TYPE_CHECKING:`, or as a string that is a module's name, which is how
`lazy_exports` and `import_module` are told one. A name that a package only hands on counts as imported from the file
that defines it. import-linter would hold the floors too, but it sees circles of folders only, and no such strings.
"""

import ast
import graphlib
import os
import sys
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

MOST_FILES = 20
"""Modules that a folder may hold before a newcomer stops reading their names."""


@dataclass(frozen=True, kw_only=True)
class Module:
    """One file of the package."""

    name: str
    """Full, without `.__init__`."""
    path: Path
    """Through the links."""
    tree: ast.Module
    """What is in it."""

    def at(self, line: int) -> str:
        """A place in the file, as editors take it: where the file lies, not where it is linked."""
        return f"{os.path.relpath(self.path.resolve())}:{line}"


Modules = Mapping[str, Module]
"""Name -> module."""
Arrows = Mapping[str, Mapping[str, int]]
"""Importer -> imported -> line of the first import."""


def read_modules(root: Path) -> Modules:
    """Every module below a folder of packages; links are followed."""
    found = {}
    for folder, _, names in os.walk(root, followlinks=True):
        for path in (Path(folder, name) for name in names if name.endswith(".py")):
            parts = path.relative_to(root).with_suffix("").parts
            name = ".".join(parts[:-1] if parts[-1] == "__init__" else parts)
            found[name] = Module(name=name, path=path, tree=ast.parse(path.read_bytes(), path))
    return dict(sorted(found.items()))


def read_arrows(modules: Modules) -> Arrows:
    """Who imports whom. A file's own packages are left out: Python imports them before the file in any case."""
    arrows: dict[str, dict[str, int]] = {name: {} for name in modules}
    for module in modules.values():
        for imported, line in imports(module, modules):
            if not f"{module.name}.".startswith(f"{imported}."):
                arrows[module.name].setdefault(imported, line)
    return arrows


def imports(module: Module, modules: Modules) -> Iterator[tuple[str, int]]:
    """The modules that a file imports, with the line."""
    for node in ast.walk(module.tree):
        if isinstance(node, ast.Import):
            yield from ((alias.name, node.lineno) for alias in node.names if alias.name in modules)
        elif isinstance(node, ast.ImportFrom) and node.module:
            names = (definer(node.module, alias.name, modules) for alias in node.names)
            yield from ((name, node.lineno) for name in names if name in modules)
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and node.value in modules:
            yield node.value, node.lineno


def definer(package: str, name: str, modules: Modules) -> str:
    """The module that `from package import name` is about."""
    passed = set()
    while f"{package}.{name}" not in modules and package in modules and package not in passed:
        passed.add(package)
        package = exports(modules[package], modules).get(name, package)
    return f"{package}.{name}" if f"{package}.{name}" in modules else package


def exports(package: Module, modules: Modules) -> dict[str, str]:
    """Name -> module, of what an `__init__.py` hands on by import statements and by its table of strings."""
    found: dict[str, str] = {}
    if package.path.name == "__init__.py":
        for node in ast.walk(package.tree):
            found |= {name: source for name, source in _handed_on(node) if source in modules}
    return found


def _handed_on(node: ast.AST) -> Iterator[tuple[str, str]]:
    if isinstance(node, ast.ImportFrom) and node.module:
        yield from ((alias.asname or alias.name, node.module) for alias in node.names)
    elif isinstance(node, ast.Dict):
        for key, value in zip(node.keys, node.values, strict=True):
            if isinstance(key, ast.Constant) and isinstance(value, ast.Constant):
                yield str(key.value), str(value.value)


def circles(modules: Modules, arrows: Arrows) -> Iterator[str]:
    """Files that import each other in a circle; a circle's arrows are taken away before the next is looked for."""
    left = {importer: dict(imported) for importer, imported in arrows.items()}
    while True:
        try:
            graphlib.TopologicalSorter(left).prepare()
            return
        except graphlib.CycleError as error:
            ring = error.args[1][::-1]  # graphlib names the imported file before the importer
        steps = [modules[a].at(left[a].pop(b)) for a, b in pairwise(ring)]
        yield f"circle: {' -> '.join([*steps, steps[0].partition(':')[0]])}"


def wrong_arrows(modules: Modules, arrows: Arrows, floors: Sequence[str]) -> Iterator[str]:
    """Imports from a floor above, and between rooms of one floor that `|` parts."""
    places = {
        room.strip(): (height, wing)
        for height, floor in enumerate(floors)
        for wing, rooms in enumerate(floor.split("|"))
        for room in rooms.split(",")
    }
    rooms = {name: name.split(".")[1] for name in modules if "." in name}
    for room in sorted({*rooms.values()} - {*places}):
        yield f"{room} has no floor: give it one in pyproject.toml, under [tool.gencontrol]"
    for importer, imported, line in ((a, b, line) for a, found in arrows.items() for b, line in found.items()):
        here, there = (places.get(rooms.get(name, "")) for name in (importer, imported))
        if here is None or there is None or here == there:
            continue
        if there[0] > here[0] or (there[0] == here[0] and there[1] != here[1]):
            why = "a floor above" if there[0] > here[0] else "beside it, behind a wall"
            yield f"{modules[importer].at(line)}: {rooms[importer]} imports {imported}, {why}"


def corridors(modules: Modules) -> Iterator[str]:
    """Folders of too many files."""
    folders = [module.path.parent for module in modules.values()]
    for folder in sorted(set(folders)):
        if folders.count(folder) > MOST_FILES:
            there = os.path.relpath(folder.resolve())
            yield f"{there} holds {folders.count(folder)} modules: at most {MOST_FILES}, sort them into folders"


def loose_records(modules: Modules, plain: Sequence[str] = ()) -> Iterator[str]:
    """Dataclasses that can be changed, or be filled by position; `plain` names the modules that may hold such."""
    for module in (module for name, module in modules.items() if name.partition(".")[2] not in plain):
        classes = (node for node in ast.walk(module.tree) if isinstance(node, ast.ClassDef))
        for line in (line for node in classes for line in _loose(node)):
            yield f"{module.at(line)}: a record is @dataclass(frozen=True, kw_only=True)"


def _loose(node: ast.ClassDef) -> Iterator[int]:
    for decorator in node.decorator_list:
        call = isinstance(decorator, ast.Call)
        if ast.unparse(decorator.func if call else decorator).rpartition(".")[2] == "dataclass":
            said = {word.arg: ast.unparse(word.value) for word in decorator.keywords} if call else {}
            if not said.get("frozen") == said.get("kw_only") == "True":
                yield decorator.lineno


def faults(root: Path, floors: Sequence[str], plain: Sequence[str] = ()) -> list[str]:
    """All that is wrong with the packages in a folder, a line each."""
    modules = read_modules(root)
    arrows = read_arrows(modules)
    wrong = wrong_arrows(modules, arrows, floors)
    return [*circles(modules, arrows), *wrong, *corridors(modules), *loose_records(modules, plain)]


def main(root: str) -> int:
    """Print what is wrong; 1 if anything is."""
    project = tomllib.loads(Path(__file__).parents[1].joinpath("pyproject.toml").read_text(encoding="utf-8"))
    house = project["tool"]["gencontrol"]
    found = faults(Path(root), house["floors"], house["plain-records"])
    print("\n".join(found) or f"floors: {len(read_modules(Path(root)))} files, no circle, no arrow upward")
    return bool(found)


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
