"""A server for programs alone: beside the JSON interface, its two runs as calls of gradio_client."""

import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import gradio as gr
from gradio.events import api

from gencontrol.studio.environment import QUIET, environment
from gencontrol.studio.serving import Serving, serving
from gencontrol.studio.settings import ServingSettings
from gencontrol.studio.warm.api import wrong
from gencontrol.studio.warm.worker import Runner

PLACE = "/gradio"
"""Where gradio_client finds the calls."""


@contextmanager
def calls_serving(settings: ServingSettings) -> Iterator[Serving]:
    """A server without a page, ready to run.

    Raises:
        GencontrolError: See `gencontrol.studio.serving.serving`.
    """
    with tempfile.TemporaryDirectory(prefix="gencontrol-serve-", ignore_cleanup_errors=True) as name:
        with environment({**QUIET, "GRADIO_TEMP_DIR": name}), serving(settings, page=mount_calls) as ready:
            yield ready


def mount_calls(app: Any, pool: Runner) -> Any:
    """The application with calls of gradio_client; see `gencontrol.studio.warm.api`."""

    def vary(settings: dict, folder: str | None = None) -> dict:
        """Draw variations."""
        job = {"do": "vary", "from_picture": None, "previews": None, "settings": settings, "folder": folder or None}
        return _done(pool, job, texts=False)

    def score(settings: dict, texts: list[str], folder: str | None = None) -> dict:
        """Score texts against the regions of a picture."""
        return _done(pool, {"do": "score", "settings": settings, "texts": texts, "folder": folder or None}, texts=True)

    with gr.Blocks(analytics_enabled=False) as blocks:
        api(vary, api_name="vary", concurrency_limit=None)
        api(score, api_name="score", concurrency_limit=None)
    # A run itself waits for its turn.
    blocks.queue(max_size=None)
    how: Any = {"allowed_paths": [], "ssr_mode": False, "enable_monitoring": False, "mcp_server": False, "pwa": False}
    return gr.mount_gradio_app(app, blocks, path=PLACE, show_error=True, footer_links=[], run_history=False, **how)


def _done(pool: Runner, job: Mapping[str, Any], *, texts: bool) -> dict[str, Any]:
    """What a run ends with, and what it warned of; its errors are the library's own lines."""
    amiss = wrong(job, texts=texts)
    if amiss is not None:
        raise gr.Error(amiss, print_exception=False)
    warned = []
    for message in pool.run(job):
        if message["kind"] == "error":
            raise gr.Error(message["message"], print_exception=False)
        if message["kind"] == "warning":
            warned.append(message["message"])
        if message["kind"] == "done":
            return {name: value for name, value in message.items() if name != "kind"} | {"warnings": warned}
    raise gr.Error("the server has gone.", print_exception=False)
