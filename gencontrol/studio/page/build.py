"""The page put together, and into a server."""

import os
import tempfile
import warnings
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from importlib.resources import files
from pathlib import Path
from typing import Any

import gradio as gr
from gradio.themes import Soft

from gencontrol.errors import ConfigError, InputError
from gencontrol.images.picture import PictureWarning
from gencontrol.images.reading import read_image
from gencontrol.models.registry import PRESETS
from gencontrol.studio.environment import QUIET, environment
from gencontrol.studio.page.events import connect
from gencontrol.studio.page.layout import lay_out
from gencontrol.studio.page.routes import page_routes, spatial_routes
from gencontrol.studio.page.sealed import Sealed
from gencontrol.studio.page.sessions import Sessions
from gencontrol.studio.page.spatial_events import connect_spatial
from gencontrol.studio.page.studio import Studio
from gencontrol.studio.serving import Serving, serving
from gencontrol.studio.settings import LARGEST_UPLOAD, StudioSettings
from gencontrol.studio.spatial.desk import Desk
from gencontrol.studio.spatial.runs import SpatialRuns
from gencontrol.studio.spatial.scenes import SentScenes
from gencontrol.text_files import check_no_address, read_text


@contextmanager
def studio_serving(settings: StudioSettings) -> Iterator[Serving]:
    """A server with a page, ready to run.

    Raises:
        GencontrolError: See `gencontrol.studio.serving.serving`; or a file of passwords that cannot be used, or a
            folder for what is made that is not one.
    """
    passwords = None if settings.auth is None else read_passwords(Path(settings.auth))
    picture = None if settings.picture is None else _checked(Path(settings.picture))
    with (
        _root(settings.output) as root,
        environment({**QUIET, "GRADIO_TEMP_DIR": str(root / "served")}),
        # Their processes are gone before the folder is.
        closing(SpatialRuns(root / "spatial" / "runs")) as runs,
    ):

        def page(app: Any, pool: Any) -> Any:
            sessions = Sessions(root, keeps=settings.output is not None)
            private = passwords is None
            models = list(dict.fromkeys([settings.model, *(PRESETS if private else ())]))
            studio = Studio(pool, sessions, models=models, private=private, offline=settings.offline)
            scenes = SentScenes(root / "spatial" / "scenes", served=root / "served")
            desk = Desk(runs, scenes, private=private)
            app.router.routes.extend([*page_routes(studio), *spatial_routes(desk)])
            blocks = make_page(studio, desk, picture=picture, concurrency=settings.concurrency)
            return Sealed(mount(app, blocks, passwords), root / "served")

        with serving(settings, host=settings.host, page=page, passworded=passwords is not None) as ready:
            yield ready


def _checked(picture: Path) -> Path:
    """A picture to begin with, by its whole path; what is wrong with it is told here, not by an empty page.

    Raises:
        InputError: Nothing there, an address, or no picture: a folder, a device, another kind of file.
    """
    if not os.path.lexists(picture):
        check_no_address(picture, what="a picture")
        raise InputError(f"No picture at {picture}.")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", PictureWarning)
        read_image(picture)
    return picture.absolute()


def make_page(studio: Studio, desk: Desk, *, picture: Path | None, concurrency: int) -> gr.Blocks:
    """The page, for `mount`.

    Args:
        studio: What does its work.
        desk: What does that of the tab of three dimensions.
        picture: What a visit begins with.
        concurrency: Runs at one time.
    """
    with gr.Blocks(analytics_enabled=False, title="gencontrol studio", fill_width=True) as blocks:
        parts = lay_out(studio.models, own_models=studio.private, spatial=desk.is_able())
        connect(parts, studio, picture=picture, concurrency=concurrency, page=blocks)
        connect_spatial(parts.spatial, desk, page=blocks)
    # Nobody is turned away: who comes while others draw waits.
    blocks.queue(max_size=None, default_concurrency_limit=8)
    return blocks


def mount(app: Any, blocks: gr.Blocks, passwords: Sequence[tuple[str, str]] | None) -> Any:
    """The application with the page at its root; nothing that lies elsewhere is served, and nothing is sent."""
    css = files("gencontrol.studio.page").joinpath("assets", "page.css").read_text(encoding="utf-8")
    return gr.mount_gradio_app(
        app,
        blocks,
        path="/",
        auth=None if passwords is None else list(passwords),
        allowed_paths=[],
        max_file_size=LARGEST_UPLOAD,
        ssr_mode=False,
        enable_monitoring=False,
        run_history=False,
        mcp_server=False,
        pwa=False,
        footer_links=[],
        show_error=True,
        # Fonts of the machine: gradio's own come from elsewhere.
        theme=Soft(font=["system-ui", "sans-serif"], font_mono=["ui-monospace", "monospace"]),
        css=css,
    )


def read_passwords(path: Path) -> list[tuple[str, str]]:
    """The USER:PASSWORD lines of a file.

    Raises:
        ConfigError: A file that others can read, or one with another kind of line.
    """
    text = read_text(path, what="a file of USER:PASSWORD lines", error=ConfigError)
    if path.stat().st_mode & 0o077:
        raise ConfigError(f"`auth` {path}: others can read it: chmod 600 {path.name}.")
    pairs = [line.partition(":") for line in text.splitlines() if line.strip()]
    if not pairs or not all(user.strip() and password for user, _, password in pairs):
        raise ConfigError(f"`auth` {path}: expected lines of USER:PASSWORD.")
    return [(user.strip(), password) for user, _, password in pairs]


@contextmanager
def _root(output: str | None) -> Iterator[Path]:
    """The folder in which everything lies; unless it is named, it goes at the end."""
    if output is None:
        with tempfile.TemporaryDirectory(prefix="gencontrol-studio-", ignore_cleanup_errors=True) as name:
            yield Path(name).resolve()
        return
    folder = Path(output).absolute()
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ConfigError(f"`output` {output}: cannot be made as a folder: {error.strerror}.") from error
    yield folder.resolve()
