"""What the page asks the server for beside gradio: pictures that are sent, and those that it shows."""

import json
from collections.abc import Callable
from importlib.resources import files
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from starlette.concurrency import run_in_threadpool
from starlette.requests import ClientDisconnect, Request
from starlette.responses import FileResponse, JSONResponse, Response
from starlette.routing import Route

from gencontrol.errors import GencontrolError, InputError
from gencontrol.studio.page.sessions import Session
from gencontrol.studio.page.studio import Studio
from gencontrol.studio.page.words import in_labels
from gencontrol.studio.settings import LARGEST_UPLOAD
from gencontrol.studio.spatial.desk import Desk
from gencontrol.studio.spatial.records import MESH

_EXAMPLE = "example.png"
"""Drawings of Noto Emoji (Google, Apache-2.0) and Fluent Emoji (Microsoft, MIT)."""


def page_routes(studio: Studio) -> list[Route]:
    """The routes of a page."""

    async def picture(request: Request) -> Response:
        plainly = request.query_params.get("plainly") == "1"
        return await _taken(request, studio, lambda *sent: studio.take_picture(*sent, plainly=plainly))

    async def example(request: Request) -> Response:
        return await _taken(request, studio, lambda *sent: studio.take_picture(*sent, plainly=True), own=_EXAMPLE)

    async def mask(request: Request) -> Response:
        return await _taken(request, studio, studio.take_mask)

    async def shown(request: Request) -> Response:
        try:
            session = studio.sessions.find(request.path_params["session"])
        except InputError as error:
            return JSONResponse({"error": str(error)}, status_code=404)
        # One path segment, and only what lies there: nothing above it can be named.
        there = {path.name: path for path in (session.folder / "shown").glob("*.png")}
        path = there.get(request.path_params["name"])
        return Response(status_code=404) if path is None else FileResponse(path, media_type="image/png")

    return [
        Route("/studio/{session}/picture", picture, methods=["POST"]),
        Route("/studio/{session}/example", example, methods=["POST"]),
        Route("/studio/{session}/mask", mask, methods=["POST"]),
        Route("/studio/{session}/shown/{name}", shown),
    ]


def spatial_routes(desk: Desk) -> list[Route]:
    """The routes of the tab of three dimensions."""

    async def mesh(request: Request) -> Response:
        try:
            path = desk.mesh(request.path_params["run"])
        except InputError as error:
            return JSONResponse({"error": str(error)}, status_code=404)
        return Response(status_code=404) if path is None else FileResponse(path, media_type="model/gltf-binary")

    return [Route(f"/studio/spatial/{{run}}/{MESH}", mesh)]


async def _taken(
    request: Request, studio: Studio, take: Callable[[Session, Path], dict[str, Any]], *, own: str | None = None
) -> Response:
    """Receive a file, or take one of the page's own, and say what was made of it; what is wrong is said in a line."""
    try:
        session = studio.sessions.find(request.path_params["session"])
        path = session.place(own or unquote(request.headers.get("x-name", "picture.png"))[:200])
        if own is None:
            await _receive(request, session, path)
        else:
            path.write_bytes(files("gencontrol.studio.page").joinpath("assets", own).read_bytes())
        return JSONResponse(await run_in_threadpool(take, session, path))
    except GencontrolError as error:
        return JSONResponse({"error": in_labels(str(error))}, status_code=422)
    except ClientDisconnect:
        return Response(status_code=400)


async def _receive(request: Request, session: Session, path: Path) -> None:
    """Write what is sent to a file.

    Raises:
        InputError: Nothing, or more than there may be.
    """
    size = 0
    try:
        with path.open("xb") as file:
            async for chunk in request.stream():
                size += len(chunk)
                session.receive(len(chunk))
                if size > LARGEST_UPLOAD:
                    most = LARGEST_UPLOAD // 2**20
                    raise InputError(f"{path.name} is larger than {most} MB: scale it down first.")
                file.write(chunk)
        if not size:
            raise InputError(f"{path.name} is empty.")
    except BaseException:
        path.unlink(missing_ok=True)
        raise


def begin(studio: Studio, picture: Path | None) -> tuple[str, str]:
    """Open a session.

    Args:
        studio: Where.
        picture: What it begins with.

    Returns:
        The session's name, and what the page is to be told of it, as JSON.
    """
    session = studio.sessions.open()
    said: dict[str, Any] = {"session": session.name, "most": LARGEST_UPLOAD}
    if picture is not None:
        try:
            said |= studio.take_picture(session, picture, plainly=False)
        except GencontrolError as error:
            said["error"] = in_labels(str(error))
    return session.name, json.dumps(said)
