"""Offline: the hub's client is told before it is loaded, since not all that it asks goes by `local_files_only`."""

import os
from collections.abc import Iterator
from contextlib import contextmanager

SWITCH = "HF_HUB_OFFLINE"
"""Environment variable that huggingface_hub reads when it is imported."""


@contextmanager
def offline(wanted: bool) -> Iterator[None]:
    """Within the block, a hub client that is loaded asks nothing, not even what program started it.

    Args:
        wanted: Whether to; else the environment is left as it is.
    """
    before = os.environ.get(SWITCH)
    if wanted:
        os.environ[SWITCH] = "1"
    try:
        yield
    finally:
        if wanted and before is None:
            del os.environ[SWITCH]
        elif wanted and before is not None:
            os.environ[SWITCH] = before
