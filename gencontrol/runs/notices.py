"""What a run has to show while it goes: warnings, which each face shows in its own way and a caller can catch.

Pictures and masks give `RegionWarning`s of the core; whatever else a run has to say is one of these. As in errors, a
setting's name stands in backticks. The libraries' own bars are for terminals.
"""

import logging
import re
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from gencontrol.errors import GencontrolError


class RunWarning(UserWarning):
    """What every process of a run comes to say alike: showing it once is enough."""


class ShareWarning(RunWarning):
    """What one process has to say about its own share of a run: each is shown."""


def without_advice(message: str, argument: str) -> str:
    """A message of the core less its advice to give an argument that cannot be given where it came up.

    Args:
        message: Names the argument in backticks, behind "or", in a clause of its own or in a sentence of its own.
        argument: Its name.
    """
    name = rf"`{argument}`"
    message = re.sub(rf",? or [^.;:`]*{name}", "", message)
    message = re.sub(rf"; [^.;`]*{name}[^.;`]*", "", message)
    return re.sub(rf" [A-Z][^.;`]*{name}\.", "", message)


def warn(message: str, category: type[RunWarning] = RunWarning) -> None:
    """Warn, at the line that calls the caller's function."""
    warnings.warn(message, category, stacklevel=3)


@contextmanager
def naming(path: Path, *, among: int) -> Iterator[None]:
    """Say of which picture the block's errors and warnings are, where there are several.

    Args:
        path: The picture that the block reads.
        among: How many pictures the run has; of a single one nothing more is said.

    Raises:
        GencontrolError: The block's, of its own class, with the picture's name.
    """
    if among < 2:
        yield
        return
    caught: list[warnings.WarningMessage] = []
    try:
        with warnings.catch_warnings(record=True) as caught:
            yield
    except GencontrolError as error:
        raise type(error)(_named(str(error), path)) from error
    finally:
        # Also where the block ends early: what a library said on the way to an error, or before Ctrl-C, is not lost.
        for warning in caught:
            warnings.warn(_named(str(warning.message), path), warning.category, stacklevel=3)


def _named(message: str, path: Path) -> str:
    return message if str(path) in message else f"{path}: {message}"


def is_watched() -> bool:
    """Whether somebody sees bars that grow: standard error is a terminal."""
    return sys.stderr.isatty()


def quiet_loggers() -> None:
    """Leave out what libraries tell of products that are not installed, and of homes that cannot be written in.

    diffusers loads bitsandbytes, for four bits or not, and nerfstudio matplotlib, whose cache is a convenience.
    """
    for name in ("bitsandbytes", "matplotlib"):
        logging.getLogger(name).setLevel(logging.ERROR)


def quiet_loading() -> None:
    """Switch the libraries' loading bars off where nobody watches them, and what they tell of others' products."""
    quiet_loggers()
    if not is_watched():
        from diffusers.utils import logging as diffusers_logging
        from transformers.utils import logging as transformers_logging

        diffusers_logging.disable_progress_bar()
        transformers_logging.disable_progress_bar()
