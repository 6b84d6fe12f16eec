"""Re-exports that load on first use (PEP 562), so that `import gencontrol` stays instant."""

import importlib
import sys
from collections.abc import Callable
from typing import Any


def lazy_exports(
    package: str, exports: dict[str, str]
) -> tuple[Callable[[str], Any], Callable[[], list[str]], list[str]]:
    """Make a package's `__getattr__`, `__dir__` and `__all__`.

    To a type checker every name of such a package would be `Any`, misspelt ones too. So this is called where checkers
    do not look, in the `else` of `if TYPE_CHECKING:`, under which the names are imports; a test keeps both lists equal.

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
