"""nerfstudio's trainer, whose commands end in one line where an error of ours ends them, as `gencontrol` does.

Imports torch and nerfstudio only: every `ns-*` command reads it.
"""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal

from nerfstudio.engine.trainer import Trainer

from gencontrol.errors import GencontrolError

DEBUG = "GENCONTROL_DEBUG"
"""Environment variable: if it is set, where an error was raised is shown, as nerfstudio does."""


@contextmanager
def ending_in_one_line() -> Iterator[None]:
    """Where one of nerfstudio's commands runs, end it with what an error of ours says.

    They know no errors of plug-ins: whatever is raised is shown with the way to where it was raised, thirty lines that
    are nothing to who only has to change a flag. Anywhere else, in Python or in `gencontrol nerf`, the error goes on.

    Raises:
        SystemExit: With the line, which Python prints on standard error; the exit code is 1.
        GencontrolError: The block's, where no such command runs.
    """
    try:
        yield
    except GencontrolError as error:
        command = Path(sys.argv[0]).stem
        if not command.startswith("ns-") or os.environ.get(DEBUG):
            raise
        raise SystemExit(f"{command}: {' '.join(str(error).split())}") from error


class SteeredTrainer(Trainer):
    """The stock trainer, with the method's errors as its users want them."""

    def setup(self, test_mode: Literal["test", "val", "inference"] = "val") -> None:
        """See `Trainer.setup`.

        Raises:
            SystemExit: See `ending_in_one_line`.
        """
        with ending_in_one_line():
            super().setup(test_mode)

    def train(self) -> Any:
        """See `Trainer.train`.

        Raises:
            SystemExit: See `ending_in_one_line`.
        """
        with ending_in_one_line():
            return super().train()
