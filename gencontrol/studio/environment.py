"""Variables of the environment that libraries and other processes read."""

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

QUIET = {"GRADIO_ANALYTICS_ENABLED": "False", "HF_HUB_DISABLE_TELEMETRY": "1"}
"""With which gradio and the hub's client tell nobody anything."""


@contextmanager
def environment(values: Mapping[str, str]) -> Iterator[None]:
    """Set them while the block lasts."""
    before = {name: os.environ.get(name) for name in values}
    os.environ.update(values)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value
