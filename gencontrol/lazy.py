"""Re-exports that load on first use (PEP 562), so that `import gencontrol` stays instant."""

import importlib
import sys
from collections.abc import Callable
from typing import Any


def lazy_exports(
    package: str, exports: dict[str, str]
) -> tuple[Callable[[str], Any], Callable[[], list[str]], list[str]]:
    """Make a package's `__getattr__`, `__dir__` and `__all__`.

    To a type checker the names would be `Any`, and misspelt ones too. So a package calls this under
    `if not TYPE_CHECKING:` only (or the `else` of its opposite), and has the names as imports for checkers; a test keeps
    the two lists equal.

    Args:
        package: The package's `__name__`.
        exports: Public name -> full name of the module that defines it.

    Returns:
        The three module attributes, to be assigned in the package's `__init__.py`.
    """

    def load(name: str) -> Any:
        """The export of that name, imported on first use and kept in the package."""
        if name not in exports:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        value = getattr(importlib.import_module(exports[name]), name)
        setattr(sys.modules[package], name, value)
        return value

    return load, lambda: sorted(exports), sorted(exports)
